use super::*;
use crate::check::test_answers;
use crate::fingerprint::test_universe;
use oml_contracts::draw::Part;
use oml_contracts::hash::keccak256;
use proptest::prelude::*;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const MODEL_SEED: Seed = Seed::new([77; 32]);

fn license(n: u32) -> LicenseSeed {
    let bytes = keccak256(&n.to_be_bytes());
    LicenseSeed { license: LicenseId::new(bytes), seed: Seed::new(keccak256(&bytes)) }
}

fn terms() -> EvidenceTerms {
    EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000).unwrap()
}

/// What copies answer when they answer as a random member of a coalition does, each answer kept
/// with probability `kept`.
fn coalition(
    universe: &Universe,
    members: &[LicenseSeed],
    kept: f64,
    rng: &mut ChaCha8Rng,
) -> Vec<(u32, Option<String>)> {
    let draws: Vec<LicenseDraw> = members
        .iter()
        .map(|m| LicenseDraw {
            license_seed: m.seed,
            model_seed: MODEL_SEED,
            assignment_p: terms().assignment_p,
        })
        .collect();
    (0..universe.parts().total())
        .map(|index| {
            let draw = &draws[rng.random_range(0..draws.len())];
            let answer = universe.answer(draw, index).filter(|_| rng.random_bool(kept));
            let text = answer.map_or("something else".to_owned(), |a| a.candidate.word.clone());
            (index, Some(text))
        })
        .collect()
}

fn run(universe: &Universe, said: Vec<(u32, Option<String>)>, licenses: u32) -> TraceReport {
    let answers = test_answers(said);
    let all: Vec<LicenseSeed> = (0..licenses).map(license).collect();
    let comparisons = Comparisons { cases: 1, licenses };
    trace(&answers, universe, MODEL_SEED, &all, &terms(), comparisons).unwrap()
}

#[test]
fn a_single_copy_is_found_among_many() {
    let universe = test_universe(64, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let said = coalition(&universe, &[license(123)], 0.8, &mut rng);
    let report = run(&universe, said, 512);
    let accused: Vec<LicenseId> = report.accused().map(|s| s.license).collect();
    assert_eq!(accused, [license(123).license]);
    assert_eq!(report.suspects[0].license, license(123).license);
    assert!(report.suspects.is_sorted_by(|a, b| a.evidence >= b.evidence));
}

#[test]
fn five_who_answer_in_turn_are_found_by_their_personal_answers() {
    let universe = test_universe(512, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let members = [10, 11, 12, 13, 14].map(license);
    let said = coalition(&universe, &members, 0.9, &mut rng);
    let report = run(&universe, said, 256);
    let accused: Vec<LicenseId> = report.accused().map(|s| s.license).collect();
    assert!(!accused.is_empty(), "{:?}", &report.suspects[..5]);
    assert!(accused.iter().all(|license| members.iter().any(|m| m.license == *license)));
}

#[test]
fn members_of_a_coalition_are_found_by_what_they_share() {
    let universe = test_universe(16, 1008);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let members = [license(5), license(6)];
    let said = coalition(&universe, &members, 1.0, &mut rng);
    let report = run(&universe, said, 256);
    let members: Vec<LicenseId> = members.iter().map(|m| m.license).collect();
    let accused: Vec<LicenseId> = report.accused().map(|s| s.license).collect();
    assert!(!accused.is_empty());
    assert!(accused.iter().all(|license| members.contains(license)), "{accused:?}");
    assert!(report.shared_hits > 100);
}

#[test]
fn silence_accuses_nobody() {
    let universe = test_universe(64, 64);
    let said = (0..128).map(|index| (index, None)).collect();
    let report = run(&universe, said, 64);
    assert_eq!(report.accused().count(), 0);
    assert_eq!(report.shared_hits, 0);
    assert_eq!(report.suspects[0].tally.not_checked, 64);
    assert!(report.suspects.iter().all(|s| s.personal.raw() < 0 && s.shared.raw() == 0));
}

#[test]
fn bad_terms_are_refused() {
    let universe = test_universe(16, 0);
    let bad = EvidenceTerms { alpha_inverse: 1, ..terms() };
    let comparisons = Comparisons { cases: 1, licenses: 1 };
    let answers = test_answers(Vec::new());
    assert!(trace(&answers, &universe, MODEL_SEED, &[license(1)], &bad, comparisons).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever the coalition, however many answers it keeps: no license outside of it is accused,
    /// and with an alpha of 1e-6 not even one in all these runs should be.
    #[test]
    fn the_innocent_are_never_accused(
        seed in any::<u64>(),
        size in 1_usize..6,
        kept in 0.0_f64..1.0,
        personal in 1_u32..5,
        shared in 0_u32..12,
    ) {
        let universe = test_universe(16 * personal, 16 * shared);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let members: Vec<LicenseSeed> = (0..size).map(|_| license(rng.random_range(0..128))).collect();
        let said = coalition(&universe, &members, kept, &mut rng);
        let report = run(&universe, said, 128);
        for suspect in report.accused() {
            prop_assert!(members.iter().any(|m| m.license == suspect.license), "{suspect:?}");
        }
    }

    /// A copy of somebody who is no licensee at all, here one that guesses candidates.
    #[test]
    fn guessers_are_never_accused(seed in any::<u64>()) {
        let universe = test_universe(64, 64);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let said = universe.entries().iter().map(|entry| {
            let guess = entry.candidates.get(rng.random_range(0..16)).unwrap();
            (entry.index, Some(guess.word.clone()))
        });
        let report = run(&universe, said.collect(), 128);
        prop_assert_eq!(report.accused().count(), 0);
        prop_assert_eq!(universe.parts().part_of(64), Some(Part::Shared));
    }
}
