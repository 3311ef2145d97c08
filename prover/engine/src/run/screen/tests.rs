//! Answers from low precision are those of f32, or there are none.

use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

use super::*;
use crate::{LoadOptions, Model, Weights};

fn tiny() -> Model {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models/tiny");
    Model::load(&dir, &LoadOptions::default()).unwrap()
}

fn keys(model: &Model, count: usize) -> Vec<Vec<u32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let classes = u32::try_from(model.config().vocab_size).unwrap();
    let key = |_| std::iter::once(0).chain((0..16).map(|_| rng.random_range(3..classes))).collect();
    (0..count).map(key).collect()
}

/// The model with some weights changed.
fn changed(model: &Model, change: impl Fn(&str, &mut [f32])) -> Model {
    let named = model.weights().named();
    let weights = Weights::build(model.config(), &mut |name, shape| {
        let (_, tensor) = named.iter().find(|(n, _)| n == name).unwrap();
        let mut values = tensor.flatten_all()?.to_vec1::<f32>()?;
        change(name, &mut values);
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    });
    model.with_weights(weights.unwrap())
}

fn same_answers(model: &Model, prompts: &[Vec<u32>]) -> ScreenReport {
    let (found, report) = model.screened().next_tokens_reported(prompts).unwrap();
    assert_eq!(found, model.next_tokens(prompts).unwrap());
    assert_eq!(report.screened + report.exact, prompts.len());
    report
}

#[test]
fn screened_answers_are_those_of_f32() {
    let model = tiny();
    // Among so many, some err more than any of the sample.
    let prompts = keys(&model, 16_384);
    same_answers(&model, &prompts);
    let words = model.screened().answer_first_word(&prompts[..1024], 4).unwrap();
    assert_eq!(words, model.answer_first_word(&prompts[..1024], 4).unwrap());
}

#[test]
fn large_leads_are_accepted_and_ties_never() {
    let model = tiny();
    // Logits ten times as far apart with errors ten times as large change nothing; a token that
    // leads everywhere does.
    let leading = changed(&model, |name, values| {
        if name == "model.norm.weight" {
            values.fill(0.0);
            values[7] = 50.0;
        }
    });
    let report = same_answers(&leading, &keys(&model, 1024));
    assert!(!report.failed);
    let equal = changed(&model, |name, values| {
        if name == "model.embed_tokens.weight" {
            values.fill(0.0);
        }
    });
    assert_eq!(same_answers(&equal, &keys(&model, 1024)).screened, 0);
}

#[test]
fn hostile_weights_are_answered_as_in_f32() {
    let model = tiny();
    let prompts = keys(&model, 1024);
    let outlier = changed(&model, |name, values| {
        if name.ends_with("down_proj.weight") || name.ends_with("o_proj.weight") {
            values[..256].iter_mut().for_each(|x| *x *= 3e3);
        }
    });
    same_answers(&outlier, &prompts);
    let huge = changed(&model, |name, values| {
        if name.ends_with("up_proj.weight") {
            values[100] = 1e30;
        }
    });
    same_answers(&huge, &prompts);
    let not_a_number = changed(&model, |name, values| {
        if name.ends_with("1.mlp.gate_proj.weight") {
            values[0] = f32::NAN;
        }
    });
    assert_eq!(same_answers(&not_a_number, &prompts).screened, 0);
}

/// A model that answers otherwise in low precision, and is sure of it.
struct Disagreeing {
    prompts: usize,
}

impl Questioned for Disagreeing {
    fn count(&self) -> usize {
        self.prompts
    }

    fn vocabulary(&self) -> usize {
        2
    }

    fn batches(&self) -> Vec<Vec<usize>> {
        vec![(0..self.prompts).collect()]
    }

    fn answers(&self, prompts: &[usize], pass: Pass) -> Result<Vec<Growing>, ModelError> {
        let token = u32::from(pass.format != NumberFormat::F32);
        let answer = |_| Growing { tokens: vec![token], sure: true, failed: None };
        Ok(prompts.iter().map(answer).collect())
    }

    fn logits(&self, _: &[usize], _: NumberFormat) -> Result<Option<Vec<f32>>, ModelError> {
        Ok(None)
    }
}

#[test]
fn an_audit_that_fails_ends_the_screen() {
    let asked = Disagreeing { prompts: 1024 };
    let screen = Screen::default();
    screen.set(State::Calibrated(vec![Level {
        format: NumberFormat::Int8,
        margin: 1.0,
        again: 0.0,
    }]));
    let (answers, report) = screen.answers(&asked).unwrap();
    assert!(report.failed && report.screened == 0 && report.exact == asked.prompts);
    assert!(answers.iter().all(|tokens| tokens == &[0]));
    assert_eq!(screen.levels(&asked).unwrap(), []);
}

#[test]
fn formats_are_chosen_by_expected_time() {
    let level = |format, again| Level { format, margin: 1.0, again };
    let formats = |levels: &[Level]| choose(levels).iter().map(|l| l.format).collect::<Vec<_>>();
    let (int8, bf16) = (NumberFormat::Int8, NumberFormat::Bf16);
    assert_eq!(formats(&[level(int8, 0.0), level(bf16, 0.0)]), [int8]);
    assert_eq!(formats(&[level(int8, 0.3), level(bf16, 0.01)]), [bf16]);
    assert_eq!(formats(&[level(int8, 0.2), level(bf16, 0.02)]), [int8, bf16]);
    assert_eq!(formats(&[level(int8, 0.9), level(bf16, 0.6)]), []);
}

#[test]
fn a_lead_that_is_no_number_is_not_sure() {
    let top = |first, second| Top { token: 1, first, second };
    for (top, sure) in [
        (top(2.0, 1.0), true),
        (top(1.4, 1.0), false),
        (top(f32::NAN, 1.0), false),
        (top(2.0, f32::NAN), false),
        (top(f32::INFINITY, 1.0), false),
    ] {
        assert_eq!(Growing::new().take(top, 0.5), sure, "{top:?}");
    }
}
