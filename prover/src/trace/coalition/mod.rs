//! Coalitions of hosts that pool their copies: how many queries until one of them is convicted, and
//! whether anyone else ever is.
//!
//! A simulation over the draw alone; what models forget is a probability. Scores are the e-values
//! of [`Scoring`], each valid for every license that had no part: given all that does not depend on
//! its own draw, the mean of every factor is 1 at most.

mod split_mix;

use rayon::prelude::*;

use split_mix::SplitMix;

/// How a coalition answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// As a member chosen at random for each query would.
    RandomMember,
    /// As most members would; ties are broken at random.
    Majority,
    /// As all members would where they agree, as the base model where they differ.
    SuppressDisagreement,
}

/// All strategies, as tables list them.
pub const STRATEGIES: [Strategy; 3] =
    [Strategy::RandomMember, Strategy::Majority, Strategy::SuppressDisagreement];

/// Which fingerprints are asked, and how the answers are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scoring {
    /// Personal part, multipliers for a hit rate of 0.6: what the contract computes.
    Personal,
    /// Personal part, mean of the e-values for hit rates 0.9, 0.6, 0.4, 0.25 and 0.15.
    PersonalMixture,
    /// Shared part assigned with probability 1/4, hits alone, multipliers for 0.9: what the
    /// contract computes.
    Shared,
    /// The same assignment; mean of the likelihood ratios for coalitions of 1, 2, 3, 5 and 8 that
    /// answer as a random member, hits alone.
    SharedMixture,
    /// As before with a bias of its own for every fingerprint, drawn from the arcsine law with
    /// cut-off (Tardos 2003), hits alone.
    Tardos,
    /// The same biases, and what was not hit counts as well, for a copy that keeps the simulated
    /// share.
    TardosWithMisses,
}

/// All scorings, as tables list them.
pub const SCORINGS: [Scoring; 6] = [
    Scoring::Personal,
    Scoring::PersonalMixture,
    Scoring::Shared,
    Scoring::SharedMixture,
    Scoring::Tardos,
    Scoring::TardosWithMisses,
];

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoalitionOptions {
    /// Copies in the pool.
    pub members: usize,
    /// How they answer.
    pub strategy: Strategy,
    /// How they are judged.
    pub scoring: Scoring,
    /// Probability that a copy still gives an answer that it carries.
    pub survival: f64,
    /// Bound on the probability that any innocent license is ever convicted.
    pub alpha: f64,
    /// Licenses that could be accused, members included.
    pub licenses: u32,
    /// Innocent licenses that are followed in each trial.
    pub innocents: usize,
    /// Queries after which a trial ends.
    pub queries: u32,
    /// Coalitions that are played, each with draws of its own.
    pub trials: u32,
    /// Seed of all draws; the same seed gives the same report.
    pub seed: u64,
}

impl Default for CoalitionOptions {
    fn default() -> Self {
        Self {
            members: 1,
            strategy: Strategy::RandomMember,
            scoring: Scoring::Personal,
            survival: 0.9,
            alpha: 1e-9,
            licenses: 2048,
            innocents: 4,
            queries: 4096,
            trials: 1000,
            seed: 0,
        }
    }
}

/// A simulation that can't be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} = {value}: {requirement}")]
pub struct CoalitionError {
    /// The option that is out of range.
    pub name: &'static str,
    /// The value that was given.
    pub value: String,
    /// What is allowed.
    pub requirement: &'static str,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoalitionReport {
    /// Share of trials in which a member was convicted.
    pub convicted: f64,
    /// Mean queries until the first conviction of a member, over the trials with one.
    pub mean_queries: Option<f64>,
    /// Queries after which half of all trials had a conviction, if they had.
    pub median_queries: Option<u32>,
    /// Convictions of innocent licenses, over all trials.
    pub false_accusations: u64,
    /// Innocent licenses followed, over all trials.
    pub innocents: u64,
}

impl CoalitionOptions {
    fn check(&self) -> Result<(), CoalitionError> {
        let refuse =
            |name, value: String, requirement| Err(CoalitionError { name, value, requirement });
        if !(1..=64).contains(&self.members) {
            return refuse("members", self.members.to_string(), "must lie between 1 and 64");
        }
        if !(self.survival > 0.0 && self.survival <= 1.0) {
            return refuse("survival", self.survival.to_string(), "must lie above 0 and up to 1");
        }
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return refuse("alpha", self.alpha.to_string(), "must lie between 0 and 1");
        }
        if (self.licenses as usize) < self.members {
            return refuse(
                "licenses",
                self.licenses.to_string(),
                "can't be fewer than the members",
            );
        }
        if self.trials == 0 || self.queries == 0 {
            return refuse("trials and queries", "0".to_owned(), "must be above 0");
        }
        Ok(())
    }
}

/// Plays a coalition's trials.
///
/// # Errors
/// [`CoalitionError`] names the option that is out of range.
pub fn simulate_coalition(options: &CoalitionOptions) -> Result<CoalitionReport, CoalitionError> {
    options.check()?;
    let trials: Vec<Trial> =
        (0..options.trials).into_par_iter().map(|trial| Trial::play(options, trial)).collect();
    let mut lengths: Vec<u32> = trials.iter().filter_map(|trial| trial.convicted_after).collect();
    lengths.sort_unstable();
    let found = lengths.len() as f64;
    let sum: f64 = lengths.iter().map(|length| f64::from(*length)).sum();
    Ok(CoalitionReport {
        convicted: found / f64::from(options.trials),
        mean_queries: (!lengths.is_empty()).then(|| sum / found),
        median_queries: lengths.get((options.trials as usize - 1) / 2).copied(),
        false_accusations: trials.iter().map(|trial| trial.false_accusations).sum(),
        innocents: u64::from(options.trials) * options.innocents as u64,
    })
}

struct Trial {
    convicted_after: Option<u32>,
    false_accusations: u64,
}

/// Cut-off of the arcsine law; smaller biases make fingerprints that hardly anyone carries.
const CUT_OFF: f64 = 0.01;
/// Coalition sizes whose likelihood ratios are averaged.
const SIZES: [f64; 5] = [1.0, 2.0, 3.0, 5.0, 8.0];
/// Hit rates whose e-values are averaged.
const RATES: [f64; 5] = [0.9, 0.6, 0.4, 0.25, 0.15];

/// Natural logarithms of the e-values that are averaged for one license.
#[derive(Clone)]
struct Suspicion {
    logs: [f64; 5],
}

impl Suspicion {
    /// Whether the mean of the first `used` e-values reaches a limit, both as logarithms.
    fn reaches(&self, limit: f64, used: usize) -> bool {
        let logs = &self.logs[..used];
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // No mean exceeds the largest.
        most >= limit
            && most + (logs.iter().map(|log| (log - most).exp()).sum::<f64>() / used as f64).ln()
                >= limit
    }

    /// Multiplies by one factor per e-value.
    fn add(&mut self, factors: &[f64; 5]) {
        self.logs.iter_mut().zip(factors).for_each(|(log, factor)| *log += factor);
    }
}

impl Trial {
    fn play(options: &CoalitionOptions, trial: u32) -> Self {
        let mut rng = SplitMix::new(options.seed, trial);
        let used = options.scoring.parts();
        let everyone = options.members + options.innocents;
        let mut suspicions = vec![Suspicion { logs: [0.0; 5] }; everyone];
        let mut accused = vec![false; everyone];
        let limit = (f64::from(options.licenses) / options.alpha).ln();
        let mut asker = Asker::new(options, everyone);
        for query in 1..=options.queries {
            if !asker.ask(&mut rng) {
                continue;
            }
            for ((suspicion, fits), accused) in
                suspicions.iter_mut().zip(&asker.fits).zip(&mut accused)
            {
                suspicion.add(&asker.factors[usize::from(*fits)]);
                *accused |= suspicion.reaches(limit, used);
            }
            // Whoever asks stops at the first conviction.
            if accused[..options.members].contains(&true) {
                return Self { convicted_after: Some(query), ..Self::of(&accused, options) };
            }
        }
        Self::of(&accused, options)
    }

    fn of(accused: &[bool], options: &CoalitionOptions) -> Self {
        let innocents = accused[options.members..].iter().filter(|accused| **accused);
        Self { convicted_after: None, false_accusations: innocents.count() as u64 }
    }
}

impl Scoring {
    /// How many e-values are averaged.
    const fn parts(self) -> usize {
        match self {
            Self::Personal | Self::Shared => 1,
            _ => 5,
        }
    }
}

/// Asks fingerprint after fingerprint.
struct Asker<'a> {
    options: &'a CoalitionOptions,
    /// Whether the last answer fits everyone's own draw, members first.
    fits: Vec<bool>,
    /// Logarithms of the factors of the averaged e-values, for draws that do not and that do fit.
    factors: [[f64; 5]; 2],
    drawn: Vec<u8>,
}

impl<'a> Asker<'a> {
    fn new(options: &'a CoalitionOptions, everyone: usize) -> Self {
        let factor = |hit: bool| {
            let log = |rate: f64| {
                if hit { (16.0 * rate).ln() } else { ((1.0 - rate) * 16.0 / 15.0).ln() }
            };
            if options.scoring == Scoring::Personal { [log(0.6); 5] } else { RATES.map(log) }
        };
        let factors = [factor(false), factor(true)];
        Self { options, fits: vec![false; everyone], factors, drawn: vec![0; everyone] }
    }

    /// Asks one fingerprint; false if the answer says nothing.
    fn ask(&mut self, rng: &mut SplitMix) -> bool {
        match self.options.scoring {
            Scoring::Personal | Scoring::PersonalMixture => {
                self.ask_personal(rng);
                true
            }
            Scoring::Shared | Scoring::SharedMixture => self.ask_shared(0.25, rng),
            Scoring::Tardos | Scoring::TardosWithMisses => {
                let (low, high) = (CUT_OFF.sqrt().asin(), (1.0 - CUT_OFF).sqrt().asin());
                let p = (low + rng.unit() * (high - low)).sin().powi(2);
                self.ask_shared(p, rng)
            }
        }
    }

    fn ask_personal(&mut self, rng: &mut SplitMix) {
        self.drawn.fill_with(|| rng.nibble());
        let members = &self.drawn[..self.options.members];
        let said = match self.options.strategy {
            Strategy::RandomMember => Some(members[rng.below(members.len())]),
            Strategy::Majority => Some(most_common(members, rng)),
            Strategy::SuppressDisagreement => {
                members.iter().all(|answer| *answer == members[0]).then_some(members[0])
            }
        };
        let said = said.filter(|_| rng.chance(self.options.survival));
        let pairs = self.fits.iter_mut().zip(&self.drawn);
        pairs.for_each(|(fits, own)| *fits = said == Some(*own));
    }

    fn ask_shared(&mut self, p: f64, rng: &mut SplitMix) -> bool {
        self.fits.fill_with(|| rng.chance(p));
        let members = &self.fits[..self.options.members];
        let carriers = members.iter().filter(|carries| **carries).count();
        let says = match self.options.strategy {
            Strategy::RandomMember => members[rng.below(members.len())],
            Strategy::Majority if 2 * carriers == members.len() => rng.chance(0.5),
            Strategy::Majority => 2 * carriers > members.len(),
            Strategy::SuppressDisagreement => carriers == members.len(),
        };
        let survival = self.options.survival;
        let hit = says && rng.chance(survival);
        if !hit && self.options.scoring != Scoring::TardosWithMisses {
            return false;
        }
        let factors = |carries: bool| match self.options.scoring {
            Scoring::Shared => [(if carries { 0.9 / p } else { 0.1 / (1.0 - p) }).ln(); 5],
            _ => SIZES.map(|size| Asked { p, survival, hit }.factor(size, carries).ln()),
        };
        self.factors = [factors(false), factors(true)];
        true
    }
}

/// A shared fingerprint that was asked.
#[derive(Clone, Copy)]
struct Asked {
    /// Probability that a license carries it.
    p: f64,
    /// Probability that a copy still gives an answer that it carries.
    survival: f64,
    /// Whether the model's answer was given.
    hit: bool,
}

impl Asked {
    /// Likelihood of a license's assignment given the answer, for one that is one of `size` members
    /// who answer as a random one of them, over that for one that has no part (Laarhoven 2014's
    /// decoder against interleaving, with forgetting). Its mean over the assignment is 1 for any
    /// answer.
    fn factor(self, size: f64, carries: bool) -> f64 {
        let Self { p, survival, hit } = self;
        let says_if_carried = 1.0 / size + (1.0 - 1.0 / size) * p;
        let says_if_not = (1.0 - 1.0 / size) * p;
        let says = if carries { says_if_carried } else { says_if_not };
        // A lone copy never says what it does not carry; the evidence then ends only in theory.
        let ratio = if hit { says / p } else { (1.0 - survival * says) / (1.0 - survival * p) };
        // A share of indifference keeps one odd answer from ending all evidence.
        0.95 * ratio + 0.05
    }
}

/// One of the most frequent values below 16, at random.
fn most_common(values: &[u8], rng: &mut SplitMix) -> u8 {
    let mut counts = [0_usize; 16];
    values.iter().for_each(|value| counts[usize::from(*value)] += 1);
    let most = counts.iter().copied().max().unwrap_or(0);
    let leaders = counts.iter().filter(|count| **count == most).count();
    let chosen = rng.below(leaders);
    let mut places = (0..16_u8).filter(|value| counts[usize::from(*value)] == most);
    places.nth(chosen).unwrap_or(0)
}

#[cfg(test)]
mod tests;
