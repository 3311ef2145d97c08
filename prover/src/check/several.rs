//! The test of answers for copies that carry several per key.
//!
//! With N distinct answers drawn out of 16, an innocent suspect gives one of them with probability
//! N/16 at most. For N = 1 this is the contract's own test, to the bit.

use std::collections::BTreeSet;

use oml_contracts::draw::Part;
use oml_contracts::evidence::{Log2, Multiplier, log2_floor, threshold};
use oml_contracts::leaf::CANDIDATES;
use oml_contracts::tag::normalise;

use super::answers::Answers;
use super::judge::{CheckOutcome, Comparisons, EvidenceLevels, Tally};
use super::observation::Observation;
use crate::fingerprint::{AnswersPerKey, LicenseDraw, Universe};

/// Why multipliers bound no error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SeveralError {
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

/// Multipliers and error rate for copies with several answers per key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeveralTerms {
    answers: AnswersPerKey,
    hit: Multiplier,
    miss: Multiplier,
    alpha_inverse: u64,
}

impl SeveralTerms {
    /// Given multipliers.
    ///
    /// # Errors
    /// `Order`, `AlphaInverse`; `MeanAboveOne` unless `N·h + (16 − N)·m ≤ 16`, exactly.
    pub fn new(
        answers: AnswersPerKey,
        hit: Multiplier,
        miss: Multiplier,
        alpha_inverse: u64,
    ) -> Result<Self, SeveralError> {
        const ONE: u128 = 1 << 32;
        let (h, m) = (u128::from(hit.raw()), u128::from(miss.raw()));
        if !(h > ONE && ONE > m && m > 0) {
            return Err(SeveralError::Order { hit: hit.raw(), miss: miss.raw() });
        }
        let n = u128::from(answers.get());
        if n * h + (16 - n) * m > 16 * ONE {
            return Err(SeveralError::MeanAboveOne {
                answers: answers.get(),
                hit: hit.raw(),
                miss: miss.raw(),
            });
        }
        if alpha_inverse < 2 {
            return Err(SeveralError::AlphaInverse(alpha_inverse));
        }
        Ok(Self { answers, hit, miss, alpha_inverse })
    }

    /// The multipliers that gather evidence fastest against copies that give one of their answers
    /// at `rate`: h = p₁/p₀ and m = (1−p₁)/(1−p₀) with p₀ = N/16, both rounded down.
    ///
    /// # Errors
    /// `HitRate`, `AlphaInverse`.
    pub fn for_rate(
        answers: AnswersPerKey,
        rate: f64,
        alpha_inverse: u64,
    ) -> Result<Self, SeveralError> {
        let chance = f64::from(answers.get()) / CANDIDATES as f64;
        let refused = SeveralError::HitRate { rate, answers: answers.get() };
        let (Some(hit), Some(miss)) = (
            Multiplier::from_f64_floor(rate / chance),
            Multiplier::from_f64_floor((1.0 - rate) / (1.0 - chance)),
        ) else {
            return Err(refused);
        };
        Self::new(answers, hit, miss, alpha_inverse).map_err(|error| match error {
            SeveralError::AlphaInverse(_) => error,
            _ => refused,
        })
    }

    /// Answers per key.
    #[must_use]
    pub const fn answers(&self) -> AnswersPerKey {
        self.answers
    }

    /// The inverse of the error rate.
    #[must_use]
    pub const fn alpha_inverse(&self) -> u64 {
        self.alpha_inverse
    }

    /// What the evidence must reach.
    #[must_use]
    pub fn threshold(&self, comparisons: Comparisons) -> Log2 {
        threshold(self.alpha_inverse, comparisons.cases, comparisons.licenses)
    }

    /// Evidence of so many hits and misses, never above the true one.
    #[must_use]
    pub fn log2(&self, hits: u32, misses: u32) -> Log2 {
        let part = |count: u32, multiplier: Multiplier| {
            i128::from(count) * i128::from(log2_floor(multiplier.raw().into()).raw())
        };
        let sum = part(hits, self.hit) + part(misses, self.miss);
        Log2::new(i64::try_from(sum.clamp(i64::MIN.into(), i64::MAX.into())).unwrap_or(i64::MIN))
    }
}

impl Answers {
    /// Judges the answers for a license whose copy carries several per key; the personal part
    /// alone. What was not answered weighs against the claim.
    #[must_use]
    pub fn judge_several(
        &self,
        universe: &Universe,
        draw: &LicenseDraw,
        terms: &SeveralTerms,
        comparisons: Comparisons,
    ) -> CheckOutcome {
        let mut tally = Tally::default();
        let mut seen = BTreeSet::new();
        for (index, observation) in self.of_fingerprints() {
            let personal = universe.parts().part_of(index) == Some(Part::Personal);
            if !personal || !seen.insert(index) {
                continue;
            }
            let set = universe.answer_set(draw, index, terms.answers());
            match observation {
                Observation::Answered(text) => {
                    let hit = set.is_some_and(|set| set.contains(&normalise(text)));
                    *(if hit { &mut tally.hits } else { &mut tally.misses }) += 1;
                }
                Observation::NoAnswer(_) => tally.no_answer += 1,
                Observation::NotChecked(_) => tally.not_checked += 1,
            }
        }
        let weighed = EvidenceLevels {
            evidence: terms.log2(tally.hits, tally.all_misses()),
            answered: terms.log2(tally.hits, tally.misses),
            threshold: terms.threshold(comparisons),
        };
        CheckOutcome::new(self, universe, tally, weighed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Verdict, test_answers};
    use crate::fingerprint::test_universe;
    use oml_contracts::Seed;
    use oml_contracts::evidence::EvidenceTerms;

    const ALONE: Comparisons = Comparisons { cases: 1, licenses: 1 };

    fn draw(n: u8) -> LicenseDraw {
        let model_seed = Seed::new([99; 32]);
        LicenseDraw { license_seed: Seed::new([n; 32]), model_seed, assignment_p: 16_384 }
    }

    #[test]
    fn validity_is_exact_for_every_number_of_answers() {
        let one = 1_u64 << 32;
        for n in 1..=8_u64 {
            let answers = AnswersPerKey::new(u8::try_from(n).unwrap()).unwrap();
            // N·h + (16 − N)·m = 16 exactly: m = 1/2, h = 1 + (16 − N)/(2N), N·h without remainder.
            let hit = (16 * one - (16 - n) * (one / 2)) / n;
            let terms =
                |h| SeveralTerms::new(answers, Multiplier::new(h), Multiplier::new(one / 2), 1000);
            assert!(terms(hit).is_ok());
            assert!(matches!(terms(hit + 1), Err(SeveralError::MeanAboveOne { .. })), "{n}");
            assert!(SeveralTerms::for_rate(answers, 0.6, 1_000_000_000).is_ok());
            let chance = n as f64 / 16.0;
            let error = SeveralTerms::for_rate(answers, chance, 1000).unwrap_err();
            assert!(matches!(error, SeveralError::HitRate { .. }), "{error}");
        }
        let one_answer = AnswersPerKey::ONE;
        assert!(SeveralTerms::for_rate(one_answer, 1.0, 1000).is_err());
        assert!(SeveralTerms::for_rate(one_answer, f64::NAN, 1000).is_err());
        assert_eq!(SeveralTerms::for_rate(one_answer, 0.6, 1), Err(SeveralError::AlphaInverse(1)));
    }

    #[test]
    fn any_of_the_answers_is_a_hit() {
        let universe = test_universe(32, 0);
        let two = AnswersPerKey::new(2).unwrap();
        let terms = SeveralTerms::for_rate(two, 0.6, 1_000_000_000).unwrap();
        let said = |index: u32| {
            let set = universe.answer_set(&draw(1), index, two).unwrap();
            Some(format!("{} it is", set.candidates[index as usize % 2].word))
        };
        let answers = test_answers((0..32).map(|index| (index, said(index))).collect());
        let outcome = answers.judge_several(&universe, &draw(1), &terms, ALONE);
        assert_eq!((outcome.tally().hits, outcome.verdict()), (32, &Verdict::Match));
        let other = answers.judge_several(&universe, &draw(2), &terms, ALONE);
        assert_eq!(other.verdict(), &Verdict::NoMatch);
    }

    #[test]
    fn one_answer_is_the_contracts_test() {
        let universe = test_universe(32, 0);
        let contract = EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000_000).unwrap();
        let terms = SeveralTerms::for_rate(AnswersPerKey::ONE, 0.6, 1_000_000_000).unwrap();
        let said = |index: u32| {
            let answer = universe.answer(&draw(1), index).unwrap();
            (!index.is_multiple_of(3)).then(|| answer.candidate.word.clone())
        };
        let answers = test_answers((0..32).map(|index| (index, said(index))).collect());
        let expected = answers.judge(&universe, &draw(1), &contract, ALONE).unwrap();
        assert_eq!(answers.judge_several(&universe, &draw(1), &terms, ALONE), expected);
    }
}
