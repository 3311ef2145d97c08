//! Reading the values of tensors on the CPU.

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor};
use std::ops::Deref;

use crate::model::Weights;

/// Read access to the values of all parameters of a decoder.
pub(crate) struct Guards<'a> {
    guards: Vec<(Box<dyn Deref<Target = Storage> + 'a>, &'a Layout)>,
}

impl<'a> Guards<'a> {
    pub(crate) fn new(weights: &'a Weights) -> Self {
        let guard = |tensor: &'a Tensor| {
            let (guard, layout) = tensor.storage_and_layout();
            (Box::new(guard) as Box<dyn Deref<Target = Storage> + 'a>, layout)
        };
        Self { guards: weights.named().iter().map(|(_, tensor)| guard(tensor)).collect() }
    }

    /// The values of each parameter.
    pub(super) fn values(&self) -> Result<Vec<&[f32]>> {
        self.guards.iter().map(|(storage, layout)| slice(storage, layout)).collect()
    }
}

fn slice<'a>(storage: &'a Storage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => Ok(&values[start..end]),
        _ => candle_core::bail!("the weights are not contiguous f32 values on the CPU"),
    }
}
