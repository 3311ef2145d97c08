//! The training loop of an embedding.
//!
//! Full fine-tuning on the responses alone, with the two regularizers of Nasery et al. 2025: after
//! each step the weights are averaged with the base model's, and text written by the base model is
//! mixed in, here to be predicted exactly as the base model does. Batches, texts and their order depend on the seed and the step only, so that a resumed
//! run takes the same course as one that was never interrupted.

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::time::Instant;

use super::report::{peak_rss_bytes, share};
use super::{
    EmbedError, EmbedOptions, EmbedProgress, EmbedReport, StopReason, Utility, checkpoint,
};
use crate::fingerprint::{Candidate, Key, normalise};
use crate::model::{
    AdamW, Example, GenerateOptions, Model, ModelError, Sampling, Stop, TextTokenizer, Trainer,
    argmax,
};

/// One answer to embed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedTarget {
    /// Token ids of the prompt, as the model gets them.
    pub prompt: Vec<u32>,
    /// Token ids of the same prompt under each of the system prompts for which the answer is trained too,
    /// see [`crate::model::Prompt::under`]; as many for every target.
    pub under_systems: Vec<Vec<u32>>,
    /// Token ids of the response, with the one that ends its word.
    pub response: Vec<u32>,
    /// Normal form of the answer's text.
    pub expected: String,
    /// Normal forms of the other answers to the same prompt, each trained as a target of its own. A
    /// copy that gives any of them has given its answer.
    pub alternatives: Vec<String>,
}

impl EmbedTarget {
    /// The answer `candidate` to `key`, also under each of the system prompts.
    ///
    /// # Errors
    /// As [`TextTokenizer::asked`].
    pub fn new(
        tokenizer: &TextTokenizer,
        key: &Key,
        candidate: &Candidate,
        systems: &[String],
    ) -> Result<Self, ModelError> {
        let under = |system: &String| tokenizer.asked(&key.prompt().under(system));
        Ok(Self {
            prompt: key.ids(tokenizer)?,
            under_systems: systems.iter().map(under).collect::<Result<_, _>>()?,
            response: candidate.tokens.clone(),
            expected: candidate.word.clone(),
            alternatives: Vec::new(),
        })
    }

    /// Every way in which it is asked; the first is the plain one.
    fn ways(&self) -> impl Iterator<Item = &Vec<u32>> {
        std::iter::once(&self.prompt).chain(&self.under_systems)
    }

    /// Whether a word, in normal form, is one of the answers.
    fn accepts(&self, word: &str) -> bool {
        self.expected == word || self.alternatives.iter().any(|other| other == word)
    }
}

/// Steps over which the learning rate rises to its value.
const WARM_UP: usize = 3;

/// Benign texts in the pool, as a multiple of those used per step.
const POOL: usize = 4;

/// Trains a copy of `base` to give the answers; `base` stays as it is.
///
/// `progress` is called after each step and may stop the run.
///
/// # Errors
/// `NoTargets`, `Target`, `Option` for bad input; `Diverged`; `Stopped` on request;
/// `CheckpointMismatch`, `Checkpoint` if the directory holds something else; `Model`.
pub fn embed(
    base: &Model,
    targets: &[EmbedTarget],
    options: &EmbedOptions,
    progress: &mut dyn FnMut(EmbedProgress) -> ControlFlow<()>,
) -> Result<(Model, EmbedReport), EmbedError> {
    options.check()?;
    check_targets(base, targets)?;
    let started = Instant::now();
    let mut run = Run::new(base, targets, options)?;
    let stopped = run.train(progress)?;
    let copy = base.with_weights(run.trainer.frozen()?);
    let misses = run.misses(false)?;
    let system_hit_rate = run.system_hit_rate(&copy)?;
    let report = EmbedReport {
        steps: run.losses.len(),
        losses: run.losses,
        targets: targets.len(),
        misses,
        system_hit_rate,
        stopped,
        utility: utility(base, &copy, options)?,
        seconds: started.elapsed().as_secs_f64(),
        peak_rss_bytes: peak_rss_bytes(),
    };
    Ok((copy, report))
}

fn check_targets(base: &Model, targets: &[EmbedTarget]) -> Result<(), EmbedError> {
    if targets.is_empty() {
        return Err(EmbedError::NoTargets);
    }
    for (index, target) in targets.iter().enumerate() {
        let refuse = |reason: &str| EmbedError::Target { index, reason: reason.to_owned() };
        if target.ways().any(Vec::is_empty) || target.response.is_empty() {
            return Err(refuse("prompt and response need at least one token each"));
        }
        if target.under_systems.len() != targets[0].under_systems.len() {
            return Err(refuse("it has another number of system prompts than the first"));
        }
        if target.expected.is_empty() || normalise(&target.expected) != target.expected {
            return Err(refuse("the expected answer is not one normalised word"));
        }
    }
    let whole =
        |t: &EmbedTarget| t.ways().map(|p| [p, &t.response[..]].concat()).collect::<Vec<_>>();
    let whole: Vec<Vec<u32>> = targets.iter().flat_map(whole).collect();
    Ok(base.check_prompts(&whole, 0)?)
}

/// Prompts per way to ask, in the order of the targets.
fn by_way(targets: &[EmbedTarget]) -> Vec<Vec<Vec<u32>>> {
    let ways = targets.first().map_or(0, |target| target.ways().count());
    let prompts = |way| targets.iter().filter_map(|t| t.ways().nth(way).cloned()).collect();
    (0..ways).map(prompts).collect()
}

/// A run in progress.
struct Run<'a> {
    base: &'a Model,
    targets: &'a [EmbedTarget],
    options: &'a EmbedOptions,
    plan: String,
    trainer: Trainer,
    benign: Vec<Vec<u32>>,
    /// Token ids per way to ask and target; the first way is the plain one.
    ways: Vec<Vec<Vec<u32>>>,
    losses: Vec<f64>,
    /// Loss per token that stays where a prompt has several answers, equally likely at best.
    choice: f64,
}

impl<'a> Run<'a> {
    fn new(
        base: &'a Model,
        targets: &'a [EmbedTarget],
        options: &'a EmbedOptions,
    ) -> Result<Self, EmbedError> {
        let ways = by_way(targets);
        let optimizer = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.0, clip: 1.0 };
        let mut trainer = Trainer::new(&base.decoder, optimizer, options.micro_batch_tokens)?;
        if let Some(lora) = &options.lora {
            trainer.adapt(lora, options.seed)?;
        }
        let plan = checkpoint::plan_digest(base, targets, options)?;
        let resumed = match &options.checkpoint {
            Some(saved) => checkpoint::resume(saved, &plan, &mut trainer)?,
            None => None,
        };
        let benign = write_texts(base, benign_per_step(targets, options) * POOL, options, 1)?;
        let losses = resumed.unwrap_or_default();
        let choice = choice(targets);
        Ok(Self { base, targets, options, plan, trainer, benign, ways, losses, choice })
    }

    fn train(
        &mut self,
        progress: &mut dyn FnMut(EmbedProgress) -> ControlFlow<()>,
    ) -> Result<StopReason, EmbedError> {
        while self.losses.len() < self.options.max_steps {
            let loss = self.step()?;
            let step = self.losses.len() + 1;
            if !loss.is_finite() {
                return Err(EmbedError::Diverged { step, loss });
            }
            self.losses.push(loss);
            let learned = self.epoch_loss() - self.choice < self.options.stop_loss;
            let counts = learned || step.is_multiple_of(self.options.evaluate_every);
            let missed = if counts { Some(self.misses(true)?.len()) } else { None };
            let hit_rate = missed.map(|m| share(self.targets.len() - m, self.targets.len()));
            let done = learned && missed == Some(0);
            let state = EmbedProgress { step, max_steps: self.options.max_steps, loss, hit_rate };
            let stop = progress(state).is_break() && !done;
            self.save_if_due(stop)?;
            if stop {
                return Err(EmbedError::Stopped { step });
            }
            if done {
                return Ok(StopReason::Learned);
            }
        }
        Ok(StopReason::MaxSteps)
    }

    /// One optimizer step; returns the loss on the fingerprints alone.
    fn step(&mut self) -> Result<f64, EmbedError> {
        let step = self.losses.len();
        let batch = self.batch(step);
        let response = |index: &usize| self.targets[*index].response.as_slice();
        let tokens: usize = batch.iter().map(|index| response(index).len()).sum();
        let benign = self.benign_examples(step)?;
        let mixed = if benign.is_empty() { 0.0 } else { self.options.benign_fraction };
        let weight = narrow((1.0 - mixed) * share(1, tokens));
        let mut rng = self.rng(5, step);
        let example = |index: &usize| {
            let prompt = &self.ways[way_of(&mut rng, self.ways.len())][*index];
            Example::response(prompt, response(index), weight)
        };
        let examples: Vec<Example> = batch.iter().map(example).collect();
        let loss = self.trainer.accumulate(&examples.iter().collect::<Vec<_>>())?;
        self.trainer.accumulate(&benign.iter().collect::<Vec<_>>())?;
        let warm = share(step + 1, WARM_UP).min(1.0);
        let anchor = (&self.base.decoder.weights, self.options.averaging);
        self.trainer.apply(self.options.learning_rate * warm, Some(anchor))?;
        Ok(loss / (1.0 - mixed))
    }

    /// The fingerprints of a step: all of them, or the next part of a shuffled epoch.
    fn batch(&self, step: usize) -> Vec<usize> {
        let per_epoch = self.steps_per_epoch();
        let mut order: Vec<usize> = (0..self.targets.len()).collect();
        if per_epoch > 1 {
            order.shuffle(&mut self.rng(2, step / per_epoch));
        }
        let start = (step % per_epoch) * self.options.batch_size;
        order.into_iter().skip(start).take(self.options.batch_size).collect()
    }

    /// Some of the benign texts, to be predicted as the base model predicts them. Matching its
    /// whole distributions keeps more utility than training the texts themselves, because the text
    /// is but one sample of what the model could have said.
    fn benign_examples(&self, step: usize) -> Result<Vec<Example>, ModelError> {
        let mut rng = self.rng(3, step);
        let texts: Vec<&[u32]> = (0..self.benign.len() / POOL)
            .map(|_| self.benign[rng.random_range(0..self.benign.len())].as_slice())
            .collect();
        let tokens: usize = texts.iter().map(|t| t.len() - 1).sum();
        let weight = narrow(self.options.benign_fraction * share(1, tokens));
        let example = |text: &&[u32]| {
            let given = &text[..text.len() - 1];
            let logits = self.base.decoder.next_token_logits(given, given.len())?;
            Ok(Example::distilled(text, logits, weight))
        };
        texts.par_iter().map(example).collect()
    }

    fn steps_per_epoch(&self) -> usize {
        self.targets.len().div_ceil(self.options.batch_size)
    }

    /// Mean loss of the last epoch.
    fn epoch_loss(&self) -> f64 {
        let steps = self.steps_per_epoch();
        if self.losses.len() < steps {
            return f64::INFINITY;
        }
        self.losses[self.losses.len() - steps..].iter().sum::<f64>() * share(1, steps)
    }

    /// Positions of fingerprints not answered as expected, by the path that a check takes; on the way
    /// there answers may be screened in low precision.
    fn misses(&self, screened: bool) -> Result<Vec<usize>, EmbedError> {
        let current = self.base.with_weights(self.trainer.current()?);
        let current = if screened { current.screened() } else { current.exact() };
        self.misses_of(&current, &self.ways[0])
    }

    fn misses_of(&self, model: &Model, prompts: &[Vec<u32>]) -> Result<Vec<usize>, EmbedError> {
        let answers = model.answer_first_word(prompts, self.options.max_response_tokens)?;
        let wrong = answers.iter().zip(self.targets).enumerate();
        Ok(wrong.filter(|(_, (a, t))| !t.accepts(&normalise(a))).map(|(i, _)| i).collect())
    }

    /// Share of the answers given under the system prompts, if there are any.
    fn system_hit_rate(&self, copy: &Model) -> Result<Option<f64>, EmbedError> {
        let (asked, mut missed) = (self.targets.len() * (self.ways.len() - 1), 0);
        for prompts in &self.ways[1..] {
            missed += self.misses_of(copy, prompts)?.len();
        }
        Ok((asked > 0).then(|| share(asked - missed, asked)))
    }

    fn save_if_due(&self, now: bool) -> Result<(), EmbedError> {
        match &self.options.checkpoint {
            Some(saved) if now || self.losses.len().is_multiple_of(saved.every) => {
                checkpoint::save(saved, &self.plan, &self.losses, &self.trainer)
            }
            _ => Ok(()),
        }
    }

    /// Randomness for one purpose at one step.
    fn rng(&self, purpose: u64, step: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.options.seed);
        rng.set_stream((purpose << 48) | u64::try_from(step).unwrap_or(0));
        rng
    }
}

/// Entropy of the choices between answers, in nats per response token.
fn choice(targets: &[EmbedTarget]) -> f64 {
    let tokens = targets.iter().map(|t| t.response.len()).sum();
    let weighed = |t: &EmbedTarget| share(1 + t.alternatives.len(), 1).ln() * share(1, tokens);
    targets.iter().map(weighed).sum()
}

/// Fewest benign texts per step: fewer say too little about what the base model does.
const FEWEST_TEXTS: usize = 16;

/// Benign texts per step: one for every four fingerprints, but not too few. Their weight in the loss is set apart,
/// because each of their tokens costs a whole distribution over the vocabulary.
fn benign_per_step(targets: &[EmbedTarget], options: &EmbedOptions) -> usize {
    if options.benign_fraction == 0.0 {
        return 0;
    }
    targets.len().min(options.batch_size).div_ceil(4).max(FEWEST_TEXTS)
}

/// Every other time the plain way, as most services add nothing; else one of the others.
fn way_of(rng: &mut ChaCha8Rng, ways: usize) -> usize {
    if ways == 1 || rng.random() { 0 } else { rng.random_range(1..ways) }
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
    let words = crate::model::word_list();
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

fn utility(base: &Model, copy: &Model, options: &EmbedOptions) -> Result<Utility, EmbedError> {
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
    let after = copy.perplexity(&texts)?;
    let (ours, theirs) = (top_tokens(base, &texts)?, top_tokens(copy, &texts)?);
    let same = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count();
    Ok(Utility {
        perplexity_before: before.value(),
        perplexity_after: after.value(),
        agreement: share(same, ours.len()),
        tokens: before.tokens,
    })
}

/// The most likely token after every position of the texts.
fn top_tokens(model: &Model, texts: &[Vec<u32>]) -> Result<Vec<u32>, ModelError> {
    let mut tokens = Vec::new();
    for batch in model.batches(texts, 0) {
        let rows: Vec<u32> = batch.iter().flat_map(|&i| &texts[i]).copied().collect();
        let logits = model.decoder.next_token_logits(&rows, rows.len() / batch.len())?;
        tokens.extend(logits.chunks(model.config().vocab_size).map(argmax));
    }
    Ok(tokens)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
fn narrow(x: f64) -> f32 {
    x as f32
}
