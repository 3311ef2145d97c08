//! The test of answers: bets on several survival rates at once, and when a target is cleared.

mod bet;

pub(crate) use bet::AnswerBet;
pub use bet::AnswerBetError;

use oml_contracts::evidence::{Log2, threshold};
use oml_contracts::leaf::{BUNDLE, CANDIDATES};

use super::mixture::{BIT, clamped, log2_mean};
use super::tally::{Comparisons, Tally};
use crate::fingerprint::AnswersPerKey;

/// Shares of its answers that a copy may have kept; a seventh of the stake is bet on each. Close
/// enough that between two of them little evidence is lost.
const SURVIVAL_RATES: [f64; 7] = [0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9];
/// The least hit rate that "no match" speaks of.
const LEAST_HIT_RATE: f64 = 0.1;
/// Hit rates that speak for innocence, each with its part of the stake: most innocent models never
/// give a drawn answer, and none gives it more often than one in sixteen.
const INNOCENT_RATES: [(f64, f64); 4] =
    [(0.0, 0.5), (1.0 / 64.0, 1.0 / 6.0), (1.0 / 32.0, 1.0 / 6.0), (1.0 / 16.0, 1.0 / 6.0)];
/// What the evidence for innocence must reach, in bits: 1 in 128.
const CLEARED: Log2 = Log2::new(7 << 32);
/// More questions than this are not proposed.
const MOST_MORE: u32 = 1 << 16;

/// How the test of answers weighs hits and misses.
///
/// Evidence for a match is the mean of seven bets: each is on a copy that keeps a share of its
/// answers, 5 to 90 %, and gives the others as often as chance allows. Evidence for innocence is a
/// bet against every hit rate of 10 % or more.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerTerms {
    answers: AnswersPerKey,
    alpha_inverse: u64,
    #[serde(skip)]
    bets: Vec<AnswerBet>,
}

impl AnswerTerms {
    /// For copies with `answers` per key; an innocent target is called a match with probability
    /// 1/`alpha_inverse` at most.
    ///
    /// # Errors
    /// `AlphaInverse`.
    pub fn new(answers: AnswersPerKey, alpha_inverse: u64) -> Result<Self, AnswerBetError> {
        let bet = |rate| AnswerBet::for_rate(answers, hit_rate(answers, rate), alpha_inverse);
        let bets = SURVIVAL_RATES.into_iter().map(bet).collect::<Result<_, _>>()?;
        Ok(Self { answers, alpha_inverse, bets })
    }

    /// Answers per key that the test is for.
    #[must_use]
    pub const fn answers(&self) -> AnswersPerKey {
        self.answers
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

    /// Evidence of so many hits and misses that the target is a copy, never above the true one.
    #[must_use]
    pub fn log2(&self, hits: u32, misses: u32) -> Log2 {
        let logs: Vec<i128> =
            self.bets.iter().map(|bet| i128::from(bet.log2(hits, misses).raw())).collect();
        log2_mean(&logs)
    }

    /// The survival rate whose bet gathered most.
    #[must_use]
    pub fn likeliest_survival(&self, hits: u32, misses: u32) -> f64 {
        let gathered = |bet: &AnswerBet| bet.log2(hits, misses);
        let best = (self.bets.iter().zip(SURVIVAL_RATES)).max_by_key(|(bet, _)| gathered(bet));
        best.map_or(0.0, |(_, rate)| rate)
    }

    /// Fewest hits among `queries` with which the evidence reaches `limit`; `None` if not even all
    /// of them do.
    #[must_use]
    pub fn hits_needed(&self, limit: Log2, queries: u32) -> Option<u32> {
        let reaches = |hits: u32| self.log2(hits, queries - hits) >= limit;
        if !reaches(queries) {
            return None;
        }
        // More hits and fewer misses are worth more to every bet.
        let (mut too_few, mut enough) = (0, queries);
        while too_few < enough {
            let middle = u32::midpoint(too_few, enough);
            if reaches(middle) {
                enough = middle;
            } else {
                too_few = middle + 1;
            }
        }
        Some(enough)
    }

    /// Whether so many hits and misses clear the target: it would show as little, at any time of a
    /// check, with probability 1 in 128 at most if it gave one drawn answer in ten or more.
    #[must_use]
    pub(crate) fn clears(&self, hits: u32, misses: u32) -> bool {
        for_innocence(hits, misses) >= CLEARED
    }

    /// Questions after which a verdict is expected if the target goes on as it did so far; `None`
    /// if it answered nothing, or so many would be needed that it makes no sense to ask.
    #[must_use]
    pub fn ask_more(&self, tally: &Tally, limit: Log2) -> Option<u32> {
        let answered = tally.hits + tally.misses;
        if answered == 0 {
            return None;
        }
        let size = u32::try_from(BUNDLE).unwrap_or(16);
        let mut more = size;
        while more <= MOST_MORE {
            let hits = u64::from(more) * u64::from(tally.hits) / u64::from(answered);
            let hits = u32::try_from(hits).unwrap_or(more);
            let later =
                Tally { hits: tally.hits + hits, misses: tally.misses + more - hits, ..*tally };
            let cleared = later.mostly_answered() && self.clears(later.hits, later.misses);
            if cleared || self.log2(later.hits, later.all_misses()) >= limit {
                return Some(more);
            }
            more += (more / 8 / size).max(1) * size;
        }
        None
    }
}

/// Hits of a copy that keeps this share of its answers and gives the others as often as chance
/// allows.
fn hit_rate(answers: AnswersPerKey, survival: f64) -> f64 {
    let chance = f64::from(answers.get()) / CANDIDATES as f64;
    chance + survival * (1.0 - chance)
}

/// Evidence against "it gives one drawn answer in ten or more", rounded down. For every such target
/// each factor has a mean of 1 at most: a hit is worth less than a miss.
fn for_innocence(hits: u32, misses: u32) -> Log2 {
    let bet = |(rate, part): (f64, f64)| {
        let hit = if hits == 0 { 0.0 } else { f64::from(hits) * (rate / LEAST_HIT_RATE).log2() };
        hit + f64::from(misses) * ((1.0 - rate) / (1.0 - LEAST_HIT_RATE)).log2() + part.log2()
    };
    let logs = INNOCENT_RATES.map(bet);
    let most = logs.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.into_iter().map(|log| (log - most).exp2()).sum();
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let log = ((most + sum.log2() - 1e-6) * BIT).floor() as i128;
    clamped(log)
}

#[cfg(test)]
mod tests;
