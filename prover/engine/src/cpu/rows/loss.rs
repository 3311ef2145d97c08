//! Losses and probabilities of rows of logits.

use candle_core::Result;

use crate::cpu::math::{dot, exp, max_lanes, sum_lanes};
use crate::cpu::simd::vectorized;

/// Cross-entropies of logits in the order of their targets.
pub(crate) fn losses(logits: &[f32], targets: &[u32]) -> Result<Vec<f32>> {
    let width = logits.len() / targets.len().max(1);
    let row = |(row, &target): (&[f32], &u32)| match usize::try_from(target) {
        Ok(target) if target < width => Ok(cross_entropy(row, target)),
        _ => candle_core::bail!("target {target} outside {width} classes"),
    };
    logits.chunks(width.max(1)).zip(targets).map(row).collect()
}

/// The cross-entropy of a row, `-log softmax(row)[target]`.
fn cross_entropy(row: &[f32], target: usize) -> f32 {
    let (max, sum) = max_and_exp_sum(row);
    max + sum.ln() - row[target]
}

/// Replaces logits by the gradient of `weight ·` [`cross_entropy`] in them; returns the loss.
pub(in crate::cpu) fn cross_entropy_backward(row: &mut [f32], target: usize, weight: f32) -> f32 {
    let (max, sum) = max_and_exp_sum(row);
    let loss = max + sum.ln() - row[target];
    exp_scaled(row, max, weight / sum);
    row[target] -= weight;
    loss * weight
}

/// The same for probabilities `wanted` instead of one target.
pub(in crate::cpu) fn soft_cross_entropy_backward(
    row: &mut [f32],
    wanted: &[f32],
    weight: f32,
) -> f32 {
    let (max, sum) = max_and_exp_sum(row);
    let log_sum = max + sum.ln();
    let loss = vectorized(
        #[inline(always)]
        || {
            // Summed before the logits are replaced, as inner products, which vectorize.
            let loss = log_sum * wanted.iter().sum::<f32>() - dot(wanted, row);
            let scale = weight / sum;
            for (logit, wanted) in row.iter_mut().zip(wanted) {
                *logit = scale * exp(*logit - max) - weight * wanted;
            }
            loss
        },
    );
    loss * weight
}

/// Replaces logits by their probabilities.
pub(crate) fn softmax(row: &mut [f32]) {
    let (max, sum) = max_and_exp_sum(row);
    exp_scaled(row, max, 1.0 / sum);
}

fn exp_scaled(row: &mut [f32], max: f32, scale: f32) {
    vectorized(
        #[inline(always)]
        || {
            for logit in row {
                *logit = scale * exp(*logit - max);
            }
        },
    );
}

fn max_and_exp_sum(row: &[f32]) -> (f32, f32) {
    vectorized(
        #[inline(always)]
        || {
            let mut tops = [f32::NEG_INFINITY; 16];
            let mut chunks = row.chunks_exact(16);
            for chunk in &mut chunks {
                for i in 0..16 {
                    tops[i] = if chunk[i] > tops[i] { chunk[i] } else { tops[i] };
                }
            }
            let max = chunks.remainder().iter().copied().fold(max_lanes(tops), f32::max);
            let mut sums = [0.0_f32; 16];
            let mut chunks = row.chunks_exact(16);
            for chunk in &mut chunks {
                for i in 0..16 {
                    sums[i] += exp(chunk[i] - max);
                }
            }
            let rest: f32 = chunks.remainder().iter().map(|x| exp(x - max)).sum();
            (max, sum_lanes(sums) + rest)
        },
    )
}
