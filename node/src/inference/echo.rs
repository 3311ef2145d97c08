//! A model for tests.

use oml_engine::{Prompt, Sampling};

use super::engine::{ServedModel, plain_chat};
use super::scores::TokenLogProbability;

/// Answers with the prompt's words in reverse order, a byte a token; ends at `.`.
pub(super) struct Echo;

impl ServedModel for Echo {
    fn scores(
        &self,
        sequence: &[u32],
        start: usize,
        top: usize,
    ) -> Result<Vec<TokenLogProbability>, String> {
        let score = |token: &u32| {
            let text = self.decode(&[*token])?;
            let top = vec![(text.clone(), -0.5); top.min(1)];
            Ok(TokenLogProbability { text, log_probability: -0.5, top })
        };
        sequence[start..].iter().map(score).collect()
    }

    fn encode(&self, prompt: &Prompt) -> Result<Vec<u32>, String> {
        let text = match prompt {
            Prompt::Text(text) => text.clone(),
            Prompt::Chat(messages) => plain_chat(messages),
        };
        Ok(text.bytes().map(u32::from).collect())
    }

    fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        let bytes: Option<Vec<u8>> = tokens.iter().map(|t| u8::try_from(*t).ok()).collect();
        Ok(String::from_utf8_lossy(&bytes.ok_or("no byte")?).into_owned())
    }

    fn context(&self) -> usize {
        200
    }

    fn advance(
        &self,
        sequences: &[Vec<u32>],
        count: usize,
        _: Option<Sampling>,
    ) -> Result<Vec<Vec<u32>>, String> {
        sequences.iter().map(|tokens| self.next(tokens, count)).collect()
    }
}

impl Echo {
    /// The answer to `abc|` is `abc.`, to be continued from wherever the sequence is.
    fn next(&self, tokens: &[u32], count: usize) -> Result<Vec<u32>, String> {
        let text = self.decode(tokens)?;
        let (prompt, so_far) = text.split_once('|').ok_or("no |")?;
        let rest = prompt.as_bytes().get(so_far.len()..).unwrap_or_default();
        Ok(rest.iter().take(count).map(|b| u32::from(*b)).collect())
    }
}
