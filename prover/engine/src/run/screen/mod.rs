//! Greedy answers in low precision, with everything that could differ run again in f32.
//!
//! Products of int8 or bfloat16 operands are up to four times as fast as those of f32, and change a
//! logit by a percent or less of its spread. That changes the most likely token only where the two
//! best lie close together. So the error of logit differences is measured on a sample of the very
//! questions, run both ways; an answer counts only if its lead is several times that error at every
//! token, and all others are asked again in a better format, at last in f32. Some of the accepted
//! answers are audited in every call: one that f32 would not have given ends the screen for this
//! model, and the call is answered anew in f32.

use std::sync::{Mutex, PoisonError};

use crate::ModelError;
use crate::cpu::{NumberFormat, Top};
use crate::logits::token_id;
use crate::numbers::as_f32;

/// Fewer prompts than this are answered in f32 at once: calibrating would cost more than it saves.
const WORTH_SCREENING: usize = 512;

/// Prompts that are run in all formats to measure errors and leads.
const SAMPLE: usize = 128;

/// Best tokens of a prompt among which errors are measured.
const RIVALS: usize = 16;

/// An answer's lead must exceed this multiple of the root mean square error of logit differences
/// ...
const SIGMAS: f32 = 6.0;

/// ... and this multiple of the largest error seen ...
const OVER_LARGEST: f32 = 2.0;

/// ... and what a log-normal distribution fitted to each prompt's largest error reaches so many
/// deviations above its center: on trained models some prompts err several times as much as most.
const LOG_SIGMAS: f32 = 5.0;

/// Expected time, relative to f32, above which f32 alone is used.
const WORTH_THE_TROUBLE: f64 = 0.85;

/// One of this many accepted answers is run again in f32, but at least [`LEAST_AUDITED`] per call.
const AUDIT_EVERY: usize = 128;
const LEAST_AUDITED: usize = 4;

/// What a format is good for on one model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    pub(crate) format: NumberFormat,
    /// Lead that an answer needs, in logits.
    pub(crate) margin: f32,
    /// Share of answers that do not have it.
    again: f64,
}

impl Level {
    /// Time per answer relative to f32, as measured at the shapes of 15 and 110 million parameters.
    /// Constants, so that the choice of formats depends on nothing but the model and the questions.
    const fn cost(&self) -> f64 {
        match self.format {
            NumberFormat::F32 => 1.0,
            NumberFormat::Bf16 => 0.53,
            NumberFormat::Int8 => 0.4,
        }
    }
}

/// What is known of a model's screen.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    state: Mutex<State>,
}

#[derive(Debug, Clone, Default)]
enum State {
    #[default]
    Unknown,
    /// Formats in the order in which they are used; none if f32 alone is the fastest.
    Calibrated(Vec<Level>),
    /// An audit found an answer that f32 does not give.
    Off,
}

/// How the questions of the last screened call were answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScreenReport {
    /// Answers accepted from low precision.
    pub screened: usize,
    /// Answers from f32.
    pub exact: usize,
    /// Accepted answers that were also run in f32, all equal unless `failed`.
    pub audited: usize,
    /// Whether an audit found a difference, so that everything was answered in f32.
    pub failed: bool,
}

/// A prompt's way to its answer; `sure` as long as every token so far has led by the margin.
#[derive(Debug)]
pub(crate) struct Growing {
    pub(crate) tokens: Vec<u32>,
    pub(crate) sure: bool,
    pub(crate) failed: Option<Box<ModelError>>,
}

impl Growing {
    pub(crate) const fn new() -> Self {
        Self { tokens: Vec::new(), sure: true, failed: None }
    }

    /// Notes the token; whether it counts.
    pub(crate) fn take(&mut self, top: Top, margin: f32) -> bool {
        // Written so that what is no number is not sure.
        self.sure = top.first.is_finite() && top.first - top.second > margin || margin == 0.0;
        self.sure
    }
}

/// How prompts are run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass {
    pub(crate) format: NumberFormat,
    /// Lead that a token needs to be sure, in logits.
    pub(crate) margin: f32,
}

impl Pass {
    /// In f32, where every token is sure.
    pub(crate) const EXACT: Self = Self { format: NumberFormat::F32, margin: 0.0 };
}

/// The questions of a call, and the model that answers them; prompts go by their indices.
pub(crate) trait Questioned {
    /// Number of prompts.
    fn count(&self) -> usize;

    /// Entries of the vocabulary.
    fn vocabulary(&self) -> usize;

    /// Prompts that can run together, each batch of one length.
    fn batches(&self) -> Vec<Vec<usize>>;

    /// Greedy answers; prompts may differ in length.
    fn answers(&self, prompts: &[usize], pass: Pass) -> Result<Vec<Growing>, ModelError>;

    /// Logits after prompts of one length, `[prompts · vocabulary]`; `None` where there are no
    /// kernels for the format.
    fn logits(
        &self,
        prompts: &[usize],
        format: NumberFormat,
    ) -> Result<Option<Vec<f32>>, ModelError>;
}

impl Screen {
    /// Greedy answers to all questions, in low precision where that is sure.
    pub(crate) fn answers(
        &self,
        asked: &impl Questioned,
    ) -> Result<(Vec<Vec<u32>>, ScreenReport), ModelError> {
        let all: Vec<usize> = (0..asked.count()).collect();
        let levels = self.levels(asked)?;
        let mut answers: Vec<Option<Vec<u32>>> = vec![None; all.len()];
        let mut report = ScreenReport::default();
        let mut pending = all.clone();
        for level in &levels {
            let pass = Pass { format: level.format, margin: level.margin };
            let outcomes = asked.answers(&pending, pass)?;
            let mut unsure = Vec::new();
            for (&index, outcome) in pending.iter().zip(outcomes) {
                match outcome.sure {
                    true => answers[index] = Some(outcome.tokens),
                    false => unsure.push(index),
                }
            }
            pending = unsure;
        }
        let accepted: Vec<usize> = all.iter().copied().filter(|&i| answers[i].is_some()).collect();
        let audited = audit_sample(&accepted);
        // Near ties and audits run together: the fewer calls, the fuller the batches.
        let again: Vec<usize> = pending.iter().chain(&audited).copied().collect();
        for (&index, outcome) in again.iter().zip(asked.answers(&again, Pass::EXACT)?) {
            report.failed |= answers[index].as_ref().is_some_and(|seen| *seen != outcome.tokens);
            answers[index] = Some(outcome.tokens);
        }
        report.audited = audited.len();
        if report.failed {
            self.set(State::Off);
            let exact = asked.answers(&all, Pass::EXACT)?;
            report.exact = all.len();
            return Ok((exact.into_iter().map(|outcome| outcome.tokens).collect(), report));
        }
        report.exact = pending.len();
        report.screened = accepted.len();
        Ok((answers.into_iter().map(Option::unwrap_or_default).collect(), report))
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// The formats to use, measured on some of the prompts if that was not done yet.
    fn levels(&self, asked: &impl Questioned) -> Result<Vec<Level>, ModelError> {
        if asked.count() < WORTH_SCREENING {
            return Ok(Vec::new());
        }
        let known = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            State::Off => Ok(Vec::new()),
            State::Calibrated(levels) => Ok(levels),
            State::Unknown => {
                let levels = calibrate(asked)?;
                self.set(State::Calibrated(levels.clone()));
                Ok(levels)
            }
        }
    }
}

/// Accepted answers to be run again, spread over all of them.
fn audit_sample(accepted: &[usize]) -> Vec<usize> {
    let count = (accepted.len() / AUDIT_EVERY).max(LEAST_AUDITED).min(accepted.len());
    (0..count).map(|i| accepted[i * accepted.len() / count]).collect()
}

/// Measures the formats of this processor on some prompts, run in each, and chooses among them.
fn calibrate(asked: &impl Questioned) -> Result<Vec<Level>, ModelError> {
    let Some(bucket) = asked.batches().into_iter().max_by_key(Vec::len) else {
        return Ok(Vec::new());
    };
    let count = SAMPLE.min(bucket.len());
    let sample: Vec<usize> = (0..count).map(|i| bucket[i * bucket.len() / count]).collect();
    let Some(exact) = asked.logits(&sample, NumberFormat::F32)? else { return Ok(Vec::new()) };
    let mut levels = Vec::new();
    for format in [NumberFormat::Int8, NumberFormat::Bf16] {
        if let Some(low) = asked.logits(&sample, format)? {
            levels.extend(measure(format, &exact, &low, asked.vocabulary()));
        }
    }
    Ok(choose(&levels))
}

/// Error and leads of a format; `None` if its logits are no numbers.
fn measure(format: NumberFormat, exact: &[f32], low: &[f32], classes: usize) -> Option<Level> {
    let (mut squares, mut count, mut largest) = (0.0_f32, 0.0_f32, 0.0_f32);
    let (mut leads, mut worst) = (Vec::new(), Vec::new());
    for (exact, low) in exact.chunks(classes).zip(low.chunks(classes)) {
        if low.iter().chain(exact).any(|x| !x.is_finite()) {
            return None;
        }
        let best = best_tokens(low);
        leads.push(low[best[0]] - low[*best.get(1)?]);
        let mut worst_here = f32::MIN_POSITIVE;
        for &other in &best[1..] {
            let error = (low[best[0]] - low[other]) - (exact[best[0]] - exact[other]);
            squares += error * error;
            count += 1.0;
            worst_here = worst_here.max(error.abs());
        }
        largest = largest.max(worst_here);
        worst.push(worst_here.ln());
    }
    let margin = (SIGMAS * (squares / count).sqrt()).max(OVER_LARGEST * largest);
    let margin = margin.max(log_normal_bound(&worst));
    let again = leads.iter().filter(|&&lead| lead <= margin).count();
    let again = f64::from(token_id(again)) / f64::from(token_id(leads.len()));
    margin.is_finite().then_some(Level { format, margin, again })
}

/// What a log-normal distribution reaches [`LOG_SIGMAS`] above its center, fitted to logarithms.
fn log_normal_bound(logs: &[f32]) -> f32 {
    let count = as_f32(logs.len());
    let mean = logs.iter().sum::<f32>() / count;
    let variance = logs.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / count;
    (mean + LOG_SIGMAS * variance.sqrt()).exp()
}

/// The best tokens of a row, best first.
fn best_tokens(row: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    let count = RIVALS.min(row.len());
    if count < row.len() {
        order.select_nth_unstable_by(count, |&a, &b| row[b].total_cmp(&row[a]));
        order.truncate(count);
    }
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
    order
}

/// The sequence of formats with the least expected time; none if that does not save much.
fn choose(levels: &[Level]) -> Vec<Level> {
    let mut best: (f64, Vec<Level>) = (WORTH_THE_TROUBLE, Vec::new());
    let mut consider = |chain: Vec<Level>| {
        // What one format is unsure of, the next is asked; nearer ties are unsure in all of them.
        let (mut cost, mut left) = (0.0, 1.0_f64);
        for level in &chain {
            cost += left * level.cost();
            left = left.min(level.again);
        }
        if cost + left < best.0 {
            best = (cost + left, chain);
        }
    };
    for (i, &first) in levels.iter().enumerate() {
        consider(vec![first]);
        for &second in &levels[i + 1..] {
            consider(vec![first, second]);
        }
    }
    best.1
}

#[cfg(test)]
mod tests;
