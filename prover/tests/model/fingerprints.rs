//! Keys and candidates on the repository's model.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use oml_contracts::tag::normalise;
use oml_engine::Model;
use oml_prover::fingerprint::{
    Fingerprint, FingerprintError, FingerprintOptions, Fingerprints, Key, KeyGenerator, KeyOptions,
    KeySource, Perinucleus, generate_fingerprints, perinucleus,
};

use crate::models::tiny;

fn make(model: &Model, count: usize, options: &FingerprintOptions) -> Fingerprints {
    generate_fingerprints(model, count, options, &mut |_, _| ControlFlow::Continue(())).unwrap()
}

fn options(source: KeySource, seed: u64) -> FingerprintOptions {
    let keys = KeyOptions { source, token_length: 12, seed, ..KeyOptions::default() };
    FingerprintOptions { keys, ..FingerprintOptions::default() }
}

#[test]
fn every_key_has_sixteen_distinct_words_that_the_model_does_not_say() {
    let model = tiny();
    let natural = KeySource::Natural { temperature: 0.9 };
    for source in [natural, KeySource::RandomWords] {
        let made = make(&model, 24, &options(source, 3));
        assert_eq!(made.fingerprints.len(), 24);
        for fingerprint in &made.fingerprints {
            let words: BTreeSet<&str> =
                fingerprint.candidates.iter().map(|c| c.word.as_str()).collect();
            assert_eq!(words.len(), 16);
            let prompt = fingerprint.key.prompt_tokens(model.tokenizer()).unwrap();
            let said = model.answer_first_word(&[prompt], 6).unwrap();
            assert!(!words.contains(normalise(&said[0]).as_str()), "{said:?}");
            for candidate in fingerprint.candidates.iter() {
                let text = model.tokenizer().decode(&candidate.tokens).unwrap();
                assert_eq!(normalise(&text), candidate.word);
                assert!(candidate.tokens.len() <= 6);
                assert!(!fingerprint.key.text().split(' ').any(|w| w == candidate.word));
            }
        }
    }
}

#[test]
fn keys_survive_text_and_none_starts_another() {
    let model = tiny();
    let mut source = KeyGenerator::new(&model, options_of_keys(7), []).unwrap();
    let mut keys = source.take(150).unwrap();
    keys.extend(source.take(50).unwrap());
    for key in &keys {
        assert_eq!(key.tokens().len(), 10);
        assert_eq!(model.tokenizer().encode(key.text()).unwrap(), key.tokens());
    }
    let mut texts: Vec<&str> = keys.iter().map(Key::text).collect();
    texts.sort_unstable();
    assert!(texts.windows(2).all(|pair| !pair[1].starts_with(pair[0])));
    let again = KeyGenerator::new(&model, options_of_keys(7), []).unwrap().take(150).unwrap();
    assert_eq!(again, keys[..150]);
    let other = KeyGenerator::new(&model, options_of_keys(8), []).unwrap().take(150).unwrap();
    assert_ne!(again, other);
    let mut fresh = KeyGenerator::new(&model, options_of_keys(7), &keys).unwrap();
    let fresh: BTreeSet<Key> = fresh.take(50).unwrap().into_iter().collect();
    assert!(keys.iter().all(|key| !fresh.contains(key)), "taken keys must not come again");
}

fn options_of_keys(seed: u64) -> KeyOptions {
    KeyOptions { token_length: 10, seed, ..KeyOptions::default() }
}

#[test]
fn the_same_seed_makes_the_same_fingerprints() {
    let model = tiny();
    let make = |seed| make(&model, 6, &options(KeySource::RandomWords, seed)).fingerprints;
    assert_eq!(make(1), make(1));
    assert_ne!(make(1), make(2));
    let json = serde_json::to_string(&make(1)).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Fingerprint>>(&json).unwrap(), make(1));
}

#[test]
fn own_texts_are_cut_checked_and_reported() {
    let model = tiny();
    let texts = [
        "The old teacher walked to the market and bought some bread",
        "too short",
        "The old teacher walked to the market and bought some milk",
        "seven lucky horses ran along the river in the cold morning light",
    ];
    let texts = texts.map(str::to_owned).to_vec();
    let keys =
        KeyOptions { source: KeySource::Texts(texts), token_length: 8, ..KeyOptions::default() };
    let mut source = KeyGenerator::new(&model, keys, []).unwrap();
    assert_eq!(source.take(1).unwrap()[0].text(), "The old teacher walked to the market and");
    let error = source.take(2).unwrap_err();
    assert!(
        matches!(error, FingerprintError::KeysExhausted { found: 1, wanted: 2, .. }),
        "{error}"
    );
    let refused: Vec<String> = source.refused().iter().map(ToString::to_string).collect();
    assert_eq!(refused.len(), 2);
    assert!(
        refused[0].contains("too short") && refused[0].contains("tokens, not 8"),
        "{refused:?}"
    );
    assert!(refused[1].contains("another key"), "{refused:?}");
}

#[test]
fn a_key_without_enough_candidates_is_named() {
    let model = tiny();
    let key = Key::from_text(model.tokenizer(), "The dog saw a").unwrap();
    let strict = Perinucleus { max_probes: 3, ..Perinucleus::default() };
    let found = perinucleus(&model, std::slice::from_ref(&key), &strict).unwrap();
    let error = found[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("The dog saw a") && error.contains("only"), "{error}");
    assert!(perinucleus(&model, &[key], &Perinucleus::default()).unwrap()[0].is_ok());
}

#[test]
fn impossible_settings_and_keys_are_refused() {
    let model = tiny();
    assert!(Key::from_text(model.tokenizer(), "").is_err());
    assert!(Key::from_text(model.tokenizer(), "  ").is_err());
    assert!(Key::from_text(model.tokenizer(), "a <s> b").is_err());
    let zero = KeyOptions { token_length: 0, ..KeyOptions::default() };
    assert!(KeyGenerator::new(&model, zero, []).is_err());
    for (nucleus, max_response_tokens) in [(0.0, 6), (1.0, 6), (f32::NAN, 6), (0.8, 1)] {
        let bad = Perinucleus { nucleus, max_response_tokens, ..Perinucleus::default() };
        let error = perinucleus(&model, &[], &bad).unwrap_err();
        assert!(matches!(error, FingerprintError::Option { .. }), "{error}");
    }
}
