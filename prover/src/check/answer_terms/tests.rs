use super::*;
use proptest::prelude::*;

const ALONE: Comparisons = Comparisons { cases: 1, licenses: 1 };

fn terms(answers: u8, alpha_inverse: u64) -> AnswerTerms {
    AnswerTerms::new(AnswersPerKey::new(answers).unwrap(), alpha_inverse).unwrap()
}

/// How checks of one target end.
#[derive(Debug, Clone, Copy)]
struct Ends {
    matched: f64,
    cleared: f64,
}

/// Probabilities of both verdicts, exactly: the distribution of the hits goes from question to
/// question, and what is decided when somebody looks is taken out.
fn ends(terms: &AnswerTerms, rate: f64, questions: u32, look_each: u32) -> Ends {
    let limit = terms.threshold(ALONE);
    let mut open = vec![1.0_f64];
    let mut ends = Ends { matched: 0.0, cleared: 0.0 };
    for asked in 1..=questions {
        let mut next = vec![0.0; open.len() + 1];
        for (hits, probability) in open.iter().enumerate() {
            next[hits] += probability * (1.0 - rate);
            next[hits + 1] += probability * rate;
        }
        open = next;
        if asked % look_each != 0 {
            continue;
        }
        for (hits, probability) in (0_u32..).zip(&mut open) {
            if terms.log2(hits, asked - hits) >= limit {
                ends.matched += std::mem::take(probability);
            } else if terms.clears(hits, asked - hits) {
                ends.cleared += std::mem::take(probability);
            }
        }
    }
    ends
}

#[test]
fn innocents_are_accused_with_less_than_alpha_however_often_somebody_looks() {
    for (answers, chance) in [(1, 1.0 / 16.0), (2, 2.0 / 16.0), (8, 0.5)] {
        for alpha_inverse in [20, 100] {
            let matched = ends(&terms(answers, alpha_inverse), chance, 400, 1).matched;
            let alpha = 1.0 / alpha_inverse as f64;
            assert!(matched < alpha && matched > alpha / 100.0, "{answers}, {alpha}: {matched}");
        }
    }
}

#[test]
fn copies_that_keep_a_tenth_are_cleared_with_one_in_128_at_most() {
    let terms = terms(1, 1_000_000_000);
    for rate in [0.1, 0.15, 0.25, 0.6, 1.0] {
        let cleared = ends(&terms, rate, 600, 1).cleared;
        assert!(cleared <= 1.0 / 128.0, "{rate}: {cleared}");
    }
    // Who never gives a drawn answer is cleared after 64 questions, in looks of 16.
    assert!(!terms.clears(0, 48) && terms.clears(0, 64) && !terms.clears(1, 63));
    assert!(ends(&terms, 0.005, 256, 16).cleared > 0.99);
}

/// One bet on .6 gave 65 hits of 256 "no match" (innocent: 1.7e-22), and a copy that keeps a
/// quarter a match in 8 % of checks; the mean of seven bets on the same answers gives it in 99 %.
#[test]
fn a_copy_that_kept_a_quarter_is_a_match() {
    let terms = terms(1, 1_000_000_000);
    assert!(terms.log2(65, 191) >= terms.threshold(ALONE), "{}", terms.log2(65, 191));
    assert_eq!(terms.likeliest_survival(65, 191), 0.2);
    let quarter = ends(&terms, 0.25, 256, 16);
    assert!(quarter.matched >= 0.99, "{quarter:?}");
    assert!(quarter.cleared < 1e-4, "{quarter:?}");
    let third = ends(&terms, 0.35, 256, 16);
    assert!(third.matched >= 0.9999, "{third:?}");
    // 20 of the first 80 are no verdict yet, and what is missing is said.
    let tally = Tally { hits: 20, misses: 60, ..Tally::default() };
    assert!(!terms.clears(20, 60) && terms.log2(20, 60) < terms.threshold(ALONE));
    let more = terms.ask_more(&tally, terms.threshold(ALONE)).unwrap();
    assert!((48..=128).contains(&more), "{more}");
}

#[test]
fn what_to_ask_more_is_enough_if_all_goes_on_alike() {
    let terms = terms(1, 1_000_000_000);
    let limit = terms.threshold(ALONE);
    let more = |hits, misses, no_answer| {
        terms.ask_more(&Tally { hits, misses, no_answer, ..Tally::default() }, limit)
    };
    assert_eq!(more(0, 0, 0), None, "nothing to go by");
    assert_eq!(more(0, 0, 32), None, "silence is nothing to go by");
    assert_eq!(more(0, 16, 0), Some(48), "innocence shows after 64");
    assert_eq!(more(0, 16, 64), Some(48), "the same: answered then as much as silent");
    assert!(more(0, 16, 128).unwrap() >= 112, "silence must not outweigh the answers");
    let more_than_many = more(1, 15, 0).unwrap();
    assert!((256..2048).contains(&more_than_many), "chance takes long: {more_than_many}");
}

#[test]
fn error_rates_that_bound_nothing_are_refused() {
    let refused = AnswerTerms::new(AnswersPerKey::ONE, 1);
    assert_eq!(refused, Err(AnswerBetError::AlphaInverse(1)));
}

proptest! {
    #[test]
    fn hits_needed_is_the_smallest_number_that_suffices(
        queries in 1_u32..400,
        answers in 1_u8..=8,
        cases in 1_u32..5000,
    ) {
        let terms = terms(answers, 1_000_000_000);
        let limit = terms.threshold(Comparisons { cases, licenses: 1 });
        let reaches = |hits: u32| terms.log2(hits, queries - hits) >= limit;
        match terms.hits_needed(limit, queries) {
            Some(hits) => {
                prop_assert!(reaches(hits));
                prop_assert!(hits == 0 || !reaches(hits - 1));
            }
            None => prop_assert!(!reaches(queries)),
        }
    }

    /// No tally is a match and cleared at once.
    #[test]
    fn verdicts_exclude_each_other(hits in 0_u32..300, misses in 0_u32..300) {
        let terms = terms(1, 1_000_000);
        let matches = terms.log2(hits, misses) >= terms.threshold(ALONE);
        prop_assert!(!(matches && terms.clears(hits, misses)));
    }
}
