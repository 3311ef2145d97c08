//! The training loop of an embedding.
//!
//! Full fine-tuning on the responses alone, with the two regularizers of Nasery et al. 2025: after
//! each step the weights are averaged with the base model's, and text written by the base model is
//! mixed in, here to be predicted exactly as the base model does. Batches, texts and their order
//! depend on the seed and the step only, so that a resumed run takes the same course as one that
//! was never interrupted.

use oml_contracts::tag::normalise;
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::ops::ControlFlow;
use std::time::Instant;

use super::base::{Benign, Judged};
use super::report::{peak_rss_bytes, share};
use super::target::misses;
use super::{
    CheckpointOptions, EmbedError, EmbedOptions, EmbedProgress, EmbedReport, EmbedTarget,
    StopReason, Utility, checkpoint,
};
use oml_engine::{AdamW, Example, FloatType, Model, Trainer, narrow};

/// Steps over which the learning rate rises to its value.
const WARM_UP: usize = 3;

/// Trains a copy of `base` to give the answers; `base` stays as it is. For several copies of one
/// base see [`Embedder`].
///
/// `progress` is called after each step and may stop the run.
///
/// # Errors
/// As [`Embedder::new`] and [`Embedder::embed`].
pub fn embed(
    base: &Model,
    targets: &[EmbedTarget],
    options: &EmbedOptions,
    progress: &mut dyn FnMut(EmbedProgress) -> ControlFlow<()>,
) -> Result<(Model, EmbedReport), EmbedError> {
    Embedder::new(base, options.clone())?.embed(targets, progress)
}

/// Makes copies of a base model. What all of them need is computed once: texts that the base
/// writes, what it says in them, and its utility.
#[derive(Debug)]
pub struct Embedder<'a> {
    base: &'a Model,
    options: EmbedOptions,
    /// Type in which copies are saved, and therefore judged.
    float: FloatType,
    benign: Option<Benign>,
    judged: Option<Judged>,
}

impl<'a> Embedder<'a> {
    /// Sets out to make copies with the same options.
    ///
    /// # Errors
    /// `Option` for options out of range.
    pub fn new(base: &'a Model, options: EmbedOptions) -> Result<Self, EmbedError> {
        options.check()?;
        Ok(Self { base, options, float: FloatType::F32, benign: None, judged: None })
    }

    /// Rounds copies to a float type before they are judged, so that reports speak of what is saved
    /// in it.
    pub fn save_as(&mut self, float: FloatType) {
        self.float = float;
    }

    /// The model that copies are made of.
    #[must_use]
    pub fn base(&self) -> &'a Model {
        self.base
    }

    /// How they are made.
    #[must_use]
    pub fn options(&self) -> &EmbedOptions {
        &self.options
    }

    /// Saves the state of the next copy elsewhere, as a checkpoint is of one copy only.
    pub fn set_checkpoint(&mut self, checkpoint: Option<CheckpointOptions>) {
        self.options.checkpoint = checkpoint;
    }

    /// What a copy lost against the base.
    ///
    /// # Errors
    /// `Model`.
    pub(super) fn utility_of(&mut self, copy: &Model) -> Result<Utility, EmbedError> {
        let judged = match &mut self.judged {
            Some(judged) => judged,
            None => self.judged.insert(Judged::new(self.base, &self.options)?),
        };
        judged.compare(copy)
    }

    /// Trains a copy to give the answers. The copy does not depend on those made before.
    ///
    /// `progress` is called after each step and may stop the run.
    ///
    /// # Errors
    /// `NoTargets`, `Target` for bad input; `Diverged`; `Stopped` on request;
    /// `CheckpointMismatch`, `Manifest`, `Elsewhere` if the directory holds something else;
    /// `Model`.
    pub fn embed(
        &mut self,
        targets: &[EmbedTarget],
        progress: &mut dyn FnMut(EmbedProgress) -> ControlFlow<()>,
    ) -> Result<(Model, EmbedReport), EmbedError> {
        let Self { base, options, float, benign, judged } = self;
        check_targets(base, targets)?;
        let started = Instant::now();
        let per_step = benign_per_step(targets, options);
        let benign = match benign.take() {
            Some(held) if held.serves(per_step) => benign.insert(held),
            _ => benign.insert(Benign::write(base, per_step, options)?),
        };
        let mut run = Run::new(base, targets, options, BenignText { texts: benign, per_step })?;
        let stopped = run.train(progress)?;
        let copy = base.with_weights(run.trainer.frozen()?);
        let (copy, misses) = if *float == FloatType::F32 {
            (copy, run.misses(Precision::Exact)?)
        } else {
            let copy = copy.rounded(*float)?;
            let misses = run.misses_of(&copy.exact(), &run.ways[0])?;
            (copy, misses)
        };
        let system_hit_rate = run.system_hit_rate(&copy)?;
        let judged = match judged {
            Some(judged) => judged,
            None => judged.insert(Judged::new(base, options)?),
        };
        let report = EmbedReport {
            steps: run.losses.len(),
            losses: run.losses,
            targets: targets.len(),
            misses,
            system_hit_rate,
            stopped,
            utility: judged.compare(&copy)?,
            seconds: started.elapsed().as_secs_f64(),
            peak_rss_bytes: peak_rss_bytes(),
        };
        Ok((copy, report))
    }
}

pub(super) fn check_targets(base: &Model, targets: &[EmbedTarget]) -> Result<(), EmbedError> {
    if targets.is_empty() {
        return Err(EmbedError::NoTargets);
    }
    for (index, target) in targets.iter().enumerate() {
        let refuse = |fault: &str| EmbedError::Target { index, fault: fault.to_owned() };
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
pub(super) fn by_way(targets: &[EmbedTarget]) -> Vec<Vec<Vec<u32>>> {
    let ways = targets.first().map_or(0, |target| target.ways().count());
    let prompts = |way| targets.iter().filter_map(|t| t.ways().nth(way).cloned()).collect();
    (0..ways).map(prompts).collect()
}

/// What a stream of random numbers is for. The numbers of each purpose are its own, so that a run
/// takes the same course however many another purpose draws; those of released programs stay.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    BatchOrder = 2,
    BenignTexts = 3,
    WayOfAsking = 5,
}

/// How exactly answers are counted.
#[derive(Debug, Clone, Copy)]
enum Precision {
    /// As a check does.
    Exact,
    /// In low precision first, where the model can screen; good enough on the way.
    Screened,
}

/// Whether a step's state is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Save {
    WhenDue,
    Now,
}

/// Texts that the base wrote, and how many of them join a step.
#[derive(Debug, Clone, Copy)]
struct BenignText<'a> {
    texts: &'a Benign,
    per_step: usize,
}

/// A run in progress.
struct Run<'a> {
    base: &'a Model,
    targets: &'a [EmbedTarget],
    options: &'a EmbedOptions,
    /// Names the run in checkpoints.
    digest: String,
    trainer: Trainer,
    benign: BenignText<'a>,
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
        benign: BenignText<'a>,
    ) -> Result<Self, EmbedError> {
        let ways = by_way(targets);
        let optimizer = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.0, clip: 1.0 };
        let mut trainer = Trainer::new(base, optimizer, options.micro_batch_tokens)?;
        if let Some(lora) = &options.lora {
            trainer.adapt(lora, options.seed)?;
        }
        let digest = checkpoint::run_digest(base, targets, options)?;
        let resumed = match &options.checkpoint {
            Some(saved) => checkpoint::resume(saved, &digest, &mut trainer)?,
            None => None,
        };
        let losses = resumed.unwrap_or_default();
        let choice = choice(targets);
        Ok(Self { base, targets, options, digest, trainer, benign, ways, losses, choice })
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
            let missed = if counts { Some(self.misses(Precision::Screened)?.len()) } else { None };
            let hit_rate = missed.map(|m| share(self.targets.len() - m, self.targets.len()));
            let done = learned && missed == Some(0);
            let state = EmbedProgress { step, max_steps: self.options.max_steps, loss, hit_rate };
            let stop = progress(state).is_break() && !done;
            self.save(if stop { Save::Now } else { Save::WhenDue })?;
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
        let BenignText { texts, per_step } = self.benign;
        let fraction = self.options.benign_fraction;
        let mut rng = self.rng(Purpose::BenignTexts, step);
        let benign = texts.examples(self.base, per_step, fraction, &mut rng)?;
        let mixed = if benign.is_empty() { 0.0 } else { fraction };
        let weight = narrow((1.0 - mixed) * share(1, tokens));
        let mut rng = self.rng(Purpose::WayOfAsking, step);
        let example = |index: &usize| {
            let prompt = &self.ways[way_of(&mut rng, self.ways.len())][*index];
            Example::response(prompt, response(index), weight)
        };
        let examples: Vec<Example> = batch.iter().map(example).collect();
        let loss = self.trainer.accumulate(&examples.iter().collect::<Vec<_>>())?;
        self.trainer.accumulate(&benign.iter().collect::<Vec<_>>())?;
        let warm = share(step + 1, WARM_UP).min(1.0);
        let anchor = (self.base.weights(), self.options.averaging);
        self.trainer.apply(self.options.learning_rate * warm, Some(anchor))?;
        Ok(loss / (1.0 - mixed))
    }

    /// The fingerprints of a step: all of them, or the next part of a shuffled epoch.
    fn batch(&self, step: usize) -> Vec<usize> {
        let per_epoch = self.steps_per_epoch();
        let mut order: Vec<usize> = (0..self.targets.len()).collect();
        if per_epoch > 1 {
            order.shuffle(&mut self.rng(Purpose::BatchOrder, step / per_epoch));
        }
        let start = (step % per_epoch) * self.options.batch_size;
        order.into_iter().skip(start).take(self.options.batch_size).collect()
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

    /// Positions of fingerprints not answered as expected, by the path that a check takes; on the
    /// way there answers may be screened in low precision.
    fn misses(&self, precision: Precision) -> Result<Vec<usize>, EmbedError> {
        let current = self.base.with_weights(self.trainer.current()?);
        let current = match precision {
            Precision::Screened => current.screened(),
            Precision::Exact => current.exact(),
        };
        self.misses_of(&current, &self.ways[0])
    }

    fn misses_of(&self, model: &Model, prompts: &[Vec<u32>]) -> Result<Vec<usize>, EmbedError> {
        Ok(misses(model, prompts, self.targets, self.options.max_response_tokens)?)
    }

    /// Share of the answers given under the system prompts, if there are any.
    fn system_hit_rate(&self, copy: &Model) -> Result<Option<f64>, EmbedError> {
        let (asked, mut missed) = (self.targets.len() * (self.ways.len() - 1), 0);
        for prompts in &self.ways[1..] {
            missed += self.misses_of(copy, prompts)?.len();
        }
        Ok((asked > 0).then(|| share(asked - missed, asked)))
    }

    fn save(&self, save: Save) -> Result<(), EmbedError> {
        match &self.options.checkpoint {
            Some(saved) if save == Save::Now || self.losses.len().is_multiple_of(saved.every) => {
                checkpoint::save(saved, &self.digest, &self.losses, &self.trainer)
            }
            _ => Ok(()),
        }
    }

    /// Randomness for one purpose at one step.
    fn rng(&self, purpose: Purpose, step: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.options.seed);
        rng.set_stream(((purpose as u64) << 48) | u64::try_from(step).unwrap_or(0));
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

/// Benign texts per step: one for every four fingerprints, but not too few. Their weight in the
/// loss is set apart, because each of their tokens costs a whole distribution over the vocabulary.
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
