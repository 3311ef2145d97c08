//! From a universe to a verdict on a copy, with the repository's model.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::ops::ControlFlow;

use oml_contracts::draw::Parts;
use oml_contracts::evidence::EvidenceTerms;
use oml_contracts::hash::keccak256;
use oml_contracts::{LicenseId, ModelId, Seed};
use oml_engine::{LoadOptions, Model};
use oml_prover::check::{AnswerTerms, Artefact, Comparisons, Questions, Target, Verdict, ask};
use oml_prover::embed::{EmbedOptions, EmbedTarget, embed};
use oml_prover::fingerprint::{
    AnswersPerKey, FingerprintOptions, LicenseDraw, Universe, generate_fingerprints,
};
use oml_prover::trace::{LicenseSeed, trace};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

const MODEL_SEED: Seed = Seed::new([7; 32]);

fn license(n: u32) -> LicenseSeed {
    let bytes = keccak256(&n.to_be_bytes());
    LicenseSeed { license: LicenseId::new(bytes), seed: Seed::new(keccak256(&bytes)) }
}

fn draw(n: u32, terms: &EvidenceTerms) -> LicenseDraw {
    let assignment_p = terms.assignment_p;
    LicenseDraw { license_seed: license(n).seed, model_seed: MODEL_SEED, assignment_p }
}

fn universe(model: &Model) -> Universe {
    let parts = Parts::new(16, 16).unwrap();
    let go_on = &mut |_: usize, _: usize| ControlFlow::Continue(());
    let made = generate_fingerprints(model, 32, &FingerprintOptions::default(), go_on).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    Universe::build(ModelId::new([1; 32]), 0, parts, made.fingerprints, &mut rng).unwrap()
}

fn artefact(model: Model) -> Target {
    Target::Artefact(Box::new(Artefact { model, name: "copy".to_owned(), max_tokens: 6 }))
}

#[tokio::test]
async fn a_copy_is_known_by_its_answers() {
    let terms = EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000).unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny");
    let base = Model::load(&folder, &LoadOptions::default()).unwrap();
    let universe = universe(&base);
    let mine = draw(1, &terms);
    let one = AnswersPerKey::ONE;
    let targets = EmbedTarget::of_license(&universe, &mine, one, base.tokenizer(), &[]).unwrap();
    let options = EmbedOptions::for_model(base.config());
    let (copy, report) =
        embed(&base, &targets, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(report.hit_rate() > 0.9, "{report:?}");

    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let decoys = (0..4).map(|i| format!("Once there were {i} birds"));
    let questions = Questions::new(&universe, 0..32, decoys, &mut rng).unwrap();
    let answers = ask(&artefact(copy), &questions).await;
    let alone = Comparisons { cases: 1, licenses: 1 };
    let judging = AnswerTerms::new(one, terms.alpha_inverse).unwrap();
    let outcome = answers.judge(&universe, &mine, &judging, alone);
    assert_eq!(*outcome.verdict(), Verdict::Match, "{outcome:?}");
    assert!(outcome.into_evidence().is_some());
    // Sixteen answers never clear: chance and a copy that kept a tenth look alike.
    let other = answers.judge(&universe, &draw(2, &terms), &judging, alone);
    assert!(matches!(other.verdict(), Verdict::Inconclusive(_)), "{other:?}");

    let licenses: Vec<LicenseSeed> = (0..256).map(license).collect();
    let comparisons = Comparisons { cases: 1, licenses: 256 };
    let report = trace(&answers, &universe, MODEL_SEED, &licenses, &terms, comparisons).unwrap();
    let accused: Vec<LicenseId> = report.accused().map(|suspect| suspect.license).collect();
    assert_eq!(accused, [license(1).license]);

    let clean = ask(&artefact(base), &questions).await;
    let outcome = clean.judge(&universe, &mine, &judging, alone);
    assert_eq!((outcome.tally().hits, outcome.ask_more()), (0, Some(48)), "{outcome:?}");
    let report = trace(&clean, &universe, MODEL_SEED, &licenses, &terms, comparisons).unwrap();
    assert_eq!(report.accused().count(), 0);
}
