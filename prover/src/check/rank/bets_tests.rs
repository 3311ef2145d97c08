use super::*;
use proptest::prelude::*;

const BILLION: u64 = 1_000_000_000;

fn all_answers() -> impl Iterator<Item = AnswersPerKey> {
    (1..=8).map(|n| AnswersPerKey::new(n).unwrap())
}

/// Sums of all subsets, one by one.
fn sums_by_enumeration(answers: AnswersPerKey) -> Vec<usize> {
    (0_u32..1 << 16)
        .filter(|subset| subset.count_ones() == u32::from(answers.get()))
        .map(|subset| (0..16).filter(|bit| subset >> bit & 1 == 1).map(|bit| bit + 1).sum())
        .collect()
}

#[test]
fn the_null_distribution_is_that_of_all_subsets() {
    for answers in all_answers() {
        let mut counts = vec![0_u64; null_counts(answers).len()];
        for sum in sums_by_enumeration(answers) {
            counts[sum - smallest_sum(answers)] += 1;
        }
        assert_eq!(counts, null_counts(answers), "{answers:?}");
    }
    assert_eq!(null_counts(AnswersPerKey::ONE), [1; 16]);
}

#[test]
fn the_usual_bets_spend_their_budget_to_the_last_unit() {
    for answers in all_answers() {
        let terms = RankTerms::new(answers, BILLION).unwrap();
        let counts = null_counts(answers);
        for bet in terms.bets() {
            let spent = mean_times_total(&counts, bet.payoffs());
            assert_eq!(spent, total(&counts) << 32, "{} of {answers:?}", bet.name());
        }
    }
    let single = RankTerms::new(AnswersPerKey::ONE, BILLION).unwrap();
    let kept = single.bets()[0].payoffs();
    assert_eq!(kept.iter().map(|w| u128::from(*w)).sum::<u128>(), 16 << 32);
    assert!((kept[0] as f64 / ONE as f64 - 10.0).abs() < 1e-6, "0.6 · 16 + 0.4");
    assert!(single.bets()[1].payoffs().is_sorted_by(|a, b| a > b));
}

#[test]
fn bets_that_bound_nothing_are_refused() {
    let one = AnswersPerKey::ONE;
    let fair = vec![ONE; 16];
    assert!(RankBet::new("fair", one, fair.clone()).is_ok());
    let mut rich = fair.clone();
    rich[7] += 1;
    let error = RankBet::new("rich", one, rich).unwrap_err();
    assert_eq!(error, RankError::MeanAboveOne { bet: "rich".to_owned() });
    let mut zero = fair.clone();
    zero[3] = 0;
    assert!(matches!(RankBet::new("zero", one, zero), Err(RankError::Zero { sum: 4, .. })));
    let two = AnswersPerKey::new(2).unwrap();
    let error = RankBet::new("fair", two, fair.clone()).unwrap_err();
    assert!(matches!(error, RankError::Length { found: 16, expected: 29, .. }), "{error}");
    let bet = RankBet::new("fair", one, fair).unwrap();
    assert!(RankTerms::with_bets(two, vec![bet], 10).is_err());
    assert_eq!(RankTerms::with_bets(one, Vec::new(), 10), Err(RankError::NoBets));
    assert_eq!(RankTerms::new(one, 1), Err(RankError::AlphaInverse(1)));
}

#[test]
fn top_bottom_and_in_between_all_convict() {
    let terms = RankTerms::new(AnswersPerKey::ONE, BILLION).unwrap();
    let limit = terms.threshold(Counts { cases: 1, licenses: 1 });
    for (rank, queries, best) in [(1, 10, "kept"), (16, 10, "suppressed"), (3, 48, "faded")] {
        let mut test = RankTest::new(&terms);
        (0..queries).for_each(|_| test.observe(rank, rank));
        assert!(test.log2() >= limit, "rank {rank}: {}", test.log2());
        assert_eq!(test.best(), best);
    }
    let mut test = RankTest::new(&terms);
    (0..16).for_each(|i| {
        test.observe(if i % 3 == 0 { 1 } else { 16 }, if i % 3 == 0 { 1 } else { 16 })
    });
    assert!(test.log2() >= limit && test.best() == "either");
    let mut test = RankTest::new(&terms);
    (0..100).for_each(|_| test.observe_nothing());
    assert!(test.log2() < Log2::new(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For any scores, however tied: the mean payoff over all draws is at most 1, exactly.
    #[test]
    fn any_ties_keep_the_mean_at_most_one(
        levels in proptest::collection::vec(0_usize..5, 16),
        answers in 1_u8..4,
    ) {
        let answers = AnswersPerKey::new(answers).unwrap();
        let terms = RankTerms::new(answers, BILLION).unwrap();
        let scores = CandidateScores::new(std::array::from_fn(|i| levels[i] as f64));
        let subsets = (0_u32..1 << 16).filter(|s| s.count_ones() == u32::from(answers.get()));
        let mut paid = vec![0_u128; terms.bets().len()];
        let mut draws = 0_u128;
        for subset in subsets {
            let choices: Vec<u8> = (0..16).filter(|bit| subset >> bit & 1 == 1).collect();
            let (low, high) = scores.sum_of_ranks(&choices);
            for (sum, bet) in paid.iter_mut().zip(terms.bets()) {
                let first = smallest_sum(answers);
                let least = bet.payoffs()[low - first..=high - first].iter().min().unwrap();
                prop_assert_eq!(log2_floor((*least).into()).raw(), bet.least_log2(low, high));
                *sum += u128::from(*least);
            }
            draws += 1;
        }
        prop_assert!(paid.iter().all(|sum| *sum <= draws << 32), "{paid:?}");
    }
}

use crate::check::CandidateScores;
