//! Updates of tensors on the CPU where they lie: optimizers touch every weight at every step, and
//! the tensor library's own operations would make a new copy for each.

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, Tensor};
use rayon::prelude::*;
use std::cell::RefCell;

use crate::cpu::vectorized;

/// Values one core takes at a time.
const PART: usize = 1 << 14;

/// Weights of a tensor with what an optimizer knows of each.
pub(super) struct Moving<'a> {
    pub(super) weights: &'a mut [f32],
    pub(super) firsts: &'a mut [f32],
    pub(super) seconds: &'a mut [f32],
    pub(super) grads: &'a [f32],
    /// Empty where there is no anchor.
    pub(super) anchors: &'a [f32],
}

/// `update` for parts of weights and their two moments, side by side, in one pass over memory.
pub(super) fn update_parts(
    [weights, firsts, seconds]: [&Tensor; 3],
    grads: &[f32],
    anchor: Option<&Tensor>,
    update: impl Fn(Moving<'_>) + Sync,
) -> Result<()> {
    let run = |weights: &mut [f32], firsts: &mut [f32], seconds: &mut [f32], anchors: &[f32]| {
        let length = weights.len();
        if [firsts.len(), seconds.len(), grads.len()] != [length; 3]
            || !(anchors.is_empty() || anchors.len() == length)
        {
            candle_core::bail!("a gradient or a moment is not as long as its weights");
        }
        let moments = firsts.par_chunks_mut(PART).zip(seconds.par_chunks_mut(PART));
        let parts = weights.par_chunks_mut(PART).zip(moments).zip(grads.par_chunks(PART));
        parts.enumerate().for_each(|(index, ((weights, (firsts, seconds)), grads))| {
            let anchors = anchors.chunks(PART).nth(index).unwrap_or_default();
            vectorized(
                #[inline(always)]
                || update(Moving { weights, firsts, seconds, grads, anchors }),
            );
        });
        Ok(())
    };
    let all = |anchors: &[f32]| {
        with_values_mut(weights, |weights| {
            with_values_mut(firsts, |firsts| {
                with_values_mut(seconds, |seconds| run(weights, firsts, seconds, anchors))
            })
        })
    };
    match anchor {
        None => all(&[]),
        Some(anchor) => with_values(anchor, all)?,
    }
}

/// Sum of squares.
pub(super) fn square_sum(values: &[f32]) -> f64 {
    let part = |part: &[f32]| {
        vectorized(
            #[inline(always)]
            || {
                // Several sums, because one would wait for itself at every step.
                let mut sums = [0.0_f64; 32];
                let whole = part.chunks_exact(32);
                let rest: f64 = whole.remainder().iter().map(|&x| f64::from(x).powi(2)).sum();
                for values in whole {
                    for i in 0..32 {
                        sums[i] += f64::from(values[i]) * f64::from(values[i]);
                    }
                }
                sums.iter().sum::<f64>() + rest
            },
        )
    };
    // Parts are added in order, so the sum does not depend on the number of cores.
    let sums: Vec<f64> = values.par_chunks(PART).map(part).collect();
    sums.iter().sum()
}

/// Runs `work` on the values of a tensor.
pub(super) fn with_values<R>(tensor: &Tensor, work: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => {
            Ok(work(&values[start..end]))
        }
        _ => candle_core::bail!("the values are not contiguous f32 on the CPU"),
    }
}

/// Runs `work` on the values of a tensor, which it may change.
fn with_values_mut(tensor: &Tensor, work: impl FnOnce(&mut [f32]) -> Result<()>) -> Result<()> {
    tensor.inplace_op1(&Once(RefCell::new(Some(work))))
}

/// Work that is done once.
struct Once<F>(RefCell<Option<F>>);

impl<F: FnOnce(&mut [f32]) -> Result<()>> InplaceOp1 for Once<F> {
    fn name(&self) -> &'static str {
        "update in place"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let work = self.0.borrow_mut().take();
        match (storage, layout.contiguous_offsets(), work) {
            (CpuStorage::F32(values), Some((start, end)), Some(work)) => {
                work(&mut values[start..end])
            }
            _ => candle_core::bail!("the values are not contiguous f32 on the CPU"),
        }
    }
}
