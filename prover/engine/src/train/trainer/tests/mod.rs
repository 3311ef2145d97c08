//! The hand-written passes agree with the tensor library's, in values and gradients.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

use super::*;
use crate::cpu::{Gradients, NumberFormat, Top};
use crate::model::ModelConfig;
use crate::model::stored::stays_f32;
use crate::run::backend::SideBySide;
use crate::run::tensors::{TensorCache, TensorForward};
use crate::train::descent::tensor_loss;

mod narrow;

/// A random model of each kind of layer that the families have.
fn decoders() -> Vec<Decoder> {
    let shape = r#""hidden_size":24,"intermediate_size":40,"num_hidden_layers":3,
        "num_attention_heads":6,"num_key_value_heads":2,"vocab_size":50,"rms_norm_eps":1e-5"#;
    let kinds = [
        r#""model_type":"llama","tie_word_embeddings":true"#,
        r#""model_type":"llama","attention_bias":true,"mlp_bias":true,"rope_scaling":{
            "rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
            "original_max_position_embeddings":16}"#,
        r#""model_type":"qwen2""#,
        r#""model_type":"qwen3","head_dim":10"#,
        r#""model_type":"phi3","sliding_window":4,"partial_rotary_factor":0.5"#,
        r#""model_type":"gemma2","head_dim":6,"sliding_window":5,"query_pre_attn_scalar":12,
            "attn_logit_softcapping":2.0,"final_logit_softcapping":3.0"#,
        r#""model_type":"gemma3_text","head_dim":6,"sliding_window":5,"query_pre_attn_scalar":12,
            "sliding_window_pattern":2"#,
        r#""model_type":"olmo2""#,
        r#""model_type":"smollm3","no_rope_layers":[1,0,1]"#,
    ];
    kinds.iter().map(|kind| random_decoder(&format!("{{{shape},{kind}}}"))).collect()
}

fn random_decoder(config: &str) -> Decoder {
    let config = Arc::new(ModelConfig::parse(config).unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let weights = Weights::build(&config, &mut |_, shape| {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| rng.random_range(-0.6..0.6)).collect();
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    })
    .unwrap();
    Decoder::new(config, weights, 64).unwrap()
}

fn tokens(count: usize, seed: u64) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(0..50)).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

const OPTIMIZER: AdamW =
    AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.01, clip: 1.0 };

#[test]
fn logits_agree() {
    for decoder in decoders() {
        let (batch, t) = (40, 11);
        let tokens = tokens(batch * t, 2);
        let forward = TensorForward::new(decoder.setup());
        let tensor = Tensor::from_slice(&tokens, (batch, t), &Device::Cpu).unwrap();
        let expected = forward.logits(&forward.hidden(&tensor).unwrap()).unwrap();
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let all = decoder.next_token_logits(&tokens, t).unwrap();
        assert!(largest_difference(&all, &expected) < 1e-4);

        let mut cache = decoder.new_cache(batch);
        let last = decoder.last_logits(&tokens, &mut cache).unwrap();
        let rows: Vec<f32> =
            expected.chunks(t * 50).flat_map(|rows| &rows[(t - 1) * 50..]).copied().collect();
        assert!(largest_difference(&last, &rows) < 1e-4);
    }
}

#[test]
fn a_cache_changes_nothing() {
    for decoder in decoders() {
        let (batch, t) = (3, 9);
        let tokens = tokens(batch * t, 3);
        let whole = decoder.last_logits(&tokens, &mut decoder.new_cache(batch)).unwrap();
        let part = |from: usize, to: usize| -> Vec<u32> {
            tokens.chunks(t).flat_map(|row| &row[from..to]).copied().collect()
        };
        let mut cache = decoder.new_cache(batch);
        decoder.last_logits(&part(0, 4), &mut cache).unwrap();
        decoder.last_logits(&part(4, 8), &mut cache).unwrap();
        let mut branched = cache.select(&[2, 0, 0]).unwrap();
        let stepped = decoder.last_logits(&part(8, 9), &mut cache).unwrap();
        assert!(largest_difference(&stepped, &whole) < 1e-4);

        let (first, third) = (tokens[8], tokens[26]);
        let again = decoder.last_logits(&[third, first, first], &mut branched).unwrap();
        assert!(largest_difference(&again[..50], &whole[100..]) < 1e-4);
        assert!(largest_difference(&again[50..100], &whole[..50]) < 1e-4);
    }
}

#[test]
fn the_tensor_library_with_a_cache_agrees() {
    for decoder in decoders() {
        let (batch, t) = (4, 6);
        let tokens = tokens(batch * t, 5);
        let expected = decoder.last_logits(&tokens, &mut decoder.new_cache(batch)).unwrap();
        let all = Tensor::from_slice(&tokens, (batch, t), &Device::Cpu).unwrap();
        let part = |from: usize, count: usize| all.narrow(1, from, count).unwrap();
        let forward = TensorForward::new(decoder.setup());
        let mut cache = TensorCache::new(batch);
        forward.last_logits(&part(0, 4), &mut cache).unwrap();
        let mut reordered = cache.select(&[3, 1]).unwrap();
        let rows = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let found = rows(forward.last_logits(&part(4, 2), &mut cache).unwrap());
        assert!(largest_difference(&found, &expected) < 1e-4);

        let chosen = Tensor::from_slice(&[3_u32, 1], 2, &Device::Cpu).unwrap();
        let rest = part(4, 2).contiguous().unwrap().index_select(&chosen, 0).unwrap();
        let found = rows(forward.last_logits(&rest, &mut reordered).unwrap());
        assert!(largest_difference(&found[..50], &expected[150..]) < 1e-4);
        assert!(largest_difference(&found[50..], &expected[50..100]) < 1e-4);
    }
}

/// Examples of several lengths and kinds that begin with the same tokens, at least `shared` of
/// them.
fn examples(decoder: &Decoder, count: usize, shared: usize) -> Vec<Example> {
    let example = |i: usize| {
        let mut all = tokens(8 + i % 7, 4);
        let other = tokens(all.len(), 100 + u64::try_from(i).unwrap());
        all[shared..].copy_from_slice(&other[shared..]);
        let cut = 1 + i % 5;
        if i.is_multiple_of(3) {
            let said = teacher_of(decoder, &[&all[1..], &[0]].concat()).unwrap();
            return Example::distilled(&all, said, 0.02);
        }
        Example::response(&all[..cut], &all[cut..], 0.01)
    };
    (0..count).map(example).collect()
}

/// Gradients of a batch, as the tensor library has them, equal others'.
fn assert_gradients(decoder: &Decoder, batch: &[&Example], found: &[Vec<f32>], loss: f64) {
    let mut trainer = Trainer::of_decoder(decoder, OPTIMIZER, 1 << 20).unwrap();
    let expected_loss = tensor_loss(&trainer.decoder, batch).unwrap();
    let expected = expected_loss.backward().unwrap();
    let expected_loss = f64::from(expected_loss.to_scalar::<f32>().unwrap());
    assert!((loss - expected_loss).abs() < 1e-4 * expected_loss.max(1.0));
    for (parameter, found) in trainer.parameters.iter_mut().zip(found) {
        let expected = expected.get(parameter.running.as_tensor()).unwrap();
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let scale = expected.iter().fold(1.0_f32, |top, x| top.max(x.abs()));
        let difference = largest_difference(found, &expected);
        assert!(difference < 2e-4 * scale, "{}: {difference}", parameter.name);
    }
}

/// Gradients by the code for the processor, in the way of large or of small weights.
fn gradients(
    decoder: &Decoder,
    large: bool,
    batch: &[&Example],
    sums: &mut Gradients,
) -> candle_core::Result<f64> {
    let Decoder::Processor(backend) = decoder else { panic!("{decoder:?}") };
    match large {
        true => backend.gradients_of_large(batch, sums),
        false => backend.gradients_of_small(batch, sums),
    }
}

#[test]
fn gradients_agree() {
    for decoder in decoders() {
        for (large, shared) in [(false, 0), (false, 8), (true, 0), (true, 1), (true, 8)] {
            let examples = examples(&decoder, 30, shared);
            let batch: Vec<&Example> = examples.iter().collect();
            let mut found = Gradients::default();
            let loss = gradients(&decoder, large, &batch, &mut found).unwrap();
            assert_gradients(&decoder, &batch, found.get().unwrap(), loss);
        }
    }
}

/// As many rows are asked for as there are, because several examples ask for a shared one.
#[test]
fn rows_that_several_ask_for_are_not_taken_for_all_rows() {
    for decoder in decoders() {
        let example = |own: [u32; 3]| Example::response(&[7, 8], &own, 0.1);
        let examples = [example([1, 2, 3]), example([4, 5, 6])];
        let batch: Vec<&Example> = examples.iter().collect();
        for large in [false, true] {
            let mut found = Gradients::default();
            let loss = gradients(&decoder, large, &batch, &mut found).unwrap();
            assert_gradients(&decoder, &batch, found.get().unwrap(), loss);
        }
    }
}

#[test]
fn gradients_of_batches_add_up() {
    let decoder = decoders().remove(0);
    // Enough for two chunks of large weights.
    let examples = examples(&decoder, 450, 2);
    let batch: Vec<&Example> = examples.iter().collect();
    for large in [false, true] {
        let mut sums = Gradients::default();
        let mut loss = 0.0;
        for part in [&batch[..3], &batch[3..4], &batch[4..]] {
            loss += gradients(&decoder, large, part, &mut sums).unwrap();
        }
        assert_gradients(&decoder, &batch, sums.get().unwrap(), loss);
        // Memory of a step is used again, its values are not.
        sums.clear();
        let loss = gradients(&decoder, large, &batch[..5], &mut sums).unwrap();
        assert_gradients(&decoder, &batch[..5], sums.get().unwrap(), loss);
    }
}

#[test]
fn a_failed_batch_leaves_no_gradient() {
    let decoder = decoders().remove(0);
    let good = examples(&decoder, 4, 1);
    let bad = Example::response(&[1, 2], &[50], 1.0);
    for large in [false, true] {
        let mut sums = Gradients::default();
        assert!(gradients(&decoder, large, &[&bad], &mut sums).is_err());
        assert!(sums.get().is_none());
        let batch: Vec<&Example> = good.iter().collect();
        let loss = gradients(&decoder, large, &batch, &mut sums).unwrap();
        assert_gradients(&decoder, &batch, sums.get().unwrap(), loss);
    }
}

#[test]
fn the_number_of_cores_changes_no_gradient() {
    let decoder = decoders().remove(4);
    let examples = examples(&decoder, 60, 1);
    let batch: Vec<&Example> = examples.iter().collect();
    let on = |threads: usize, large: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut sums = Gradients::default();
            let loss = gradients(&decoder, large, &batch, &mut sums).unwrap();
            let bits = |sum: &Vec<f32>| sum.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            (loss.to_bits(), sums.get().unwrap().iter().map(bits).collect::<Vec<_>>())
        })
    };
    for large in [false, true] {
        assert!(on(1, large) == on(3, large), "large: {large}");
    }
}

#[test]
fn both_forms_of_the_optimizer_take_the_same_steps() {
    let decoder = decoders().remove(0);
    let mut trainers = [0, 1].map(|_| Trainer::of_decoder(&decoder, OPTIMIZER, 1 << 20).unwrap());
    let update = Update { rate: 0.01, scale: 0.5, correction1: 0.1, correction2: 0.01, pull: 0.1 };
    let [a, b] = &mut trainers;
    for (a, b) in a.parameters.iter_mut().zip(&mut b.parameters) {
        let anchor = a.running.as_detached_tensor().affine(0.5, 0.1).unwrap();
        let grad = a.running.as_detached_tensor().affine(-1.0, 0.2).unwrap();
        let values = grad.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        b.grad = Some(grad);
        a.step_cpu(OPTIMIZER, update, &values, Some(&anchor)).unwrap();
        b.step_tensor(OPTIMIZER, update, Some(&anchor)).unwrap();
        let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (one, other) = (a.state().unwrap(), b.state().unwrap());
        for (a, b) in [
            (a.running.as_tensor(), b.running.as_tensor()),
            (&one.first, &other.first),
            (&one.second, &other.second),
        ] {
            assert!(largest_difference(&values(a), &values(b)) < 1e-6);
        }
    }
}

#[test]
fn sequences_side_by_side_agree() {
    for decoder in decoders() {
        // Odd numbers, so that lanes and groups are not filled.
        let (batch, t) = (77, 9);
        let tokens = tokens(batch * t, 2);
        let expected = decoder.last_logits(&tokens, &mut decoder.new_cache(batch)).unwrap();
        let empty = decoder.new_cache(1);
        let sequences = SideBySide { prefix: &empty, tokens: &tokens, length: t };
        let Some(found) = decoder.lane_logits(NumberFormat::F32, sequences).unwrap() else {
            return;
        };
        assert!(largest_difference(&found, &expected) < 1e-4);
        for (format, bound) in [(NumberFormat::Bf16, 0.2), (NumberFormat::Int8, 0.6)] {
            if let Some(found) = decoder.lane_logits(format, sequences).unwrap() {
                let difference = largest_difference(&found, &expected);
                assert!(difference < bound, "{format:?} is off by {difference}");
            }
        }
    }
}

#[test]
fn greedy_continuations_side_by_side_agree() {
    for decoder in decoders() {
        let (batch, t, most) = (70, 6, 4);
        let shared = tokens(3, 8);
        let tokens = tokens(batch * t, 4);
        let mut prefix = decoder.new_cache(1);
        decoder.last_logits(&shared, &mut prefix).unwrap();
        let sequences = SideBySide { prefix: &prefix, tokens: &tokens, length: t };
        let mut found: Vec<Vec<u32>> = vec![Vec::new(); batch];
        let step = |state: &mut Vec<u32>, top: Top| {
            state.push(top.token);
            true
        };
        let ran = decoder
            .continue_greedily(NumberFormat::F32, sequences, most, &mut found, step)
            .unwrap();
        if !ran {
            return;
        }
        let mut cache = prefix.select(&vec![0; batch]).unwrap();
        let mut next = decoder.next_tokens(&tokens, &mut cache).unwrap();
        for i in 0..most {
            let side_by_side: Vec<u32> = found.iter().map(|tokens| tokens[i]).collect();
            assert_eq!(side_by_side, next);
            next = decoder.next_tokens(&next, &mut cache).unwrap();
        }
    }
}
