//! Convictions of the innocent, counted.
//!
//! The suspect is fixed, the license is drawn anew in every trial: the randomness on which the
//! bound rests. The suspect of the test of answers gives a candidate every time, which no model
//! does and which makes chance as likely as it can be; the one of the rank test is a real model's
//! view of the candidates.

use oml_contracts::draw::personal_indices;
use oml_contracts::evidence::Log2;
use oml_contracts::{Root, Salt, Seed};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::check::{
    AnswerBetError, AnswerTerms, CandidateScores, Comparisons, RankError, RankTerms, log2_mean,
};
use crate::fingerprint::AnswersPerKey;

/// What is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct NullOptions {
    /// Trials; each draws another license.
    pub trials: u64,
    /// Seed of the licenses.
    pub seed: u64,
    /// 1/alpha of each row.
    pub alpha_inverses: Vec<u64>,
}

/// Convictions at one error rate.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NullRow {
    /// `answers`, `ranks` or `mixture`, the mean of both; the same after `several` for copies with
    /// two answers per key.
    pub test: &'static str,
    /// The bound on the rate of convictions.
    pub alpha: f64,
    /// Trials that were made, each with a license of its own.
    pub trials: u64,
    /// Trials in which the evidence reached the threshold after any of its queries.
    pub convictions: u64,
    /// Convictions per trial.
    pub rate: f64,
}

/// Trials per task, with a stream of its own.
const CHUNK: u64 = 4096;

/// Tests of one run over the questions, and how many there are.
const TESTS: usize = 3;

/// Names of the tests, by the number of answers per key.
const NAMES: [(u8, [&str; TESTS]); 2] = [
    (1, ["answers", "ranks", "mixture"]),
    (2, ["several answers", "several ranks", "several mixture"]),
];

/// Counts convictions of a suspect that has no part in any license. `scores` is the suspect's view
/// of the candidates of fingerprints 0, 1, …; every trial asks all of them in order and looks after
/// each.
///
/// # Errors
/// If an error rate bounds nothing.
pub fn null_trials(
    root: Root,
    scores: &[CandidateScores],
    options: &NullOptions,
) -> Result<Vec<NullRow>, NullError> {
    let mut rows = Vec::new();
    for (answers, names) in NAMES {
        let Ok(answers) = AnswersPerKey::new(answers) else { continue };
        let counted = count(root, scores, answers, options)?;
        for (test, place) in names.into_iter().zip(0..) {
            rows.extend(options.alpha_inverses.iter().zip(&counted).map(|(alpha, counted)| {
                let convictions = counted[place];
                NullRow {
                    test,
                    alpha: 1.0 / *alpha as f64,
                    trials: options.trials,
                    convictions,
                    rate: convictions as f64 / options.trials.max(1) as f64,
                }
            }));
        }
    }
    Ok(rows)
}

/// Convictions by the test of answers, by the rank test and by their mixture, per error rate.
fn count(
    root: Root,
    scores: &[CandidateScores],
    answers: AnswersPerKey,
    options: &NullOptions,
) -> Result<Vec<[u64; TESTS]>, NullError> {
    let comparisons = Comparisons { cases: 1, licenses: 1 };
    let mut limits = Vec::new();
    for alpha_inverse in &options.alpha_inverses {
        let terms = RankTerms::new(answers, *alpha_inverse)?;
        limits.push(terms.threshold(comparisons));
    }
    let tables = Tables::new(scores, answers)?;
    let chunks = options.trials.div_ceil(CHUNK);
    let counted = (0..chunks).into_par_iter().map(|chunk| {
        let trials = CHUNK.min(options.trials - chunk * CHUNK);
        tables.count(root, &limits, Stream { seed: options.seed, chunk, trials })
    });
    Ok(counted.reduce(
        || vec![[0; TESTS]; limits.len()],
        |a, b| {
            let sum = |(x, y): (&[u64; TESTS], &[u64; TESTS])| std::array::from_fn(|i| x[i] + y[i]);
            a.iter().zip(&b).map(sum).collect()
        },
    ))
}

/// Why nothing can be counted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NullError {
    /// The rank test bounds no error.
    #[error(transparent)]
    Rank(#[from] RankError),
    /// The test of answers bounds no error.
    #[error(transparent)]
    Several(#[from] AnswerBetError),
}

/// The random numbers of some of the trials.
#[derive(Debug, Clone, Copy)]
struct Stream {
    seed: u64,
    /// Tells the stream from those of other tasks.
    chunk: u64,
    trials: u64,
}

/// What each draw of each fingerprint adds, as logarithms with 32 fractional bits.
struct Tables {
    answers: AnswersPerKey,
    /// What the suspect answers to each fingerprint.
    favorites: Vec<u8>,
    /// Of the test of answers, per number of questions and of hits.
    evidence: Vec<Vec<Log2>>,
    /// Of the bets on ranks, per fingerprint and pair of drawn candidates.
    ranks: Vec<Vec<Vec<i128>>>,
}

impl Tables {
    fn new(scores: &[CandidateScores], answers: AnswersPerKey) -> Result<Self, NullError> {
        let (answer_terms, rank_terms) =
            (AnswerTerms::new(answers, 2)?, RankTerms::new(answers, 2)?);
        let questions = u32::try_from(scores.len()).unwrap_or(u32::MAX);
        let per_hits =
            |asked: u32| (0..=asked).map(|hits| answer_terms.log2(hits, asked - hits)).collect();
        let ranks = scores.iter().map(|scores| {
            let paid = |pair: u8| -> Vec<i128> {
                let mut choices = vec![pair / 16, pair % 16];
                choices.dedup();
                let fits = choices.len() == usize::from(answers.get());
                let Some(sums) = fits.then(|| scores.sums_of_ranks(&choices)) else {
                    return Vec::new();
                };
                rank_terms.bets().iter().map(|bet| bet.log2_of(&sums).into()).collect()
            };
            (0..=u8::MAX).map(paid).collect()
        });
        Ok(Self {
            answers,
            favorites: scores.iter().map(favorite).collect(),
            evidence: (0..=questions).map(per_hits).collect(),
            ranks: ranks.collect(),
        })
    }

    /// Convictions per limit, of all tests.
    fn count(&self, root: Root, limits: &[Log2], stream: Stream) -> Vec<[u64; TESTS]> {
        let mut rng = ChaCha8Rng::seed_from_u64(stream.seed);
        rng.set_stream(stream.chunk + 1);
        let mut convicted = vec![[0; TESTS]; limits.len()];
        for _ in 0..stream.trials {
            let most = self.trial(root, Seed::new(rng.random()));
            for (convicted, limit) in convicted.iter_mut().zip(limits) {
                for (count, most) in convicted.iter_mut().zip(most) {
                    *count += u64::from(most >= *limit);
                }
            }
        }
        convicted
    }

    /// The most evidence that each of the tests has after any of its questions.
    fn trial(&self, root: Root, license: Seed) -> [Log2; TESTS] {
        // The seed is new in each trial, so any salt will do.
        let salt = Salt::new([0; 32]);
        let mut most = [Log2::new(i64::MIN); TESTS];
        let (mut hits, mut bets) = (0, Vec::new());
        for (index, (favorite, ranks)) in (0_u32..).zip(self.favorites.iter().zip(&self.ranks)) {
            let drawn = personal_indices(license, root, index, salt, self.answers.get());
            hits += usize::from(drawn.contains(favorite));
            let asked = usize::try_from(index).unwrap_or(usize::MAX).saturating_add(1);
            let by_answers = self.evidence[asked][hits];
            let pair = match drawn.as_slice() {
                [one] => 17 * one,
                [one, other, ..] => 16 * one + other,
                [] => 0,
            };
            let paid = &ranks[usize::from(pair)];
            bets.resize(paid.len(), 0_i128);
            bets.iter_mut().zip(paid).for_each(|(bet, log)| *bet += log);
            let by_ranks = log2_mean(&bets);
            // A mean of evidence is evidence, whatever the two have in common.
            let mixture = log2_mean(&[by_answers.raw().into(), by_ranks.raw().into()]);
            for (most, now) in most.iter_mut().zip([by_answers, by_ranks, mixture]) {
                *most = (*most).max(now);
            }
        }
        most
    }
}

/// The candidate that the suspect finds likeliest.
fn favorite(scores: &CandidateScores) -> u8 {
    let all = scores.as_array();
    let best = (0..all.len()).max_by(|a, b| all[*a].total_cmp(&all[*b]));
    best.and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The views of two suspects: one that tells all candidates apart, and one that knows three
    /// kinds of them alone.
    fn suspects(count: usize) -> [Vec<CandidateScores>; 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut views = |levels: f64| {
            let score = |rng: &mut ChaCha8Rng| (rng.random::<f64>() * levels).floor();
            let one = |_| CandidateScores::new(std::array::from_fn(|_| score(&mut rng)));
            (0..count).map(one).collect()
        };
        [views(1e9), views(3.0)]
    }

    /// A fast part of what `bench_nulls` counts.
    #[test]
    fn the_innocent_are_convicted_less_often_than_agreed_and_not_never() {
        let options =
            NullOptions { trials: 6000, seed: 3, alpha_inverses: vec![20, 100, 1_000_000_000] };
        for scores in suspects(24) {
            let rows = null_trials(Root::new([7; 32]), &scores, &options).unwrap();
            assert_eq!(rows.len(), 18);
            for row in &rows {
                // Three standard deviations above the bound.
                let bound = row.alpha + 3.0 * (row.alpha / 6000.0).sqrt();
                assert!(row.rate <= bound && row.trials == 6000, "{row:?}");
            }
            // In the order of the tests, three rates each; none is merely shy.
            assert!(rows.iter().step_by(3).all(|row| row.convictions > 5), "{rows:?}");
            assert!(rows.iter().skip(2).step_by(3).all(|row| row.convictions == 0), "{rows:?}");
        }
    }

    /// What an innocent is convicted for would convict the guilty: the counting itself works.
    #[test]
    fn a_suspect_that_follows_the_draw_is_convicted_by_every_test() {
        let (root, license) = (Root::new([7; 32]), Seed::new([5; 32]));
        for (answers, _) in NAMES {
            let drawn = |index| personal_indices(license, root, index, Salt::new([0; 32]), answers);
            let view = |index| {
                let mut scores = [0.0; 16];
                drawn(index).iter().for_each(|place| scores[usize::from(*place)] = 1.0);
                CandidateScores::new(scores)
            };
            let scores: Vec<CandidateScores> = (0..64).map(view).collect();
            let tables = Tables::new(&scores, AnswersPerKey::new(answers).unwrap()).unwrap();
            let limit = Log2::new(30 << 32);
            let most = tables.trial(root, license);
            assert!(most.iter().all(|most| *most >= limit), "{most:?}");
            let other = tables.trial(root, Seed::new([6; 32]));
            assert!(other.iter().all(|most| *most < limit), "{other:?}");
        }
    }

    #[test]
    fn error_rates_that_bound_nothing_are_refused() {
        let options = NullOptions { trials: 1, seed: 0, alpha_inverses: vec![1] };
        assert!(null_trials(Root::new([7; 32]), &suspects(1)[0], &options).is_err());
    }
}
