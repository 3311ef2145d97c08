//! Convictions of the innocent, counted.
//!
//! The suspect is fixed, the license is drawn anew in every trial: the randomness on which the
//! bound rests. The suspect of the test of answers gives a candidate every time, which no model
//! does and which makes chance as likely as it can be; the one of the rank test is a real model's
//! view of the candidates.

use oml_contracts::draw::personal_index;
use oml_contracts::evidence::log2_floor;
use oml_contracts::{Root, Salt, Seed};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::check::{
    CandidateScores, Comparisons, RankError, RankTerms, SeveralError, SeveralTerms,
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
    /// `answers` or `ranks`.
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
    let comparisons = Comparisons { cases: 1, licenses: 1 };
    let mut limits = Vec::new();
    for alpha_inverse in &options.alpha_inverses {
        let terms = RankTerms::new(AnswersPerKey::ONE, *alpha_inverse)?;
        limits.push(terms.threshold(comparisons).raw());
    }
    let tables = Tables::new(scores)?;
    let chunks = options.trials.div_ceil(CHUNK);
    let most: Vec<Convictions> = (0..chunks)
        .into_par_iter()
        .map(|chunk| {
            let trials = CHUNK.min(options.trials - chunk * CHUNK);
            tables.count(root, &limits, Stream { seed: options.seed, chunk, trials })
        })
        .reduce(
            || vec![Convictions::default(); limits.len()],
            |a, b| a.iter().zip(&b).map(|(x, y)| x.plus(*y)).collect(),
        );
    let row = |test, alpha_inverse: u64, convictions: u64| NullRow {
        test,
        alpha: 1.0 / alpha_inverse as f64,
        trials: options.trials,
        convictions,
        rate: convictions as f64 / options.trials.max(1) as f64,
    };
    let per_alpha = || options.alpha_inverses.iter().zip(&most);
    let answers = per_alpha().map(|(alpha, most)| row("answers", *alpha, most.answers));
    let ranks = per_alpha().map(|(alpha, most)| row("ranks", *alpha, most.ranks));
    Ok(answers.chain(ranks).collect())
}

/// Why nothing can be counted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NullError {
    /// The rank test bounds no error.
    #[error(transparent)]
    Rank(#[from] RankError),
    /// The test of answers bounds no error.
    #[error(transparent)]
    Several(#[from] SeveralError),
}

/// The random numbers of some of the trials.
#[derive(Debug, Clone, Copy)]
struct Stream {
    seed: u64,
    /// Tells the stream from those of other tasks.
    chunk: u64,
    trials: u64,
}

/// Convictions by each of the two tests.
#[derive(Debug, Clone, Copy, Default)]
struct Convictions {
    answers: u64,
    ranks: u64,
}

impl Convictions {
    const fn plus(self, other: Self) -> Self {
        Self { answers: self.answers + other.answers, ranks: self.ranks + other.ranks }
    }
}

/// What each draw of each fingerprint adds, as logarithms with 32 fractional bits.
struct Tables {
    /// Of the test of answers, per fingerprint and candidate.
    answers: Vec<[i64; 16]>,
    /// Of the bets on ranks.
    ranks: Vec<[Vec<i64>; 16]>,
    bets: usize,
    /// What choosing the best bet costs.
    choice: i64,
}

impl Tables {
    fn new(scores: &[CandidateScores]) -> Result<Self, NullError> {
        let several = SeveralTerms::for_rate(AnswersPerKey::ONE, 0.6, 2)?;
        let (hit, miss) = (several.log2(1, 0).raw(), several.log2(0, 1).raw());
        let terms = RankTerms::new(AnswersPerKey::ONE, 2)?;
        let answers = scores.iter().map(|scores| {
            let favorite = favorite(scores);
            std::array::from_fn(|choice| if choice == favorite { hit } else { miss })
        });
        let ranks = scores.iter().map(|scores| {
            std::array::from_fn(|choice| {
                let choice = u8::try_from(choice).unwrap_or(u8::MAX);
                let sums = scores.sums_of_ranks(&[choice]);
                terms.bets().iter().map(|bet| bet.log2_of(&sums)).collect()
            })
        });
        let bets = terms.bets().len();
        // One more than the floor: never less than the true logarithm.
        let choice = log2_floor((bets as u128) << 32).raw() + 1;
        Ok(Self { answers: answers.collect(), ranks: ranks.collect(), bets, choice })
    }

    /// Convictions per limit, of both tests.
    fn count(&self, root: Root, limits: &[i64], stream: Stream) -> Vec<Convictions> {
        let mut rng = ChaCha8Rng::seed_from_u64(stream.seed);
        rng.set_stream(stream.chunk + 1);
        let mut convicted = vec![Convictions::default(); limits.len()];
        let mut bets = vec![0_i64; self.bets];
        // The seed is new in each trial, so any salt will do.
        let salt = Salt::new([0; 32]);
        for _ in 0..stream.trials {
            let license = Seed::new(rng.random());
            let (mut answers, mut most_answers, mut most_ranks) = (0_i64, i64::MIN, i64::MIN);
            bets.fill(0);
            for ((index, table), ranks) in (0_u32..).zip(&self.answers).zip(&self.ranks) {
                let choice = usize::from(personal_index(license, root, index, salt));
                answers += table[choice];
                bets.iter_mut().zip(&ranks[choice]).for_each(|(bet, log)| *bet += log);
                let best = bets.iter().copied().max().unwrap_or(0) - self.choice;
                most_answers = most_answers.max(answers);
                most_ranks = most_ranks.max(best);
            }
            for (convicted, limit) in convicted.iter_mut().zip(limits) {
                convicted.answers += u64::from(most_answers >= *limit);
                convicted.ranks += u64::from(most_ranks >= *limit);
            }
        }
        convicted
    }
}

/// The candidate that the suspect finds likeliest.
fn favorite(scores: &CandidateScores) -> usize {
    let all = scores.as_array();
    (0..all.len()).max_by(|a, b| all[*a].total_cmp(&all[*b])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(count: usize) -> Vec<CandidateScores> {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        (0..count).map(|_| CandidateScores::new(std::array::from_fn(|_| rng.random()))).collect()
    }

    #[test]
    fn the_innocent_are_convicted_less_often_than_agreed_and_not_never() {
        let options =
            NullOptions { trials: 6000, seed: 3, alpha_inverses: vec![20, 100, 1_000_000_000] };
        let rows = null_trials(Root::new([7; 32]), &scores(16), &options).unwrap();
        assert_eq!(rows.len(), 6);
        for row in &rows {
            // Three standard deviations above the bound.
            let bound = row.alpha + 3.0 * (row.alpha / 6000.0).sqrt();
            assert!(row.rate <= bound && row.trials == 6000, "{row:?}");
        }
        assert!(rows[0].convictions > 30, "the test is not merely shy: {:?}", rows[0]);
        assert!(rows[3].convictions > 5, "{:?}", rows[3]);
        assert_eq!((rows[2].convictions, rows[5].convictions), (0, 0));
    }

    #[test]
    fn error_rates_that_bound_nothing_are_refused() {
        let options = NullOptions { trials: 1, seed: 0, alpha_inverses: vec![1] };
        assert!(null_trials(Root::new([7; 32]), &scores(1), &options).is_err());
    }
}
