//! One bet on the answers of copies that carry several per key.
//!
//! With N distinct answers drawn out of 16, an innocent suspect gives one of them with probability
//! N/16 at most.

use oml_contracts::evidence::{Log2, Multiplier, log2_floor};
use oml_contracts::leaf::CANDIDATES;

use crate::check::mixture::clamped;
use crate::fingerprint::AnswersPerKey;

/// Why multipliers bound no error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnswerBetError {
    /// Not h > 1 > m > 0.
    #[error(
        "multipliers {hit} and {miss} (32 fractional bits) do not satisfy hit > 2^32 > miss > 0"
    )]
    Order {
        /// Multiplier of a hit.
        hit: u64,
        /// Multiplier of a miss.
        miss: u64,
    },
    /// The mean under innocence is above 1.
    #[error(
        "with {answers} answers per key, multipliers {hit} and {miss} (32 fractional bits) have a \
         mean above 1 for an innocent suspect; lower one of them"
    )]
    MeanAboveOne {
        /// Answers per key.
        answers: u8,
        /// Multiplier of a hit.
        hit: u64,
        /// Multiplier of a miss.
        miss: u64,
    },
    /// A hit rate that gives no evidence.
    #[error(
        "a hit rate of {rate} can't be told from chance, which is {answers}/16; it must lie \
         between that and 1"
    )]
    HitRate {
        /// The hit rate that was asked for.
        rate: f64,
        /// Answers per key.
        answers: u8,
    },
    /// Error rate of 1 or more.
    #[error("alphaInverse {0} bounds no error; it must be at least 2, 1,000,000,000 is usual")]
    AlphaInverse(u64),
}

/// Multipliers of a hit and a miss for copies with several answers per key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AnswerBet {
    hit: Multiplier,
    miss: Multiplier,
}

impl AnswerBet {
    /// Given multipliers.
    ///
    /// # Errors
    /// `Order`, `AlphaInverse`; `MeanAboveOne` unless `N·h + (16 − N)·m ≤ 16`, exactly.
    pub(crate) fn new(
        answers: AnswersPerKey,
        hit: Multiplier,
        miss: Multiplier,
        alpha_inverse: u64,
    ) -> Result<Self, AnswerBetError> {
        const ONE: u128 = 1 << 32;
        let (h, m) = (u128::from(hit.raw()), u128::from(miss.raw()));
        if !(h > ONE && ONE > m && m > 0) {
            return Err(AnswerBetError::Order { hit: hit.raw(), miss: miss.raw() });
        }
        let n = u128::from(answers.get());
        if n * h + (16 - n) * m > 16 * ONE {
            return Err(AnswerBetError::MeanAboveOne {
                answers: answers.get(),
                hit: hit.raw(),
                miss: miss.raw(),
            });
        }
        if alpha_inverse < 2 {
            return Err(AnswerBetError::AlphaInverse(alpha_inverse));
        }
        Ok(Self { hit, miss })
    }

    /// The multipliers that gather evidence fastest against copies that give one of their answers
    /// at `rate`: h = p₁/p₀ and m = (1−p₁)/(1−p₀) with p₀ = N/16, both rounded down.
    ///
    /// # Errors
    /// `HitRate`, `AlphaInverse`.
    pub(crate) fn for_rate(
        answers: AnswersPerKey,
        rate: f64,
        alpha_inverse: u64,
    ) -> Result<Self, AnswerBetError> {
        let chance = f64::from(answers.get()) / CANDIDATES as f64;
        let refused = AnswerBetError::HitRate { rate, answers: answers.get() };
        let (Some(hit), Some(miss)) = (
            Multiplier::from_f64_floor(rate / chance),
            Multiplier::from_f64_floor((1.0 - rate) / (1.0 - chance)),
        ) else {
            return Err(refused);
        };
        Self::new(answers, hit, miss, alpha_inverse).map_err(|error| match error {
            AnswerBetError::AlphaInverse(_) => error,
            _ => refused,
        })
    }

    /// Evidence of so many hits and misses, never above the true one.
    #[must_use]
    pub(crate) fn log2(&self, hits: u32, misses: u32) -> Log2 {
        let part = |count: u32, multiplier: Multiplier| {
            i128::from(count) * i128::from(log2_floor(multiplier.raw().into()).raw())
        };
        let sum = part(hits, self.hit) + part(misses, self.miss);
        clamped(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_is_exact_for_every_number_of_answers() {
        let one = 1_u64 << 32;
        for n in 1..=8_u64 {
            let answers = AnswersPerKey::new(u8::try_from(n).unwrap()).unwrap();
            // N·h + (16 − N)·m = 16 exactly: m = 1/2, h = 1 + (16 − N)/(2N), N·h without remainder.
            let hit = (16 * one - (16 - n) * (one / 2)) / n;
            let terms =
                |h| AnswerBet::new(answers, Multiplier::new(h), Multiplier::new(one / 2), 1000);
            assert!(terms(hit).is_ok());
            assert!(matches!(terms(hit + 1), Err(AnswerBetError::MeanAboveOne { .. })), "{n}");
            assert!(AnswerBet::for_rate(answers, 0.6, 1_000_000_000).is_ok());
            let chance = n as f64 / 16.0;
            let error = AnswerBet::for_rate(answers, chance, 1000).unwrap_err();
            assert!(matches!(error, AnswerBetError::HitRate { .. }), "{error}");
        }
        let one_answer = AnswersPerKey::ONE;
        assert!(AnswerBet::for_rate(one_answer, 1.0, 1000).is_err());
        assert!(AnswerBet::for_rate(one_answer, f64::NAN, 1000).is_err());
        assert_eq!(AnswerBet::for_rate(one_answer, 0.6, 1), Err(AnswerBetError::AlphaInverse(1)));
    }
}
