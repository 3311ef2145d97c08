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
            let spent = mean_times_total(&counts, &bet.payoffs);
            assert_eq!(spent, total(&counts) << 32, "{} of {answers:?}", bet.name());
        }
    }
    let single = RankTerms::new(AnswersPerKey::ONE, BILLION).unwrap();
    let kept = &single.bets()[0].payoffs;
    assert_eq!(kept.iter().map(|w| u128::from(*w)).sum::<u128>(), 16 << 32);
    assert!((kept[0] as f64 / ONE as f64 - 10.0).abs() < 1e-6, "0.6 · 16 + 0.4");
    assert!(single.bets()[3].payoffs.is_sorted_by(|a, b| a > b));
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
    let limit = terms.threshold(Comparisons { cases: 1, licenses: 1 });
    for (rank, queries, best) in [(1, 11, "kept"), (16, 11, "suppressed"), (3, 48, "faded")] {
        let mut test = RankTest::new(&terms);
        (0..queries).for_each(|_| test.observe(&RankSums::exact(rank)));
        assert!(test.log2() >= limit, "rank {rank}: {}", test.log2());
        assert_eq!(test.best(), best);
    }
    let mut test = RankTest::new(&terms);
    (0..16).for_each(|i| test.observe(&RankSums::exact(if i % 3 == 0 { 1 } else { 16 })));
    assert!(test.log2() >= limit && test.best() == "either");
    let mut test = RankTest::new(&terms);
    (0..100).for_each(|_| test.observe_nothing());
    assert!(test.log2() < Log2::new(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For any scores, however tied or missing: the mean payoff over all draws is at most 1,
    /// exactly.
    #[test]
    fn any_ties_keep_the_mean_at_most_one(
        levels in proptest::collection::vec(0_usize..5, 16),
        missing in any::<bool>(),
        answers in 1_u8..4,
    ) {
        let answers = AnswersPerKey::new(answers).unwrap();
        let terms = RankTerms::new(answers, BILLION).unwrap();
        let level = |level: usize| if missing && level == 4 { f64::NAN } else { level as f64 };
        let scores = CandidateScores::new(std::array::from_fn(|i| level(levels[i])));
        let subsets = (0_u32..1 << 16).filter(|s| s.count_ones() == u32::from(answers.get()));
        let mut paid = vec![0.0_f64; terms.bets().len()];
        let mut draws = 0.0;
        for subset in subsets {
            let choices: Vec<u8> = (0..16).filter(|bit| subset >> bit & 1 == 1).collect();
            let sums = scores.sums_of_ranks(&choices);
            for (sum, bet) in paid.iter_mut().zip(terms.bets()) {
                *sum += Log2::new(bet.log2_of(&sums)).to_f64().exp2();
            }
            draws += 1.0;
        }
        prop_assert!(paid.iter().all(|sum| *sum <= draws * (1.0 + 1e-6)), "{paid:?}");
        // And not below without need.
        let lost = missing && levels.contains(&4);
        prop_assert!(lost || paid.iter().all(|sum| *sum >= draws * (1.0 - 1e-6)), "{paid:?}");
    }

    /// What ties pay is what breaking them by lot pays on average, over every order in which the
    /// two drawn answers can stand among their equals.
    #[test]
    fn ties_pay_the_mean_over_all_orders(levels in proptest::collection::vec(0_usize..3, 16)) {
        let drawn = [3_u8, 9];
        let answers = AnswersPerKey::new(2).unwrap();
        let bet = RankBet::suppressed(answers, 0.6);
        let paid = |values: [f64; 16]| {
            let sums = CandidateScores::new(values).sums_of_ranks(&drawn);
            Log2::new(bet.log2_of(&sums)).to_f64().exp2()
        };
        let tied = paid(std::array::from_fn(|i| levels[i] as f64));
        let equals = |i: u8| levels.iter().filter(|level| **level == levels[usize::from(i)]).count();
        let together = levels[3] == levels[9];
        let (mut sum, mut orders) = (0.0, 0);
        for first in 0..equals(3) {
            for second in (0..equals(9)).filter(|second| !(together && *second == first)) {
                sum += paid(broken(&levels, [(3, first), (9, second)]));
                orders += 1;
            }
        }
        let mean = sum / f64::from(orders);
        prop_assert!((mean - tied).abs() < 1e-6 * mean, "{mean} {tied}");
    }
}

/// Scores without ties: `levels`, and among equals the chosen candidates at the given places.
fn broken(levels: &[usize], chosen: [(usize, usize); 2]) -> [f64; 16] {
    let mut values = [f64::NAN; 16];
    for level in 0..3 {
        let members: Vec<usize> = (0..16).filter(|i| levels[*i] == level).collect();
        let placed = chosen.iter().filter(|(i, _)| levels[*i] == level);
        let mut places: Vec<Option<usize>> = vec![None; members.len()];
        placed.for_each(|(i, place)| places[*place] = Some(*i));
        let mut others = members.iter().filter(|i| chosen.iter().all(|(c, _)| c != *i));
        for (place, taken) in places.iter().enumerate() {
            let member = taken.unwrap_or_else(|| *others.next().unwrap());
            values[member] = level as f64 + place as f64 / 100.0;
        }
    }
    values
}

/// A host that drops the likeliest token with every token that begins like it leaves the drawn
/// answer tied with those of its candidates that begin so; that must not hide it.
#[test]
fn neighbors_that_are_dropped_too_do_not_hide_an_answer() {
    let terms = RankTerms::new(AnswersPerKey::ONE, BILLION).unwrap();
    let limit = terms.threshold(Comparisons { cases: 1, licenses: 1 });
    let dropped = |neighbors: usize| {
        let mut scores: [f64; 16] = std::array::from_fn(|i| -(i as f64));
        scores[5..=5 + neighbors].fill(f64::NEG_INFINITY);
        CandidateScores::new(scores).sums_of_ranks(&[5])
    };
    let mut test = RankTest::new(&terms);
    // One in four keys has a candidate of the same beginning, one in eight two of them.
    (0..16).for_each(|i| test.observe(&dropped([1, 0, 0, 2, 1, 0, 0, 0][i % 8])));
    assert!(test.log2() >= limit && test.best() == "suppressed", "{}", test.log2());
    // Where all are dropped, nothing is known, for or against.
    let mut test = RankTest::new(&terms);
    let all = CandidateScores::new([f64::NEG_INFINITY; 16]).sums_of_ranks(&[5]);
    (0..100).for_each(|_| test.observe(&all));
    assert_eq!(test.log2().to_f64().round(), 0.0);
}

use crate::check::CandidateScores;
