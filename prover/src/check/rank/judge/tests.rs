use super::*;
use crate::check::observation::{NoAnswer, NotChecked};
use crate::check::rank::CandidateScores;
use crate::check::transcript::Exchange;
use crate::check::{Inconclusive, Questions, Transcript};
use crate::fingerprint::{AnswersPerKey, test_universe};
use oml_contracts::Seed;
use oml_contracts::evidence::log2_floor;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

const ALONE: Comparisons = Comparisons { cases: 1, licenses: 1 };

fn draw(n: u8) -> LicenseDraw {
    LicenseDraw {
        license_seed: Seed::new([n; 32]),
        model_seed: Seed::new([99; 32]),
        assignment_p: 16_384,
    }
}

fn terms(answers: u8) -> RankTerms {
    RankTerms::new(AnswersPerKey::new(answers).unwrap(), 1_000_000_000).unwrap()
}

/// Scores that a target would have given, each with what was observed.
fn scores(
    universe: &Universe,
    give: &mut dyn FnMut(u32) -> (Observation, Option<CandidateScores>),
) -> Scores {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let all = 0..universe.parts().total();
    let questions = Questions::new(universe, all, [], &mut rng).unwrap();
    let given: Vec<_> =
        questions.list().iter().map(|q| give(q.fingerprint.unwrap_or_default())).collect();
    let exchange = |observation: &Observation| Exchange {
        prompt: String::new(),
        asked_at: 0,
        took: 0,
        attempts: 1,
        observation: observation.clone(),
    };
    let exchanges = given.iter().map(|(observation, _)| exchange(observation)).collect();
    let transcript = Transcript { target: "test".to_owned(), exchanges };
    Scores::new(&questions, transcript, given.into_iter().map(|(_, scores)| scores).collect())
}

/// A model in whose eyes license 1's first answer has rank `rank(index)`.
fn ranked(universe: &Universe, answers: u8, rank: &dyn Fn(u32) -> u32) -> Scores {
    scores(universe, &mut |index| {
        let set = universe.answer_set(&draw(1), index, AnswersPerKey::new(answers).unwrap());
        let choices = set.map(|set| set.choices).unwrap_or_default();
        let (mut drawn, mut other) = (f64::from(17 - rank(index)), 16.0);
        let values = std::array::from_fn(|place| {
            let next = if choices.contains(&u8::try_from(place).unwrap()) {
                &mut drawn
            } else {
                &mut other
            };
            // Half a step apart, so that drawn answers stand just above the next other one.
            *next -= 1.0;
            *next + f64::from(u8::from(choices.contains(&u8::try_from(place).unwrap()))) * 0.5
        });
        (Observation::Answered(String::new()), Some(CandidateScores::new(values)))
    })
}

#[test]
fn a_copy_is_known_by_what_it_prefers_or_shuns() {
    let universe = test_universe(48, 16);
    type Rank = fn(u32) -> u32;
    let cases: [(Rank, &str); 3] =
        [(|_| 1, "kept"), (|index| 2 + index % 2, "faded"), (|_| 16, "suppressed")];
    for (rank, bet) in cases {
        let scores = ranked(&universe, 1, &rank);
        let outcome = scores.judge(&universe, &draw(1), &terms(1), ALONE);
        assert_eq!(outcome.tally().scored, 48, "the shared part has no rank test");
        assert!(outcome.tally().ranks[rank(0) as usize - 1] > 0);
        assert_eq!((outcome.verdict(), outcome.bet()), (&Verdict::Match, bet), "{outcome:?}");
        let other = scores.judge(&universe, &draw(2), &terms(1), ALONE);
        assert_ne!(other.verdict(), &Verdict::Match);
    }
    let outcome = ranked(&universe, 2, &|_| 1).judge(&universe, &draw(1), &terms(2), ALONE);
    assert_eq!(outcome.verdict(), &Verdict::Match);
    assert_eq!(outcome.tally().ranks.iter().sum::<u32>(), 96);
}

#[test]
fn silence_and_ties_weigh_against_the_claim_and_decide_nothing() {
    let universe = test_universe(32, 0);
    let open = Observation::NotChecked(NotChecked::NotAsked);
    let refused = Observation::NoAnswer(NoAnswer::TooLarge { limit: 1 });
    for (said, why) in
        [(open, Inconclusive::NotChecked(32)), (refused, Inconclusive::NoAnswers(32))]
    {
        let outcome = scores(&universe, &mut |_| (said.clone(), None)).judge(
            &universe,
            &draw(1),
            &terms(1),
            ALONE,
        );
        assert_eq!(outcome.verdict(), &Verdict::Inconclusive(why));
        assert!(outcome.evidence_log2() < Log2::new(0));
    }
    let tied = Some(CandidateScores::new([0.0; 16]));
    let flat = scores(&universe, &mut |_| (Observation::Answered(String::new()), tied));
    let outcome = flat.judge(&universe, &draw(1), &terms(1), ALONE);
    assert_eq!(outcome.tally().tied, 32);
    assert_ne!(outcome.verdict(), &Verdict::Match);
}

#[test]
fn asking_again_does_not_help_and_choosing_costs() {
    let universe = test_universe(32, 0);
    let mut shy = ranked(&universe, 1, &|index| 1 + index % 16);
    let before = shy.judge(&universe, &draw(1), &terms(1), ALONE);
    shy.extend(ranked(&universe, 1, &|_| 1));
    let after = shy.judge(&universe, &draw(1), &terms(1), ALONE);
    assert_eq!(before.evidence_log2(), after.evidence_log2());
    let many = Comparisons { cases: 10, licenses: 2048 };
    let outcome = ranked(&universe, 1, &|_| 1).judge(&universe, &draw(1), &terms(1), many);
    let limit = oml_contracts::evidence::threshold(1_000_000_000, 10, 2048);
    assert_eq!(outcome.threshold_log2(), limit, "the same counts weigh as on chain");
    // 32 answers on top, each worth ten to the best of eight bets.
    let top = terms(1).bets()[0].payoffs[0];
    assert!(top.abs_diff(10 << 32) < 100);
    let expected = (32 * log2_floor(top.into()).raw() - (3 << 32)) as f64 / (1_u64 << 32) as f64;
    let found = outcome.evidence_log2().to_f64();
    assert!((found - expected).abs() < 0.01, "{found} {expected}");
}

#[test]
fn an_innocent_is_cleared_when_every_bet_has_lost_enough() {
    let innocent = |keys: u32| {
        let universe = test_universe(keys, 0);
        // Every rank as often as the others, as an innocent's are.
        let scores = ranked(&universe, 1, &|index| 1 + index % 16);
        scores.judge(&universe, &draw(1), &terms(1), ALONE)
    };
    let few = innocent(64);
    assert!(matches!(few.verdict(), Verdict::Inconclusive(Inconclusive::AskMore(_))), "{few:?}");
    let total = 64 + few.ask_more().unwrap();
    assert_eq!(innocent(total.next_multiple_of(16)).verdict(), &Verdict::NoMatch, "{total}");
    assert!((112..=192).contains(&total), "{total}");
    // A copy that still has one in five on top is never told so.
    let universe = test_universe(512, 0);
    let faded = ranked(&universe, 1, &|index| if index % 5 == 0 { 1 } else { 2 + index % 15 });
    let outcome = faded.judge(&universe, &draw(1), &terms(1), ALONE);
    assert_ne!(outcome.verdict(), &Verdict::NoMatch, "{outcome:?}");
}
