//! How many fingerprints a rank test needs.

use oml_contracts::evidence::Log2;
use oml_contracts::leaf::CANDIDATES;
use rand::seq::index;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::bets::{RankTerms, RankTest};
use super::scores::RankSums;
use crate::check::QueryPlan;

/// Checks that are simulated for a plan.
const RUNS: u32 = 4000;
/// Most queries that a plan considers, as for answers.
const MOST: u32 = 4096;

/// Queries that a rank test needs of a copy which keeps all drawn answers of a key on top with
/// probability `kept`, and has them anywhere otherwise, to succeed with probability `power`; `None`
/// if 4,096 do not suffice.
///
/// From 4,000 simulated checks with a fixed seed; means are good to about 2 %.
#[must_use]
pub fn plan_ranks(terms: &RankTerms, threshold: Log2, kept: f64, power: f64) -> Option<QueryPlan> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let answers = usize::from(terms.answers().get());
    let mut lengths: Vec<u32> = Vec::new();
    for _ in 0..RUNS {
        let mut test = RankTest::new(terms);
        let decided = (1..=MOST).find(|_| {
            let top = rng.random_bool(kept.clamp(0.0, 1.0));
            let sum = if top {
                answers * (answers + 1) / 2
            } else {
                index::sample(&mut rng, CANDIDATES, answers).iter().map(|place| place + 1).sum()
            };
            test.observe(&RankSums::exact(sum));
            test.reaches(threshold)
        });
        lengths.extend(decided);
    }
    lengths.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of runs between 1 and RUNS"
    )]
    let place = (power.clamp(0.0, 1.0) * f64::from(RUNS)).ceil().max(1.0) as usize;
    let queries = *lengths.get(place - 1)?;
    let within = lengths.iter().filter(|length| **length <= queries);
    let (sum, count) = within.fold((0.0, 0.0), |(s, n), length| (s + f64::from(*length), n + 1.0));
    Some(QueryPlan { mean: sum / count, queries, bundles: queries.div_ceil(16) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Comparisons;
    use crate::fingerprint::AnswersPerKey;

    #[test]
    fn several_answers_take_fewer_queries_and_chance_takes_for_ever() {
        let plan = |answers, kept| {
            let terms =
                RankTerms::new(AnswersPerKey::new(answers).unwrap(), 1_000_000_000).unwrap();
            let limit = terms.threshold(Comparisons { cases: 1, licenses: 1 });
            plan_ranks(&terms, limit, kept, 0.99)
        };
        let (one, two) = (plan(1, 0.6).unwrap(), plan(2, 0.6).unwrap());
        assert!((20.0..26.0).contains(&one.mean), "{one:?}");
        assert!(two.mean < one.mean / 1.5, "{one:?} {two:?}");
        assert!(one.queries > 30 && one.bundles == one.queries.div_ceil(16));
        assert_eq!(plan(1, 0.0), None);
    }
}
