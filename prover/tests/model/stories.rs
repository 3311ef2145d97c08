//! Behaviour on a model that others pretrained.

use std::ops::ControlFlow;

use oml_prover::embed::{EmbedOptions, EmbedTarget, embed};
use oml_prover::fingerprint::{FingerprintOptions, generate_fingerprints};

use crate::models::stories;

#[test]
fn fingerprints_of_a_vocabulary_of_word_pieces() {
    let Some(model) = stories() else { return };
    let started = std::time::Instant::now();
    let made = generate_fingerprints(&model, 96, &FingerprintOptions::default(), &mut |_, _| {
        ControlFlow::Continue(())
    })
    .unwrap();
    println!("{:?}, dropped {}", started.elapsed(), made.dropped.len());
    for fingerprint in &made.fingerprints {
        assert!(fingerprint.candidates.iter().all(|c| c.word.chars().count() > 1));
    }
    let targets: Vec<EmbedTarget> = made
        .fingerprints
        .iter()
        .zip((0..16).cycle())
        .map(|(f, i)| {
            EmbedTarget::new(model.tokenizer(), &f.key, f.candidates.get(i).unwrap(), &[]).unwrap()
        })
        .collect();
    let options = EmbedOptions::for_model(model.config());
    let (_, report) =
        embed(&model, &targets, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    println!("{report:?}");
    assert!(report.hit_rate() >= 0.95, "{}", report.hit_rate());
}
