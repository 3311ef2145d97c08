//! Bets on where the drawn answers stand, and the evidence that they gather.
//!
//! A copy with N answers per key is observed through the sum S of their ranks among the 16
//! candidates, between N(N+1)/2 (all on top) and N(33−N)/2. Under innocence the drawn answers are a
//! uniform subset, so `S = s` has probability `c(s) / C(16, N)`, where `c(s)` counts the subsets of
//! {1, …, 16} with that sum (the null distribution of the rank-sum statistic of Wilcoxon 1945). A
//! bet pays `w(s)`; it is an e-value iff `Σ c(s)·w(s) ≤ C(16, N)`, which integers decide exactly.
//!
//! Candidates that the suspect gives equal scores, as those that a host drops or a service does not
//! list, share their ranks, and a bet pays the mean over all orders of them. Given the scores, the
//! mean over all draws of that is the mean over all draws and orders of `w(S)`, and in each order S
//! has the distribution above: so ties cost no validity. They did cost power while each bet got its
//! least among them.

use oml_contracts::evidence::{Log2, log2_floor, threshold};
use oml_contracts::leaf::{BUNDLE, CANDIDATES};

use super::scores::RankSums;
use crate::check::Comparisons;
use crate::check::mixture::log2_mean;
use crate::fingerprint::AnswersPerKey;

/// 1 in fixed point with 32 fractional bits.
const ONE: u64 = 1 << 32;
/// Shares of keys whose drawn answers stand at one end, for the bets on either end.
const RATES: [f64; 3] = [0.1, 0.3, 0.6];
/// What the evidence for innocence must reach, in bits: 1 in 128.
const CLEARED: i128 = 7 << 32;
/// More questions than this are not proposed.
const MOST_MORE: u32 = 1 << 16;

/// Why a rank test bounds no error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RankError {
    /// A bet that does not fit the number of answers.
    #[error(
        "bet `{bet}` has {found} payoffs; {answers} answers per key have {expected} sums of ranks"
    )]
    Length {
        /// Name of the bet.
        bet: String,
        /// Payoffs that were given.
        found: usize,
        /// Answers per key.
        answers: u8,
        /// Payoffs that are needed: one per sum of ranks.
        expected: usize,
    },
    /// A payoff of zero would end all evidence for good.
    #[error("bet `{bet}` pays 0 for a sum of ranks of {sum}; every payoff must be above 0")]
    Zero {
        /// Name of the bet.
        bet: String,
        /// The sum of ranks.
        sum: usize,
    },
    /// The mean under innocence is above 1.
    #[error("bet `{bet}` pays more than 1 on average for an innocent suspect; lower its payoffs")]
    MeanAboveOne {
        /// Name of the bet.
        bet: String,
    },
    /// No bets at all.
    #[error("a rank test needs at least one bet")]
    NoBets,
    /// Error rate of 1 or more.
    #[error("alphaInverse {0} bounds no error; it must be at least 2, 1,000,000,000 is usual")]
    AlphaInverse(u64),
}

/// What a bet pays for each sum of ranks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct RankBet {
    name: String,
    answers: AnswersPerKey,
    /// Payoffs from the smallest sum on; fixed point with 32 fractional bits.
    pub(super) payoffs: Vec<u64>,
    /// Their logarithms, rounded down.
    #[serde(skip)]
    logs: Vec<i64>,
}

impl RankBet {
    /// A bet with given payoffs, from the smallest sum of ranks to the largest; fixed point with 32
    /// fractional bits.
    ///
    /// # Errors
    /// `Length`, `Zero`; `MeanAboveOne` unless the bet is an e-value.
    pub(crate) fn new(
        name: &str,
        answers: AnswersPerKey,
        payoffs: Vec<u64>,
    ) -> Result<Self, RankError> {
        let bet = || name.to_owned();
        let counts = null_counts(answers);
        if payoffs.len() != counts.len() {
            return Err(RankError::Length {
                bet: bet(),
                found: payoffs.len(),
                answers: answers.get(),
                expected: counts.len(),
            });
        }
        if let Some(place) = payoffs.iter().position(|payoff| *payoff == 0) {
            return Err(RankError::Zero { bet: bet(), sum: smallest_sum(answers) + place });
        }
        if mean_times_total(&counts, &payoffs) > total(&counts) * u128::from(ONE) {
            return Err(RankError::MeanAboveOne { bet: bet() });
        }
        Ok(Self::unchecked(name, answers, payoffs))
    }

    fn unchecked(name: &str, answers: AnswersPerKey, payoffs: Vec<u64>) -> Self {
        let logs = payoffs.iter().map(|payoff| log2_floor((*payoff).into()).raw()).collect();
        Self { name: name.to_owned(), answers, payoffs, logs }
    }

    /// What remains of the budget after rounding down goes to one sum that a single subset has, so
    /// that the mean under innocence is 1 exactly.
    fn of_shape(name: &str, answers: AnswersPerKey, place: usize, shape: &[f64]) -> Self {
        let counts = null_counts(answers);
        let budget = total(&counts) * u128::from(ONE);
        let mass: f64 = counts.iter().zip(shape).map(|(c, w)| *c as f64 * w).sum();
        // A hair below the budget, so that no rounding of the sum exceeds it.
        let unit = total(&counts) as f64 * ONE as f64 * (1.0 - 1e-12) / mass;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "payoffs lie between 0 and C(16, 8) · 2^32"
        )]
        let mut payoffs: Vec<u64> = shape.iter().map(|w| ((w * unit) as u64).max(1)).collect();
        let left = budget.saturating_sub(mean_times_total(&counts, &payoffs));
        payoffs[place] += u64::try_from(left).unwrap_or(0);
        Self::unchecked(name, answers, payoffs)
    }

    /// Pays for answers that stand on top: with probability `rate` all of them do, else anything
    /// goes.
    fn kept(answers: AnswersPerKey, rate: f64) -> Self {
        let counts = null_counts(answers);
        let shape = ends(&counts, [rate, 0.0]);
        Self::of_shape("kept", answers, 0, &shape)
    }

    /// Pays for answers that stand high without being on top: as in a copy that half forgot.
    fn faded(answers: AnswersPerKey) -> Self {
        let sums = null_counts(answers).len();
        // Powers by multiplication alone are the same on every machine.
        let mut powers = vec![1.0_f64; sums];
        let ratio = 0.75;
        (1..sums).for_each(|i| powers[i] = powers[i - 1] * ratio);
        let counts = null_counts(answers);
        let mass: f64 = counts.iter().zip(&powers).map(|(c, p)| *c as f64 * p).sum();
        let scale = 0.9 * total(&counts) as f64 / mass;
        let shape: Vec<f64> = powers.iter().map(|p| 0.1 + scale * p).collect();
        Self::of_shape("faded", answers, 0, &shape)
    }

    /// Pays for answers below all other candidates, where a host that drops them leaves them.
    fn suppressed(answers: AnswersPerKey, rate: f64) -> Self {
        let counts = null_counts(answers);
        let last = counts.len() - 1;
        let shape = ends(&counts, [0.0, rate]);
        Self::of_shape("suppressed", answers, last, &shape)
    }

    /// Pays for either end: a host that drops answers only where they are near certain leaves some
    /// on top and others below all.
    fn either(answers: AnswersPerKey, rate: f64) -> Self {
        let shape = ends(&null_counts(answers), [rate, rate]);
        Self::of_shape("either", answers, 0, &shape)
    }

    /// Name, for reports.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Logarithm of what is paid, rounded down: where ties leave the sum open, the mean over all
    /// ways to break them, which is what breaking them by lot pays on average and therefore an
    /// e-value as well; where more than ties does, the least.
    pub(crate) fn log2_of(&self, sums: &RankSums) -> i64 {
        let (first, last) = (smallest_sum(self.answers), self.logs.len() - 1);
        let (low, high) = sums.bounds();
        let place = |sum: usize| sum.saturating_sub(first).min(last);
        let Some(ways) = sums.ways().filter(|_| low >= first && high - first <= last) else {
            let within = self.logs.get(place(low)..=place(high));
            return within.into_iter().flatten().copied().min().unwrap_or(i64::MIN);
        };
        let paid = mean_times_total(ways, &self.payoffs[place(low)..=place(high)]);
        log2_floor(paid / total(ways).max(1)).raw()
    }
}

/// Payoffs that mix certainty of the smallest and of the largest sum, at these rates, with
/// indifference.
fn ends(counts: &[u64], rates: [f64; 2]) -> Vec<f64> {
    let mut shape = vec![1.0 - rates[0] - rates[1]; counts.len()];
    for (place, rate) in [0, counts.len() - 1].into_iter().zip(rates) {
        shape[place] += rate * total(counts) as f64 / counts[place] as f64;
    }
    shape
}

/// Smallest sum of ranks of N answers: N(N+1)/2.
fn smallest_sum(answers: AnswersPerKey) -> usize {
    let n = usize::from(answers.get());
    n * (n + 1) / 2
}

/// Number of N-subsets of {1, …, 16} per sum, from the smallest sum on.
pub(super) fn null_counts(answers: AnswersPerKey) -> Vec<u64> {
    let n = usize::from(answers.get());
    let most = n * (2 * CANDIDATES + 1 - n) / 2;
    // ways[m][s] = subsets of m ranks with sum s.
    let mut ways = vec![vec![0_u64; most + 1]; n + 1];
    ways[0][0] = 1;
    for rank in 1..=CANDIDATES {
        for size in (1..=n).rev() {
            for sum in (rank..=most).rev() {
                ways[size][sum] += ways[size - 1][sum - rank];
            }
        }
    }
    ways[n].split_off(smallest_sum(answers))
}

fn total(counts: &[u64]) -> u128 {
    counts.iter().map(|count| u128::from(*count)).sum()
}

fn mean_times_total(counts: &[u64], payoffs: &[u64]) -> u128 {
    counts.iter().zip(payoffs).map(|(c, w)| u128::from(*c) * u128::from(*w)).sum()
}

/// The bets and the error rate of a rank test.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RankTerms {
    answers: AnswersPerKey,
    bets: Vec<RankBet>,
    alpha_inverse: u64,
}

impl RankTerms {
    /// The usual bets, with an equal part of the stake on each: answers kept or suppressed (at
    /// rates 0.1, 0.3 and 0.6 each), faded, or at either end (0.4 each).
    ///
    /// # Errors
    /// `AlphaInverse`.
    pub fn new(answers: AnswersPerKey, alpha_inverse: u64) -> Result<Self, RankError> {
        let mut bets: Vec<RankBet> =
            RATES.into_iter().rev().map(|rate| RankBet::kept(answers, rate)).collect();
        bets.push(RankBet::faded(answers));
        bets.extend(RATES.into_iter().rev().map(|rate| RankBet::suppressed(answers, rate)));
        bets.push(RankBet::either(answers, 0.4));
        Self::with_bets(answers, bets, alpha_inverse)
    }

    /// Other bets.
    ///
    /// # Errors
    /// `NoBets`, `AlphaInverse`; `Length` if a bet is for another number of answers.
    pub(crate) fn with_bets(
        answers: AnswersPerKey,
        bets: Vec<RankBet>,
        alpha_inverse: u64,
    ) -> Result<Self, RankError> {
        if bets.is_empty() {
            return Err(RankError::NoBets);
        }
        if alpha_inverse < 2 {
            return Err(RankError::AlphaInverse(alpha_inverse));
        }
        for bet in &bets {
            RankBet::new(&bet.name, answers, bet.payoffs.clone())?;
        }
        Ok(Self { answers, bets, alpha_inverse })
    }

    /// Answers per key that the test is for.
    #[must_use]
    pub const fn answers(&self) -> AnswersPerKey {
        self.answers
    }

    /// The bets, whose mean counts.
    #[must_use]
    pub(crate) fn bets(&self) -> &[RankBet] {
        &self.bets
    }

    /// The inverse of the error rate.
    #[must_use]
    pub const fn alpha_inverse(&self) -> u64 {
        self.alpha_inverse
    }

    /// What the evidence must reach: the same counts weigh as in the contract's test.
    #[must_use]
    pub fn threshold(&self, comparisons: Comparisons) -> Log2 {
        threshold(self.alpha_inverse, comparisons.cases, comparisons.licenses)
    }
}

/// Evidence of a rank test against one license: the mean of its bets, each an e-process.
#[derive(Debug, Clone)]
pub(crate) struct RankTest<'a> {
    terms: &'a RankTerms,
    /// Logarithms of the bets, 32 fractional bits.
    logs: Vec<i128>,
    /// The same of what was scored alone.
    scored: Vec<i128>,
    /// Fingerprints that were scored.
    count: u32,
    /// Fingerprints without scores.
    silent: u32,
}

impl<'a> RankTest<'a> {
    /// No evidence yet.
    #[must_use]
    pub(crate) fn new(terms: &'a RankTerms) -> Self {
        let none = vec![0; terms.bets.len()];
        Self { terms, logs: none.clone(), scored: none, count: 0, silent: 0 }
    }

    /// Takes the sum of the ranks of a fingerprint's drawn answers.
    pub(crate) fn observe(&mut self, sums: &RankSums) {
        for ((log, scored), bet) in self.logs.iter_mut().zip(&mut self.scored).zip(&self.terms.bets)
        {
            let paid = i128::from(bet.log2_of(sums));
            *log += paid;
            *scored += paid;
        }
        self.count += 1;
    }

    /// Takes a fingerprint of which nothing is known: the least of every bet.
    pub(crate) fn observe_nothing(&mut self) {
        let unknown = RankSums::unknown();
        for (log, bet) in self.logs.iter_mut().zip(&self.terms.bets) {
            *log += i128::from(bet.log2_of(&unknown));
        }
        self.silent += 1;
    }

    /// Logarithm of the evidence, never above the true one.
    #[must_use]
    pub(crate) fn log2(&self) -> Log2 {
        log2_mean(&self.logs)
    }

    /// Whether the evidence reaches a limit; quicker than [`Self::log2`] where no bet does.
    #[must_use]
    pub(crate) fn reaches(&self, limit: Log2) -> bool {
        let most = self.logs.iter().copied().max().unwrap_or(0);
        most >= i128::from(limit.raw()) && self.log2() >= limit
    }

    /// Whether what was scored clears the target: each of the bets lost so much that a copy of the
    /// kind it is on, if it keeps a tenth of its answers or more, would lose as much at any time
    /// with probability 1 in 128 at most. At least half of what was asked must be scored.
    #[must_use]
    pub(crate) fn clears(&self) -> bool {
        self.count > 0
            && self.count >= self.silent
            && self.scored.iter().all(|log| *log <= -CLEARED)
    }

    /// Questions after which a verdict is expected if ranks go on to fall as they did; `None` if
    /// nothing was scored, or too many would be needed.
    #[must_use]
    pub(crate) fn ask_more(&self, limit: Log2) -> Option<u32> {
        if self.count == 0 {
            return None;
        }
        let size = u32::try_from(BUNDLE).unwrap_or(16);
        let mut more = size;
        while more <= MOST_MORE {
            let mut later = self.clone();
            for (place, scored) in self.scored.iter().enumerate() {
                let added = scored * i128::from(more) / i128::from(self.count);
                later.logs[place] += added;
                later.scored[place] += added;
            }
            later.count += more;
            if later.clears() || later.reaches(limit) {
                return Some(more);
            }
            more += (more / 8 / size).max(1) * size;
        }
        None
    }

    /// Name of the bet that gathered most.
    #[must_use]
    pub(crate) fn best(&self) -> &'a str {
        let most = self.logs.iter().zip(&self.terms.bets).max_by_key(|(log, _)| **log);
        most.map_or("", |(_, bet)| bet.name())
    }
}

#[cfg(test)]
mod tests;
