use super::*;

fn run(members: usize, strategy: Strategy, scoring: Scoring) -> CoalitionReport {
    let options =
        CoalitionOptions { members, strategy, scoring, trials: 200, ..CoalitionOptions::default() };
    simulate_coalition(&options).unwrap()
}

#[test]
fn every_factor_of_the_shared_scores_has_mean_one() {
    for p in [0.01, 0.25, 0.5, 0.99] {
        for size in SIZES {
            for survival in [0.3, 1.0] {
                for hit in [true, false] {
                    let factor = |carries| Asked { p, survival, hit }.factor(size, carries);
                    let mean = p * factor(true) + (1.0 - p) * factor(false);
                    assert!((mean - 1.0).abs() < 1e-12, "{p} {size} {survival} {hit}: {mean}");
                }
            }
        }
    }
}

/// Means of the design study for a hit rate of 0.9 among 2,048 licenses: one copy 14 queries.
#[test]
fn one_copy_and_small_coalitions_are_found_as_fast_as_designed() {
    let alone = run(1, Strategy::RandomMember, Scoring::Personal);
    assert!((13.0..18.0).contains(&alone.mean_queries.unwrap()), "{alone:?}");
    let three = run(3, Strategy::RandomMember, Scoring::PersonalMixture);
    assert!((60.0..130.0).contains(&three.mean_queries.unwrap()), "{three:?}");
    let five = run(5, Strategy::RandomMember, Scoring::PersonalMixture);
    assert!(five.convicted > 0.95 && five.mean_queries > three.mean_queries, "{five:?}");
}

#[test]
fn what_suppresses_disagreement_is_left_to_the_shared_part() {
    let personal = run(3, Strategy::SuppressDisagreement, Scoring::PersonalMixture);
    assert_eq!((personal.convicted, personal.mean_queries), (0.0, None));
    let fixed = run(2, Strategy::SuppressDisagreement, Scoring::SharedMixture);
    assert!(fixed.convicted > 0.95, "{fixed:?}");
}

#[test]
fn innocents_are_convicted_no_more_often_than_agreed() {
    for scoring in SCORINGS {
        for strategy in STRATEGIES {
            let options = CoalitionOptions {
                members: 3,
                strategy,
                scoring,
                alpha: 0.05,
                licenses: 8,
                innocents: 5,
                queries: 300,
                trials: 400,
                ..CoalitionOptions::default()
            };
            let report = simulate_coalition(&options).unwrap();
            // Per innocent the bound is alpha / licenses: 12.5 of 2,000 expected at most.
            assert!(report.false_accusations <= 28, "{scoring:?} {strategy:?}: {report:?}");
            assert_eq!(report.innocents, 2000);
        }
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let good = CoalitionOptions::default();
    for (bad, name) in [
        (CoalitionOptions { members: 0, ..good }, "members"),
        (CoalitionOptions { survival: 0.0, ..good }, "survival"),
        (CoalitionOptions { alpha: f64::NAN, ..good }, "alpha"),
        (CoalitionOptions { members: 9, licenses: 8, ..good }, "licenses"),
        (CoalitionOptions { trials: 0, ..good }, "trials"),
    ] {
        let error = simulate_coalition(&bad).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}
