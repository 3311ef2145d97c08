//! Updates of tensors on the CPU where they lie: optimizers touch every weight at every step, and
//! the tensor library's own operations would make a new copy for each.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor};
use rayon::prelude::*;

/// Values one core takes at a time.
const PART: usize = 1 << 14;

/// `update(&mut target, other)` for every pair of values.
pub(super) fn update2(
    target: &Tensor,
    other: &Tensor,
    update: impl Fn(&mut f32, f32) + Sync,
) -> Result<()> {
    target.inplace_op2(other, &Pairs(update))
}

/// `update(&mut target, a, b)` for every triple of values.
pub(super) fn update3(
    target: &Tensor,
    (a, b): (&Tensor, &Tensor),
    update: impl Fn(&mut f32, f32, f32) + Sync,
) -> Result<()> {
    target.inplace_op3(a, b, &Triples(update))
}

/// Sum of squares.
pub(super) fn square_sum(tensor: &Tensor) -> Result<f64> {
    let (storage, layout) = tensor.storage_and_layout();
    let candle_core::Storage::Cpu(storage) = &*storage else {
        candle_core::bail!("the values are not on the CPU")
    };
    let part = |part: &[f32]| part.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    // Parts are added in order, so the sum does not depend on the number of cores.
    let sums: Vec<f64> = slice(storage, layout)?.par_chunks(PART).map(part).collect();
    Ok(sums.iter().sum())
}

struct Pairs<F>(F);

impl<F: Fn(&mut f32, f32) + Sync> InplaceOp2 for Pairs<F> {
    fn name(&self) -> &'static str {
        "update in place"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        target_layout: &Layout,
        other: &CpuStorage,
        other_layout: &Layout,
    ) -> Result<()> {
        let target = slice_mut(target, target_layout)?;
        let other = slice(other, other_layout)?;
        target.par_chunks_mut(PART).zip(other.par_chunks(PART)).for_each(|(target, other)| {
            target.iter_mut().zip(other).for_each(|(target, other)| (self.0)(target, *other));
        });
        Ok(())
    }
}

struct Triples<F>(F);

impl<F: Fn(&mut f32, f32, f32) + Sync> InplaceOp3 for Triples<F> {
    fn name(&self) -> &'static str {
        "update in place"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        target_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<()> {
        let target = slice_mut(target, target_layout)?;
        let (a, b) = (slice(a, a_layout)?, slice(b, b_layout)?);
        let others = a.par_chunks(PART).zip(b.par_chunks(PART));
        target.par_chunks_mut(PART).zip(others).for_each(|(target, (a, b))| {
            for ((target, a), b) in target.iter_mut().zip(a).zip(b) {
                (self.0)(target, *a, *b);
            }
        });
        Ok(())
    }
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => candle_core::bail!("the values are not contiguous f32"),
    }
}

fn slice_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => candle_core::bail!("the values are not contiguous f32"),
    }
}
