//! Attacks on weights.

use std::collections::HashMap;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::RobustnessError;
use oml_engine::{AdamW, Example, Model, ParameterValues, Trainer};

/// The length of a matrix's rows; `None` for a vector.
fn row(parameter: &ParameterValues) -> Option<usize> {
    let [.., inner] = parameter.shape.as_slice() else { return None };
    (parameter.shape.len() > 1).then_some((*inner).max(1))
}

/// Weights per scale of 4-bit rounding, as common formats have it.
const GROUP: usize = 32;

/// Rounds every matrix to integers of 8 bits (one scale per row) or 4 bits (one per 32 weights),
/// symmetric around zero, and back.
pub(super) fn rounded(model: &Model, bits: u8) -> Result<Model, RobustnessError> {
    let (levels, group) = if bits == 8 { (127.0_f32, usize::MAX) } else { (7.0, GROUP) };
    model.with_values(&mut |tensor| {
        let Some(row) = row(tensor) else { return Ok(()) };
        for part in tensor.values.chunks_mut(row).flat_map(|r| r.chunks_mut(group)) {
            let most = part.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
            let scale = if most > 0.0 { most / levels } else { 1.0 };
            part.iter_mut().for_each(|w| *w = (*w / scale).round() * scale);
        }
        Ok(())
    })
}

/// Sets the smallest `share` of every matrix's weights to zero.
pub(super) fn pruned(model: &Model, share: f64) -> Result<Model, RobustnessError> {
    model.with_values(&mut |tensor| {
        if row(tensor).is_none() {
            return Ok(());
        }
        let mut sizes: Vec<f32> = tensor.values.iter().map(|w| w.abs()).collect();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length"
        )]
        let count = (share * sizes.len() as f64) as usize;
        if count > 0 {
            let (_, limit, _) = sizes.select_nth_unstable_by(count - 1, f32::total_cmp);
            let limit = *limit;
            tensor.values.iter_mut().filter(|w| w.abs() <= limit).for_each(|w| *w = 0.0);
        }
        Ok(())
    })
}

/// `share` of the copy and the rest of the base.
pub(super) fn merged(base: &Model, copy: &Model, share: f64) -> Result<Model, RobustnessError> {
    let mut others = HashMap::new();
    for parameter in base.weights().values() {
        let parameter = parameter?;
        others.insert(parameter.name, parameter.values);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a share")]
    let share = share as f32;
    copy.with_values(&mut |tensor| {
        let other = others.get(&tensor.name).map_or(&[] as &[f32], Vec::as_slice);
        if other.len() != tensor.values.len() {
            return Err(RobustnessError::OtherModel {
                name: tensor.name.clone(),
                copy: tensor.values.len(),
                base: other.len(),
            });
        }
        let pairs = tensor.values.iter_mut().zip(other);
        pairs.for_each(|(w, other)| *w = *w * share + other * (1.0 - share));
        Ok(())
    })
}

/// Texts per step of fine-tuning.
const BATCH: usize = 16;

/// Trains on texts, each a sequence of tokens, for a number of steps; the rate fits the width, a
/// quarter of what embedding takes, as published attacks use a quarter to a fifth of the
/// embedding's rate.
pub(super) fn fine_tuned(
    model: &Model,
    texts: &[Vec<u32>],
    steps: usize,
    seed: u64,
) -> Result<Model, RobustnessError> {
    let optimizer = AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, clip: 1.0 };
    let mut trainer = Trainer::new(model, optimizer, 4096)?;
    let usable: Vec<&Vec<u32>> = texts.iter().filter(|text| text.len() > 1).collect();
    if usable.is_empty() {
        return Err(RobustnessError::Attack {
            text: "fine-tune".to_owned(),
            fault: "there is no text of two tokens or more to train on".to_owned(),
        });
    }
    let rate = 0.04 / model.config().hidden_size as f64;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..steps {
        let batch: Vec<&Vec<u32>> =
            (0..BATCH).map(|_| usable[rng.random_range(0..usable.len())]).collect();
        let tokens: usize = batch.iter().map(|text| text.len() - 1).sum();
        #[expect(clippy::cast_possible_truncation, reason = "a weight per token")]
        let weight = (1.0 / tokens as f64) as f32;
        let examples: Vec<Example> =
            batch.iter().map(|t| Example::response(&t[..1], &t[1..], weight)).collect();
        trainer.accumulate(&examples.iter().collect::<Vec<_>>())?;
        trainer.apply(rate, None)?;
    }
    Ok(model.with_weights(trainer.frozen()?))
}

#[cfg(test)]
mod tests;
