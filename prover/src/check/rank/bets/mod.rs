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

use oml_contracts::evidence::{Log2, log2_ceil, log2_floor, threshold};
use oml_contracts::leaf::CANDIDATES;

use super::scores::RankSums;
use crate::check::Comparisons;
use crate::fingerprint::AnswersPerKey;

/// 1 in fixed point with 32 fractional bits.
const ONE: u64 = 1 << 32;

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
    /// Logarithm of the number of bets, rounded up: the price of choosing the best of them.
    #[serde(skip)]
    choice: i64,
}

impl RankTerms {
    /// The usual bets: answers kept (at rate 0.6), faded, suppressed (at rate 0.6), or either (0.4
    /// each).
    ///
    /// # Errors
    /// `AlphaInverse`.
    pub fn new(answers: AnswersPerKey, alpha_inverse: u64) -> Result<Self, RankError> {
        let bets = vec![
            RankBet::kept(answers, 0.6),
            RankBet::faded(answers),
            RankBet::suppressed(answers, 0.6),
            RankBet::either(answers, 0.4),
        ];
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
        let choice = log2_ceil((bets.len() as u128) << 32).raw();
        Ok(Self { answers, bets, alpha_inverse, choice })
    }

    /// Answers per key that the test is for.
    #[must_use]
    pub const fn answers(&self) -> AnswersPerKey {
        self.answers
    }

    /// The bets among which the best one counts.
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

/// Evidence of a rank test against one license.
///
/// Each bet is an e-process of its own. So is their mean, of which the largest divided by their
/// number is never more; that is what [`RankTest::log2`] gives.
#[derive(Debug, Clone)]
pub(crate) struct RankTest<'a> {
    terms: &'a RankTerms,
    /// Logarithms of the bets, 32 fractional bits.
    logs: Vec<i128>,
}

impl<'a> RankTest<'a> {
    /// No evidence yet.
    #[must_use]
    pub(crate) fn new(terms: &'a RankTerms) -> Self {
        Self { terms, logs: vec![0; terms.bets.len()] }
    }

    /// Takes the sum of the ranks of a fingerprint's drawn answers.
    pub(crate) fn observe(&mut self, sums: &RankSums) {
        for (log, bet) in self.logs.iter_mut().zip(&self.terms.bets) {
            *log += i128::from(bet.log2_of(sums));
        }
    }

    /// Takes a fingerprint of which nothing is known: the least of every bet.
    pub(crate) fn observe_nothing(&mut self) {
        self.observe(&RankSums::unknown());
    }

    /// Logarithm of the evidence, never above the true one.
    #[must_use]
    pub(crate) fn log2(&self) -> Log2 {
        let most = self.logs.iter().copied().max().unwrap_or(0);
        let divided = most - i128::from(self.terms.choice);
        Log2::new(
            i64::try_from(divided.clamp(i64::MIN.into(), i64::MAX.into())).unwrap_or(i64::MIN),
        )
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
