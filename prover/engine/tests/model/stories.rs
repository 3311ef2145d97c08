//! Behaviour on a model that others pretrained.

use oml_engine::{GenerateOptions, Sampling, Stop};

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
