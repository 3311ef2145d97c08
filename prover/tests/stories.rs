//! Behaviour on a model that others pretrained.

mod common;

use oml_prover::model::{GenerateOptions, Sampling, Stop};

#[test]
fn tells_a_story_and_scores_it_well() {
    let Some(model) = common::stories() else { return };
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
