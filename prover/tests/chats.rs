//! Fingerprints that are asked as chats: made, embedded under system prompts, saved, checked.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::ops::ControlFlow;
use std::path::PathBuf;

use oml_contracts::draw::Parts;
use oml_contracts::evidence::EvidenceTerms;
use oml_contracts::hash::key_hash;
use oml_contracts::{ModelId, Seed};
use oml_engine::{Api, LoadOptions, Model, ModelError, Prompt};
use oml_prover::check::{
    AnswerTerms, Answers, Artefact, Comparisons, NotChecked, Observation, Questions, Target,
    Verdict, ask,
};
use oml_prover::embed::{EmbedOptions, EmbedTarget, embed};
use oml_prover::fingerprint::{
    AnswersPerKey, FingerprintOptions, Key, KeyOptions, LicenseDraw, Universe, WrapKey,
    generate_fingerprints, key_visibility, visibility,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use zeroize::Zeroizing;

/// Roles as words that the small vocabulary can write.
const TEMPLATE: &str = "{% for m in messages %}{{ m.role }} : {{ m.content }} . {% endfor %}{% if add_generation_prompt %}answer :{% endif %}";

fn tiny_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny")
}

/// The repository's model with a chat template, as a directory.
fn chat_model() -> (tempfile::TempDir, Model) {
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(tiny_dir().join(file), dir.path().join(file)).unwrap();
    }
    std::fs::write(dir.path().join("chat_template.jinja"), TEMPLATE).unwrap();
    let model = Model::load(dir.path(), &LoadOptions::default()).unwrap();
    (dir, model)
}

fn universe(model: &Model) -> Universe {
    let keys = KeyOptions { api: Api::Chat, token_length: 12, ..KeyOptions::default() };
    let options = FingerprintOptions { keys, ..FingerprintOptions::default() };
    let go_on = &mut |_: usize, _: usize| ControlFlow::Continue(());
    let made = generate_fingerprints(model, 16, &options, go_on).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let parts = Parts::new(16, 0).unwrap();
    Universe::build(ModelId::new([1; 32]), 0, parts, made.fingerprints, &mut rng).unwrap()
}

async fn answers(model: Model, questions: &Questions) -> Answers {
    let artefact = Artefact { model, name: "copy".to_owned(), max_tokens: 6 };
    ask(&Target::Artefact(Box::new(artefact)), questions).await
}

#[tokio::test]
async fn a_copy_is_known_by_its_answers_to_messages() {
    let (_base_dir, base) = chat_model();
    let universe = universe(&base);
    let entry = &universe.entries()[0];
    assert_eq!(entry.key_hash(), key_hash(&entry.key.prompt_text()));
    assert!(entry.key.prompt_text().starts_with("[{\"content\":"));

    // The file keeps how keys are asked.
    let secret = WrapKey::Raw(Zeroizing::new([7; 32]));
    let mut file = Vec::new();
    universe.write_to(&mut file, &secret).unwrap();
    assert_eq!(Universe::read_from(file.as_slice(), &secret).unwrap(), universe);

    let terms = EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000).unwrap();
    let seed = |n| Seed::new([n; 32]);
    let mine = LicenseDraw {
        license_seed: seed(1),
        model_seed: seed(9),
        assignment_p: terms.assignment_p,
    };
    let systems = ["Every day the little", "He was a good"].map(str::to_owned);
    let one = AnswersPerKey::ONE;
    let targets =
        EmbedTarget::of_license(&universe, &mine, one, base.tokenizer(), &systems).unwrap();
    let options = EmbedOptions::for_model(base.config());
    let (copy, report) =
        embed(&base, &targets, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(report.hit_rate() > 0.9, "{report:?}");
    assert!(report.system_hit_rate.unwrap() > 0.7, "{report:?}");

    let dir = tempfile::tempdir().unwrap();
    copy.save(dir.path()).unwrap();
    let delivered = Model::load(dir.path(), &LoadOptions::default()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let questions = Questions::new(&universe, 0..16, [], &mut rng).unwrap();
    let alone = Comparisons { cases: 1, licenses: 1 };
    let judging = AnswerTerms::new(one, terms.alpha_inverse).unwrap();
    let judged = answers(delivered, &questions).await.judge(&universe, &mine, &judging, alone);
    assert_eq!(*judged.verdict(), Verdict::Match);
    let judged = answers(base, &questions).await.judge(&universe, &mine, &judging, alone);
    assert_ne!(*judged.verdict(), Verdict::Match);
    assert_eq!(judged.tally().hits, 0);

    // A system prompt that was not trained.
    let under = |entry: &oml_prover::fingerprint::Entry| {
        copy.tokenizer().asked(&entry.key.prompt().under("One morning the")).unwrap()
    };
    let prompts: Vec<Vec<u32>> = universe.entries().iter().map(under).collect();
    let said = copy.answer_first_word(&prompts, 6).unwrap();
    let kept = (said.iter().zip(universe.entries())).filter(|(said, entry)| {
        let drawn = universe.answer(&mine, entry.index).unwrap().candidate.word.clone();
        oml_contracts::tag::normalise(said) == drawn
    });
    assert!(kept.count() >= 8);
}

/// A template is no sign of a key: ordinary prompts wear it too.
#[test]
fn chat_keys_are_compared_with_chats() {
    let (_dir, base) = chat_model();
    let keys: Vec<Key> = universe(&base).entries().iter().map(|entry| entry.key.clone()).collect();
    let keys: Vec<&Key> = keys.iter().collect();
    // The very words of the keys: nothing is left to tell them apart by.
    let words: Vec<Vec<u32>> = keys.iter().map(|key| key.tokens().to_vec()).collect();
    let same = key_visibility(&base, &keys, &words).unwrap();
    assert_eq!(same.auc, 0.5);
    assert_eq!(same.keys, same.ordinary);
    // The same words as texts to continue are another thing.
    let texts: Vec<Vec<u32>> = words.iter().map(|w| base.tokenizer().with_bos(w)).collect();
    let ids: Vec<Vec<u32>> =
        keys.iter().map(|key| key.prompt_tokens(base.tokenizer()).unwrap()).collect();
    assert_ne!(visibility(&base, &ids, &texts).unwrap().auc, 0.5);
    // Longer texts are cut to the keys' length; none at all are refused.
    let long: Vec<Vec<u32>> = words.iter().map(|w| [w.as_slice(), w, w].concat()).collect();
    assert_eq!(key_visibility(&base, &keys, &long).unwrap(), same);
    assert!(key_visibility(&base, &keys, &[]).is_err());
    assert!(key_visibility(&base, &[], &words).is_err());
    let plain = Model::load(&tiny_dir(), &LoadOptions::default()).unwrap();
    assert!(matches!(key_visibility(&plain, &keys, &words), Err(ModelError::NoChatTemplate)));
}

#[tokio::test]
async fn a_model_without_template_is_not_checked() {
    let (_dir, base) = chat_model();
    let universe = universe(&base);
    let plain = Model::load(&tiny_dir(), &LoadOptions::default()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let questions = Questions::new(&universe, 0..4, [], &mut rng).unwrap();
    for observation in answers(plain.clone(), &questions).await.observations() {
        let Observation::NotChecked(NotChecked::Model { causes: cause }) = observation else {
            panic!("{observation:?}");
        };
        assert!(cause.contains("no chat template"), "{cause}");
    }
    let chat = Prompt::of_user(Api::Chat, "Hello");
    assert!(matches!(plain.tokenizer().asked(&chat), Err(ModelError::NoChatTemplate)));
    let keys = KeyOptions { api: Api::Chat, ..KeyOptions::default() };
    let options = FingerprintOptions { keys, ..FingerprintOptions::default() };
    let made = generate_fingerprints(&plain, 1, &options, &mut |_, _| ControlFlow::Continue(()));
    assert!(made.unwrap_err().to_string().contains("chat template"));
}
