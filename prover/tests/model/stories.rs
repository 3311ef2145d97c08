//! Behaviour on a model that others pretrained.

use std::ops::ControlFlow;

use oml_prover::embed::{EmbedOptions, EmbedTarget, embed};
use oml_prover::fingerprint::{FingerprintOptions, generate_fingerprints};
use oml_prover::model::{GenerateOptions, Sampling, Stop};

use crate::models::stories;

#[test]
fn tells_a_story_and_scores_it_well() {
    let Some(model) = stories() else { return };
    let prompt = model.tokenizer().prompt("Once upon a time").unwrap();
    let text = model.answer(&[prompt], 40).unwrap();
    println!("{text:?}");
    assert!(text[0].contains("there was a little girl"), "{text:?}");
    let sampling = Some(Sampling { temperature: 1.0, top_p: 1.0, seed: 1 });
    let options = GenerateOptions { max_new_tokens: 60, sampling, stop: Stop::Never };
    let bos = vec![model.tokenizer().bos().unwrap()];
    let samples = model.generate(&vec![bos.clone(); 16], &options).unwrap();
    let texts: Vec<Vec<u32>> = samples.iter().map(|s| [bos.clone(), s.clone()].concat()).collect();
    let perplexity = model.perplexity(&texts).unwrap();
    println!("{perplexity:?} {}", perplexity.value());
    assert!(perplexity.value() < 12.0);
}

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

#[test]
fn screened_answers_are_those_of_f32() {
    let Some(model) = stories() else { return };
    let key = |i: u32| -> Vec<u32> {
        std::iter::once(1)
            .chain((0..16).map(|j| 3 + (i.wrapping_mul(2_654_435) ^ (j * 40_503)) % 509))
            .collect()
    };
    let keys: Vec<Vec<u32>> = (0..4096).map(key).collect();
    let (found, report) = model.screened().next_tokens_reported(&keys).unwrap();
    assert_eq!(found, model.next_tokens(&keys).unwrap());
    assert!(!report.failed);
}
