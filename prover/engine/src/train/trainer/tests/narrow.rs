//! Models that do not compute in f32, as on a GPU; here in f16, which the tensor library multiplies
//! on the processor too.

use super::*;
use crate::logits::argmax;
use crate::run::tensors::argmax_rows;

/// The same decoder with weights of a narrower type.
fn narrow(decoder: &Decoder) -> Decoder {
    let named: std::collections::HashMap<_, _> =
        decoder.weights().named().iter().cloned().collect();
    let weights = Weights::build(decoder.config(), &mut |name, _| {
        let dtype = if stays_f32(name) { DType::F32 } else { DType::F16 };
        Ok(named[name].to_dtype(dtype)?)
    })
    .unwrap();
    Decoder::new(Arc::clone(&decoder.setup().config), weights, 64).unwrap()
}

#[test]
fn logits_agree_up_to_rounding() {
    for decoder in decoders() {
        let half = narrow(&decoder);
        assert!(matches!((&decoder, &half), (Decoder::Processor(_), Decoder::Tensors(_))));
        let (batch, t) = (5, 9);
        let tokens = tokens(batch * t, 2);
        let exact = decoder.last_logits(&tokens, &mut decoder.new_cache(batch)).unwrap();
        let rounded = half.last_logits(&tokens, &mut half.new_cache(batch)).unwrap();
        let scale = exact.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
        let difference = largest_difference(&exact, &rounded);
        assert!(difference > 0.0 && difference < 0.02 * scale, "{difference} of {scale}");

        let all = half.next_token_logits(&tokens, t).unwrap();
        let last: Vec<f32> =
            all.chunks(t * 50).flat_map(|rows| &rows[(t - 1) * 50..]).copied().collect();
        assert!(largest_difference(&last, &rounded) < 0.02 * scale);
        let best: Vec<u32> = rounded.chunks(50).map(argmax).collect();
        assert_eq!(half.next_tokens(&tokens, &mut half.new_cache(batch)).unwrap(), best);
    }
}

#[test]
fn the_largest_of_a_row_is_the_first_among_equals() {
    let rows = [[1.0_f32, 3.0, 3.0, 2.0], [-1.0, -1.0, -1.0, -1.0], [0.0, 1.0, 2.0, f32::INFINITY]];
    let tensor = Tensor::new(&rows, &Device::Cpu).unwrap();
    assert_eq!(argmax_rows(&tensor).unwrap().to_vec1::<u32>().unwrap(), [1, 0, 3]);
    let expected: Vec<u32> = rows.iter().map(|row| argmax(row)).collect();
    assert_eq!(expected, [1, 0, 3]);
}

#[test]
fn logits_that_are_no_numbers_are_no_answer() {
    let decoder = narrow(&decoders()[0]);
    let weights = Weights::build(decoder.config(), &mut |name, shape| {
        let value = if name == "model.embed_tokens.weight" { f64::NAN } else { 0.5 };
        let dtype = if stays_f32(name) { DType::F32 } else { DType::F16 };
        Ok((Tensor::ones(shape, dtype, &Device::Cpu)? * value)?)
    });
    let broken = decoder.with_weights(weights.unwrap());
    let error = broken.next_tokens(&[1, 2], &mut broken.new_cache(1)).unwrap_err().to_string();
    assert!(error.contains("not numbers"), "{error}");
}

fn examples() -> Vec<Example> {
    (0..8).map(|i| Example::response(&tokens(6, i), &tokens(2, 100 + i), 0.125)).collect()
}

#[test]
fn training_follows_the_same_curve() {
    for decoder in decoders() {
        let examples = examples();
        let batch: Vec<&Example> = examples.iter().collect();
        let curve = |decoder: &Decoder| -> Vec<f64> {
            let mut trainer = Trainer::of_decoder(decoder, OPTIMIZER, 1 << 20).unwrap();
            let anchor = decoder.weights().clone();
            let step = |_| {
                let loss = trainer.accumulate(&batch).unwrap();
                trainer.apply(1e-3, Some((&anchor, 1e-3))).unwrap();
                loss
            };
            (0..12).map(step).collect()
        };
        let (exact, rounded) = (curve(&decoder), curve(&narrow(&decoder)));
        assert!(exact[11] < exact[0]);
        for (a, b) in exact.iter().zip(&rounded) {
            assert!((a - b).abs() < 0.02 * a.abs().max(0.5), "{exact:?} {rounded:?}");
        }
    }
}

/// Steps far below the resolution of the narrow type add up, and the decoder sees their sum.
#[test]
fn small_steps_are_not_lost() {
    let decoder = narrow(&decoders()[0]);
    let examples = examples();
    let batch: Vec<&Example> = examples.iter().collect();
    let mut trainer = Trainer::of_decoder(&decoder, OPTIMIZER, 1 << 20).unwrap();
    let values = |trainer: &Trainer| -> Vec<f32> {
        let weights = trainer.frozen().unwrap();
        let embeddings = weights.tensors.embeddings.to_dtype(DType::F32).unwrap();
        embeddings.flatten_all().unwrap().to_vec1().unwrap()
    };
    let before = values(&trainer);
    // A value of 0.5 has neighbors at a distance of 2.4e-4 or more in f16.
    for _ in 0..100 {
        trainer.accumulate(&batch).unwrap();
        trainer.apply(1e-5, None).unwrap();
    }
    assert!(largest_difference(&before, &values(&trainer)) > 4e-4);
}

#[test]
fn a_checkpoint_keeps_what_the_narrow_type_can_not_hold() {
    let decoder = narrow(&decoders()[0]);
    let examples = examples();
    let batch: Vec<&Example> = examples.iter().collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut trainer = Trainer::of_decoder(&decoder, OPTIMIZER, 1 << 20).unwrap();
    for _ in 0..3 {
        trainer.accumulate(&batch).unwrap();
        trainer.apply(1e-5, None).unwrap();
    }
    trainer.save_state(file.path()).unwrap();
    let mut resumed = Trainer::of_decoder(&decoder, OPTIMIZER, 1 << 20).unwrap();
    resumed.load_state(file.path()).unwrap();
    let next = |trainer: &mut Trainer| {
        let loss = trainer.accumulate(&batch).unwrap();
        trainer.apply(1e-5, None).unwrap();
        (loss.to_bits(), trainer.accumulate(&batch).unwrap().to_bits())
    };
    assert_eq!(next(&mut resumed), next(&mut trainer));
}

/// Of a matrix that is not trained nothing is kept but the matrix, which is what adapters are for.
#[test]
fn adapters_follow_the_same_curve_and_keep_nothing_else() {
    for decoder in decoders() {
        let examples = examples();
        let batch: Vec<&Example> = examples.iter().collect();
        let curve = |decoder: &Decoder| -> Vec<f64> {
            let mut trainer = Trainer::of_decoder(decoder, OPTIMIZER, 1 << 20).unwrap();
            trainer.adapt(&LoraOptions::default(), 1).unwrap();
            let before = trainer.frozen().unwrap();
            let step = |_| {
                let loss = trainer.accumulate(&batch).unwrap();
                trainer.apply(1e-2, None).unwrap();
                loss
            };
            let losses = (0..12).map(step).collect();
            let after = trainer.frozen().unwrap();
            for ((name, before), (_, after)) in before.named().iter().zip(after.named()) {
                let values = |t: &Tensor| -> Vec<f32> {
                    t.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
                };
                let moved = values(before) != values(after);
                assert_eq!(moved, LoraOptions::default().applies_to(name), "{name}");
            }
            assert!(trainer.parameters.iter().all(|p| p.state.is_none() && p.grad.is_none()));
            losses
        };
        let (exact, rounded) = (curve(&decoder), curve(&narrow(&decoder)));
        assert!(exact[11] < exact[0]);
        for (a, b) in exact.iter().zip(&rounded) {
            assert!((a - b).abs() < 0.02 * a.abs().max(0.5), "{exact:?} {rounded:?}");
        }
    }
}
