//! What an attack costs the host.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{RobustnessError, ServedModel};
use oml_engine::{GenerateOptions, Model, Sampling, Stop, argmax, ranked_probabilities, word_list};

/// How a served model does on ordinary text.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ServedUtility {
    /// Perplexity on the texts, as served. Tokens that a host never says count with the probability
    /// of a blind guess.
    pub perplexity: f64,
    /// Probability that the served next token is the one that the base model finds likeliest.
    pub agreement: f64,
    /// Positions of the texts that were measured.
    pub tokens: usize,
}

/// Texts that the base model writes, of `length` tokens and its start.
///
/// # Errors
/// `Model`.
pub fn base_texts(
    base: &Model,
    count: usize,
    length: usize,
    seed: u64,
) -> Result<Vec<Vec<u32>>, RobustnessError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let tokenizer = base.tokenizer();
    let words = word_list();
    let starts = (0..count)
        .map(|_| match tokenizer.bos() {
            Some(bos) => Ok(vec![bos]),
            None => tokenizer.encode(&words[rng.random_range(0..words.len())]),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let longest = starts.iter().map(Vec::len).max().unwrap_or(0);
    let options = GenerateOptions {
        max_new_tokens: length.min(base.context().saturating_sub(longest)),
        sampling: Some(Sampling { temperature: 1.0, top_p: 1.0, seed: rng.random() }),
        stop: Stop::Never,
    };
    let written = base.generate(&starts, &options)?;
    Ok(starts.into_iter().zip(written).map(|(start, new)| [start, new].concat()).collect())
}

/// Utility of a served model on texts (token sequences that start as prompts do).
///
/// What a host does at the first position of an answer is measured at every position of the texts,
/// as if an answer began there.
///
/// # Errors
/// `Model`.
pub(crate) fn served_utility(
    base: &Model,
    served: &ServedModel,
    texts: &[Vec<u32>],
) -> Result<ServedUtility, RobustnessError> {
    let prefix = match &served.serving.prefix {
        Some(prefix) => served.model.tokenizer().encode(prefix)?,
        None => Vec::new(),
    };
    let bos = usize::from(base.tokenizer().bos().is_some());
    let vocabulary = base.config().vocab_size;
    let blind = (vocabulary as f64).ln();
    let mut sums = Sums::default();
    for text in texts.iter().filter(|text| text.len() > bos.max(1)) {
        let given = &text[..text.len() - 1];
        let theirs = [&given[..bos], &prefix, &given[bos..]].concat();
        if theirs.len() > served.model.context() {
            continue;
        }
        let expected = base.next_token_logits(given, given.len())?;
        let mut logits = served.model.next_token_logits(&theirs, theirs.len())?;
        let skipped = bos.max(1) - 1;
        let rows = logits.chunks_mut(vocabulary).skip(prefix.len() + skipped);
        let wanted = expected.chunks(vocabulary).skip(skipped).zip(&text[skipped + 1..]);
        for (row, (base_row, target)) in rows.zip(wanted) {
            served.suppress(row);
            sums.add(row, argmax(base_row), *target, served.serving.temperature, blind);
        }
    }
    let count = sums.tokens.max(1) as f64;
    Ok(ServedUtility {
        perplexity: (sums.nats / count).exp(),
        agreement: sums.same / count,
        tokens: sums.tokens,
    })
}

#[derive(Default)]
struct Sums {
    nats: f64,
    same: f64,
    tokens: usize,
}

impl Sums {
    fn add(
        &mut self,
        row: &[f32],
        expected: u32,
        target: u32,
        temperature: Option<f32>,
        blind: f64,
    ) {
        let scale = temperature.unwrap_or(1.0);
        let ranked = ranked_probabilities(row, scale);
        let of = |token: u32| {
            ranked.iter().find(|(id, _)| *id == token).map_or(0.0, |(_, p)| f64::from(*p))
        };
        let probability = of(target);
        self.nats += if probability > 0.0 { (-probability.ln()).min(2.0 * blind) } else { blind };
        self.same += match temperature {
            Some(_) => of(expected),
            None => f64::from(u8::from(argmax(row) == expected)),
        };
        self.tokens += 1;
    }
}
