//! How well a model predicts a text.

use super::model::Model;
use crate::ModelError;
use crate::cpu::losses;

/// Perplexity of a model on texts: `exp` of the mean negative log-likelihood per predicted token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Perplexity {
    /// Mean negative log-likelihood in nats per token.
    pub nats_per_token: f64,
    /// Number of tokens that were predicted, over all sequences.
    pub tokens: usize,
}

impl Perplexity {
    /// `exp(nats per token)`.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.nats_per_token.exp()
    }
}

impl Model {
    /// Perplexity over token sequences; the first token of each is given, not predicted.
    ///
    /// # Errors
    /// `Parameter` if no sequence has two tokens; `TokenOutOfRange`, `PromptTooLong`, `Tensor`.
    pub fn perplexity(&self, sequences: &[Vec<u32>]) -> Result<Perplexity, ModelError> {
        let usable: Vec<Vec<u32>> = sequences.iter().filter(|s| s.len() > 1).cloned().collect();
        self.check_prompts(&usable, 0)?;
        let (mut nats, mut tokens) = (0.0, 0_usize);
        for batch in self.batches(&usable, 0) {
            let rows: Vec<&[u32]> = batch.iter().map(|&i| usable[i].as_slice()).collect();
            let losses = self.next_token_losses(&rows)?;
            nats += losses.iter().map(|&l| f64::from(l)).sum::<f64>();
            tokens += losses.len();
        }
        if tokens == 0 {
            return Err(ModelError::Parameter {
                name: "sequences",
                value: sequences.len().to_string(),
                requirement: "at least one of them must have two tokens or more",
            });
        }
        let count = u32::try_from(tokens).map_or(f64::MAX, f64::from);
        Ok(Perplexity { nats_per_token: nats / count, tokens })
    }

    /// Log-probability of each response after its prompt, in nats, summed over its tokens.
    ///
    /// # Errors
    /// `EmptyPrompt` if a prompt or response is empty; `TokenOutOfRange`, `PromptTooLong`,
    /// `Tensor`.
    pub fn log_probabilities(
        &self,
        pairs: &[(Vec<u32>, Vec<u32>)],
    ) -> Result<Vec<f64>, ModelError> {
        if let Some(index) = pairs.iter().position(|(p, r)| p.is_empty() || r.is_empty()) {
            return Err(ModelError::EmptyPrompt { index });
        }
        let joined: Vec<Vec<u32>> = pairs.iter().map(|(p, r)| [p.as_slice(), r].concat()).collect();
        self.check_prompts(&joined, 0)?;
        let mut results = vec![0.0; pairs.len()];
        for batch in self.batches(&joined, 0) {
            let rows: Vec<&[u32]> = batch.iter().map(|&i| joined[i].as_slice()).collect();
            let losses = self.next_token_losses(&rows)?;
            for (&index, losses) in batch.iter().zip(losses.chunks(rows[0].len() - 1)) {
                let given = pairs[index].0.len() - 1;
                results[index] = -losses[given..].iter().map(|&l| f64::from(l)).sum::<f64>();
            }
        }
        Ok(results)
    }

    /// Negative log-likelihood of every token but the first of sequences of one length.
    fn next_token_losses(&self, rows: &[&[u32]]) -> Result<Vec<f32>, ModelError> {
        let t = rows[0].len() - 1;
        let inputs: Vec<u32> = rows.iter().flat_map(|row| &row[..t]).copied().collect();
        let targets: Vec<u32> = rows.iter().flat_map(|row| &row[1..]).copied().collect();
        let logits = self.decoder.next_token_logits(&inputs, t)?;
        Ok(losses(&logits, &targets)?)
    }
}
