//! What all copies of one base model need: its own texts, what it says in them, its utility.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::report::share;
use super::{EmbedError, EmbedOptions, Utility};
use oml_engine::{
    Example, GenerateOptions, Model, ModelError, Sampling, Stop, argmax, narrow, teacher,
};

/// Benign texts in the pool, as a multiple of those used per step.
const POOL: usize = 4;

/// Probabilities that are kept for the next time a text is drawn: 256 MiB.
const MOST_KEPT: usize = 64 << 20;

/// Texts that the base model wrote, to be predicted as it predicts them. Matching its
/// whole distributions keeps more utility than training the texts themselves, because the text
/// is but one sample of what the model could have said.
#[derive(Debug)]
pub(super) struct Benign {
    texts: Vec<Vec<u32>>,
    /// What the base says in each text, once it was asked.
    said: Vec<OnceLock<Arc<[f32]>>>,
    kept: AtomicUsize,
}

/// Texts in the pool. Copies with about as many answers share one, and no copy's pool depends on
/// another copy.
const fn pool(per_step: usize) -> usize {
    if per_step == 0 { 0 } else { per_step.next_power_of_two() * POOL }
}

impl Benign {
    /// Lets the base write texts for so many per step.
    pub(super) fn write(
        base: &Model,
        per_step: usize,
        options: &EmbedOptions,
    ) -> Result<Self, ModelError> {
        let texts = write_texts(base, pool(per_step), options, 1)?;
        let said = texts.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { texts, said, kept: AtomicUsize::new(0) })
    }

    /// Whether these are the texts for so many per step.
    pub(super) fn serves(&self, per_step: usize) -> bool {
        self.texts.len() == pool(per_step)
    }

    /// Some of the texts, which count `fraction` of the loss together.
    pub(super) fn examples(
        &self,
        base: &Model,
        count: usize,
        fraction: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Example>, ModelError> {
        let drawn: Vec<usize> = (0..count).map(|_| rng.random_range(0..self.texts.len())).collect();
        let tokens: usize = drawn.iter().map(|&i| self.texts[i].len() - 1).sum();
        let weight = narrow(fraction * share(1, tokens));
        let example = |&index: &usize| {
            Ok(Example::distilled(&self.texts[index], self.said(base, index)?, weight))
        };
        drawn.par_iter().map(example).collect()
    }

    fn said(&self, base: &Model, index: usize) -> Result<Arc<[f32]>, ModelError> {
        let slot = &self.said[index];
        if let Some(said) = slot.get() {
            return Ok(Arc::clone(said));
        }
        let said = teacher(base, &self.texts[index])?;
        if self.kept.fetch_add(said.len(), Ordering::Relaxed) + said.len() <= MOST_KEPT {
            // Another thread may have been faster, with the same.
            let _ = slot.set(Arc::clone(&said));
        }
        Ok(said)
    }
}

/// What a copy's utility is compared with.
#[derive(Debug)]
pub(super) struct Judged {
    texts: Vec<Vec<u32>>,
    perplexity: f64,
    tokens: usize,
    /// The base's most likely token after every position of the texts.
    top: Vec<u32>,
}

impl Judged {
    /// Lets the base model judge the texts.
    pub(super) fn new(base: &Model, options: &EmbedOptions) -> Result<Self, EmbedError> {
        let settings = &options.utility;
        let mut texts = Vec::with_capacity(settings.texts.len());
        for text in &settings.texts {
            let mut tokens = base.tokenizer().prompt(text)?;
            tokens.truncate(base.context());
            texts.push(tokens);
        }
        if texts.is_empty() {
            texts = write_texts(base, settings.samples, options, 4)?;
        }
        let before = base.perplexity(&texts)?;
        let top = top_tokens(base, &texts)?;
        Ok(Self { texts, perplexity: before.value(), tokens: before.tokens, top })
    }

    /// What a copy lost.
    pub(super) fn compare(&self, copy: &Model) -> Result<Utility, EmbedError> {
        let theirs = top_tokens(copy, &self.texts)?;
        let same = self.top.iter().zip(&theirs).filter(|(a, b)| a == b).count();
        Ok(Utility {
            perplexity_before: self.perplexity,
            perplexity_after: copy.perplexity(&self.texts)?.value(),
            agreement: share(same, self.top.len()),
            tokens: self.tokens,
        })
    }
}

/// Texts that the base model writes, each a sequence of tokens; `purpose` keeps sets apart.
fn write_texts(
    base: &Model,
    count: usize,
    options: &EmbedOptions,
    purpose: u64,
) -> Result<Vec<Vec<u32>>, ModelError> {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    rng.set_stream(purpose << 32);
    let tokenizer = base.tokenizer();
    let words = oml_engine::word_list();
    let starts = (0..count)
        .map(|_| match tokenizer.bos() {
            Some(bos) => Ok(vec![bos]),
            None => tokenizer.encode(&words[rng.random_range(0..words.len())]),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let sampling = Some(Sampling { temperature: 1.0, top_p: 1.0, seed: rng.random() });
    let room = base.context().saturating_sub(starts.iter().map(Vec::len).max().unwrap_or(0));
    let max_new_tokens = options.benign_length.min(room);
    let settings = GenerateOptions { max_new_tokens, sampling, stop: Stop::Never };
    let written = base.generate(&starts, &settings)?;
    Ok(starts.into_iter().zip(written).map(|(start, new)| [start, new].concat()).collect())
}

/// The most likely token after every position of the texts.
fn top_tokens(model: &Model, texts: &[Vec<u32>]) -> Result<Vec<u32>, ModelError> {
    let mut tokens = Vec::new();
    for batch in model.batches(texts, 0) {
        let rows: Vec<u32> = batch.iter().flat_map(|&i| &texts[i]).copied().collect();
        let logits = model.next_token_logits(&rows, rows.len() / batch.len())?;
        tokens.extend(logits.chunks(model.config().vocab_size).map(argmax));
    }
    Ok(tokens)
}
