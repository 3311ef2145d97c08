//! Fused and basic kernels agree in values and gradients.

use candle_core::{Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

use super::{Kernels, RopeTable, exp};
use crate::model::ModelConfig;

const TOLERANCE: f32 = 2e-5;

fn random(shape: &[usize], seed: u64) -> Result<Var> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| rng.random_range(-1.5..1.5)).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu)?)
}

fn largest_difference(a: &Tensor, b: &Tensor) -> Result<f32> {
    assert_eq!(a.dims(), b.dims());
    (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar()
}

/// Runs both forms on the same inputs and compares results and all gradients.
fn compare(shapes: &[&[usize]], f: impl Fn(Kernels, &[Var]) -> Result<Tensor>) -> Result<()> {
    let inputs: Vec<Var> =
        shapes.iter().zip(1..).map(|(shape, seed)| random(shape, seed)).collect::<Result<_>>()?;
    let results = [Kernels::Basic, Kernels::Fused].map(|kernels| -> Result<_> {
        let out = f(kernels, &inputs)?;
        // Uneven weights, so that a gradient that is merely constant does not pass.
        let weights = random(out.dims(), 99)?;
        let grads = (&out * weights.as_tensor())?.sum_all()?.backward()?;
        Ok((out, grads))
    });
    let [basic, fused] = results;
    let (basic, fused) = (basic?, fused?);
    assert!(largest_difference(&basic.0, &fused.0)? < TOLERANCE);
    for input in &inputs {
        let (a, b) = (basic.1.get(input).unwrap(), fused.1.get(input).unwrap());
        let difference = largest_difference(a, b)?;
        assert!(difference < TOLERANCE * 10.0, "gradient differs by {difference}");
    }
    Ok(())
}

#[test]
fn norms_products_and_activations_agree() -> Result<()> {
    compare(&[&[6, 24], &[24]], |k, v| k.rms_norm(&v[0], &v[1], 1e-5))?;
    compare(&[&[5, 16], &[7, 16]], |k, v| k.matmul_transposed(&v[0], &v[1]))?;
    compare(&[&[6, 40], &[6, 40]], |k, v| k.swiglu(&v[0], &v[1]))
}

#[test]
fn attention_agrees_with_and_without_a_past() -> Result<()> {
    compare(&[&[3, 7, 4, 8], &[3, 7, 2, 8], &[3, 7, 2, 8]], |k, v| {
        k.attention(&v[0], &v[1], &v[2])
    })?;
    compare(&[&[2, 2, 3, 10], &[2, 9, 3, 10], &[2, 9, 3, 10]], |k, v| {
        k.attention(&v[0], &v[1], &v[2])
    })
}

#[test]
fn rope_agrees_at_any_start() -> Result<()> {
    let config = ModelConfig::parse(
        r#"{"model_type":"llama","hidden_size":32,"intermediate_size":8,"num_hidden_layers":1,
        "num_attention_heads":4,"vocab_size":8,"rope_scaling":{"rope_type":"llama3","factor":8.0,
        "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":16}}"#,
    )
    .unwrap();
    let table = Arc::new(RopeTable::new(&config, 32, &Device::Cpu)?);
    for start in [0, 5] {
        compare(&[&[3, 6, 4, 8]], |k, v| k.rope(&v[0], &table, start))?;
    }
    assert!(Kernels::Fused.rope(random(&[1, 6, 4, 8], 1)?.as_tensor(), &table, 27).is_err());
    Ok(())
}

#[test]
fn cross_entropy_agrees_and_checks_its_targets() -> Result<()> {
    compare(&[&[4, 33]], |k, v| k.cross_entropy(&v[0], &[0, 32, 5, 5]))?;
    assert!(Kernels::Fused.cross_entropy(random(&[1, 8], 1)?.as_tensor(), &[8]).is_err());
    Ok(())
}

#[test]
fn exp_is_accurate_to_the_last_digits() {
    for i in -8600..8700_i16 {
        let x = f32::from(i) / 100.0;
        let expected = f64::from(x).exp();
        let relative = (f64::from(exp(x)) - expected).abs() / expected;
        assert!(relative < 4e-7, "exp({x}) off by {relative}");
    }
}
