use super::*;
use crate::check::observation::{NoAnswer, NotChecked};
use crate::check::test_observations;
use crate::fingerprint::test_universe;
use proptest::prelude::*;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const ALONE: Comparisons = Comparisons { cases: 1, licenses: 1 };

fn terms() -> AnswerTerms {
    AnswerTerms::new(AnswersPerKey::ONE, 1_000_000_000).unwrap()
}

fn draw(n: u8) -> LicenseDraw {
    LicenseDraw {
        license_seed: Seed::new([n; 32]),
        model_seed: Seed::new([99; 32]),
        assignment_p: 16_384,
    }
}

fn silent() -> Observation {
    Observation::NotChecked(NotChecked::NotAsked)
}

fn refused() -> Observation {
    Observation::NoAnswer(NoAnswer::TooLarge { limit: 1 })
}

/// What license 1's copy says to the first fingerprints, and `rest` to the others.
fn says(universe: &Universe, right: u32, rest: &Observation) -> Answers {
    let observations = (0..universe.parts().total()).map(|index| {
        let answer = universe.answer(&draw(1), index).filter(|_| index < right);
        let said = answer.map(|a| Observation::Answered(format!(" {}, I think", a.candidate.word)));
        (Some(index), said.unwrap_or_else(|| rest.clone()))
    });
    test_observations(observations.collect())
}

fn verdict(answers: &Answers, universe: &Universe, license: u8) -> CheckOutcome {
    answers.judge(universe, &draw(license), &terms(), ALONE)
}

/// Something else for each question, so that it is no evasion.
fn others(universe: &Universe) -> Answers {
    let said = |index| (Some(index), Observation::Answered(format!("word{index}")));
    test_observations((0..universe.parts().total()).map(said).collect())
}

#[test]
fn a_licensed_copy_matches_its_license_and_no_other() {
    let universe = test_universe(32, 0);
    let answers = says(&universe, 28, &Observation::Answered("other".to_owned()));
    let outcome = verdict(&answers, &universe, 1);
    assert_eq!(*outcome.verdict(), Verdict::Match);
    assert_eq!((outcome.tally().hits, outcome.tally().misses), (28, 4));
    assert_eq!((outcome.likeliest_survival(), outcome.ask_more()), (0.9, None));
    let evidence = outcome.into_evidence().unwrap();
    let json = serde_json::to_string(&evidence).unwrap();
    assert!(json.contains("\"hits\":28") && json.contains("\"transcript\":\"0x"), "{json}");

    // Another license's answers are hit by chance, too rarely for a match, too often for a no.
    let outcome = verdict(&answers, &universe, 2);
    assert!(matches!(outcome.verdict(), Verdict::Inconclusive(_)), "{outcome:?}");
    assert!(outcome.ask_more().unwrap() >= 16);
    assert!(outcome.into_evidence().is_none());
}

#[test]
fn innocence_is_said_only_when_it_shows() {
    let small = test_universe(32, 0);
    let outcome = verdict(&others(&small), &small, 1);
    assert_eq!(*outcome.verdict(), Verdict::Inconclusive(Inconclusive::AskMore(32)));
    assert_eq!(outcome.ask_more(), Some(32));
    let large = test_universe(64, 0);
    assert_eq!(*verdict(&others(&large), &large, 1).verdict(), Verdict::NoMatch);
}

#[test]
fn evasions_neither_convict_nor_clear() {
    let universe = test_universe(64, 0);
    for text in ["Sorry, I cannot help", "the same to all", " "] {
        let said = Observation::Answered(text.to_owned());
        let outcome = verdict(&says(&universe, 0, &said), &universe, 1);
        assert_eq!(
            *outcome.verdict(),
            Verdict::Inconclusive(Inconclusive::NoAnswers(64)),
            "{text}"
        );
        assert_eq!((outcome.tally().no_answer, outcome.tally().misses), (64, 0));
        // They weigh against a match like misses, no more and no less.
        let some = verdict(&says(&universe, 30, &said), &universe, 1);
        let wrong = terms().log2(30, 34);
        assert_eq!(some.evidence_log2(), wrong);
        assert_eq!(*some.verdict(), Verdict::Match);
    }
    // Half refused, the rest answered otherwise: half is enough to go by, less is not.
    let half = |refused: u32| {
        let said = |index: u32| {
            let text = if index < refused { "Sorry".to_owned() } else { format!("word{index}") };
            (Some(index), Observation::Answered(text))
        };
        test_observations((0..128).map(said).collect())
    };
    let universe = test_universe(128, 0);
    assert_eq!(*verdict(&half(64), &universe, 1).verdict(), Verdict::NoMatch);
    let silent = verdict(&half(65), &universe, 1);
    assert_eq!(*silent.verdict(), Verdict::Inconclusive(Inconclusive::NoAnswers(65)));
}

#[test]
fn reasons_for_silence_are_counted() {
    let universe = test_universe(16, 0);
    let refused = |status| {
        let excerpt = "Unsupported parameter: max_tokens".to_owned();
        Observation::NoAnswer(NoAnswer::Refused { status, excerpt })
    };
    let said = (0..16).map(|index| (Some(index), refused(if index < 3 { 401 } else { 400 })));
    let outcome = verdict(&test_observations(said.collect()), &universe, 1);
    let reasons: Vec<(u32, &str)> =
        outcome.unanswered().iter().map(|u| (u.count, u.reason.as_str())).collect();
    assert_eq!(reasons.len(), 2);
    assert_eq!(reasons[0].0, 13);
    assert!(reasons[0].1.contains("400") && reasons[0].1.contains("max_tokens"), "{reasons:?}");
}

#[test]
fn any_of_several_answers_is_a_hit() {
    let universe = test_universe(32, 0);
    let two = AnswersPerKey::new(2).unwrap();
    let terms = AnswerTerms::new(two, 1_000_000_000).unwrap();
    let said = |index: u32| {
        let set = universe.answer_set(&draw(1), index, two).unwrap();
        let word = &set.candidates[index as usize % 2].word;
        (Some(index), Observation::Answered(format!("{word} it is")))
    };
    let answers = test_observations((0..32).map(said).collect());
    let outcome = answers.judge(&universe, &draw(1), &terms, ALONE);
    assert_eq!((outcome.tally().hits, outcome.verdict()), (32, &Verdict::Match));
    let other = answers.judge(&universe, &draw(2), &terms, ALONE);
    assert!(matches!(other.verdict(), Verdict::Inconclusive(_)), "{other:?}");
}

#[test]
fn silence_is_never_a_verdict() {
    let universe = test_universe(64, 0);
    let outcome = verdict(&says(&universe, 0, &silent()), &universe, 1);
    assert_eq!(*outcome.verdict(), Verdict::Inconclusive(Inconclusive::NotChecked(64)));
    let outcome = verdict(&says(&universe, 0, &refused()), &universe, 1);
    assert_eq!(*outcome.verdict(), Verdict::Inconclusive(Inconclusive::NoAnswers(64)));
    let outcome = verdict(&test_observations(Vec::new()), &universe, 1);
    assert_eq!(*outcome.verdict(), Verdict::Inconclusive(Inconclusive::NotEnough));
}

#[test]
fn silence_weighs_against_the_claim() {
    let universe = test_universe(16, 0);
    // 12 of 16 match; the same 12 and four silences do too, 11 do not.
    for rest in [silent(), refused(), Observation::Answered("x".to_owned())] {
        let outcome = verdict(&says(&universe, 12, &rest), &universe, 1);
        assert_eq!(*outcome.verdict(), Verdict::Match, "{rest:?}");
        let outcome = verdict(&says(&universe, 11, &rest), &universe, 1);
        assert!(matches!(outcome.verdict(), Verdict::Inconclusive(_)), "{rest:?}");
        assert_eq!(outcome.tally().all_misses(), 5);
    }
}

#[test]
fn choosing_raises_the_threshold() {
    let universe = test_universe(16, 0);
    let answers = says(&universe, 12, &Observation::Answered("x".to_owned()));
    let comparisons = Comparisons { cases: 100, licenses: 2048 };
    let outcome = answers.judge(&universe, &draw(1), &terms(), comparisons);
    assert!(matches!(outcome.verdict(), Verdict::Inconclusive(_)));
    assert!(outcome.threshold_log2() > verdict(&answers, &universe, 1).threshold_log2());
}

#[test]
fn asking_again_until_it_hits_does_not_help() {
    let universe = test_universe(16, 0);
    let right = |index| {
        let answer = universe.answer(&draw(1), index).unwrap();
        Observation::Answered(answer.candidate.word.clone())
    };
    let mut said: Vec<(Option<u32>, Observation)> =
        (0..16).map(|i| (Some(i), Observation::Answered(format!("wrong{i}")))).collect();
    said.extend((0..16).map(|i| (Some(i), right(i))));
    let outcome = verdict(&test_observations(said), &universe, 1);
    assert_eq!((outcome.tally().hits, outcome.tally().misses), (0, 16));
}

#[test]
fn decoys_and_strangers_do_not_count() {
    let universe = test_universe(16, 0);
    let mut answers = says(&universe, 16, &silent());
    let more = vec![(None, Observation::Answered("decoy".to_owned())), (Some(999), silent())];
    answers.extend(test_observations(more));
    assert_eq!(answers.observations().len(), 18);
    let outcome = verdict(&answers, &universe, 1);
    assert_eq!(outcome.tally(), Tally { hits: 16, ..Tally::default() });
}

#[test]
fn of_the_shared_part_only_hits_count() {
    let universe = test_universe(16, 320);
    let answers = says(&universe, 336, &Observation::Answered("x".to_owned()));
    let mine = answers.tally(&universe, &draw(1), AnswersPerKey::ONE);
    assert_eq!((mine.hits, mine.shared_outside), (16, 0));
    assert!(mine.shared_inside > 40, "{mine:?}");
    let other = answers.tally(&universe, &draw(2), AnswersPerKey::ONE);
    assert_eq!(other.shared_inside + other.shared_outside, mine.shared_inside);
    assert!(other.shared_outside > other.shared_inside, "{other:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A model that was never near this universe, but knows all candidates and guesses.
    #[test]
    fn guessers_never_match(seed in any::<u64>(), bundles in 1_u32..8) {
        let universe = test_universe(16 * bundles, 0);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let said = universe.entries().iter().map(|entry| {
            let guess = entry.candidates.get(rng.random_range(0..16)).unwrap();
            (Some(entry.index), Observation::Answered(guess.word.clone()))
        });
        let outcome = verdict(&test_observations(said.collect()), &universe, 1);
        prop_assert_ne!(outcome.verdict(), &Verdict::Match);
    }

    /// Whatever happens on the wire, answers that nobody gave decide nothing.
    #[test]
    fn without_answers_there_is_no_verdict(kinds in proptest::collection::vec(any::<bool>(), 64)) {
        let universe = test_universe(64, 0);
        let said = kinds.iter().zip(0_u32..).map(|(refuses, index)| {
            (Some(index), if *refuses { refused() } else { silent() })
        });
        let outcome = verdict(&test_observations(said.collect()), &universe, 1);
        prop_assert!(matches!(outcome.verdict(), Verdict::Inconclusive(_)));
    }
}
