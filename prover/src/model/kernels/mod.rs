//! The handful of operations a decoder is made of, each in two forms.
//!
//! [`Kernels::Basic`] composes differentiable operations of the tensor library and runs on every
//! device. [`Kernels::Fused`] is one pass over memory per operation, with its own gradient, for f32
//! on the CPU; it is several times faster there because it neither transposes nor allocates
//! intermediate tensors. Tests hold values and gradients of the two equal.

mod attention;
mod basic;
mod elementwise;
mod linear;
mod rope;

pub(crate) use rope::RopeTable;

use candle_core::{CpuStorage, DType, Device, Layout, Result, Tensor};
use std::sync::Arc;

/// Which form of the operations to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernels {
    /// Any device, from the tensor library's differentiable operations.
    Basic,
    /// f32 on the CPU, one pass per operation.
    Fused,
}

impl Kernels {
    /// The fastest form for a device.
    pub(crate) fn for_device(device: &Device) -> Self {
        if device.is_cpu() { Self::Fused } else { Self::Basic }
    }

    /// `x · Wᵀ` for `x: [rows, in]`, `w: [out, in]`.
    pub(crate) fn matmul_transposed(self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        match self {
            Self::Basic => x.matmul(&w.t()?),
            Self::Fused => x.apply_op2(w, linear::MatmulTransposed),
        }
    }

    /// `x / rms(x) · w` over the last dimension.
    pub(crate) fn rms_norm(self, x: &Tensor, w: &Tensor, eps: f32) -> Result<Tensor> {
        match self {
            Self::Basic => basic::rms_norm(x, w, f64::from(eps)),
            Self::Fused => x.apply_op2(w, elementwise::RmsNorm { eps }),
        }
    }

    /// Rotates `x: [batch, positions, heads, head_dim]` for positions from `start` on.
    pub(crate) fn rope(self, x: &Tensor, table: &Arc<RopeTable>, start: usize) -> Result<Tensor> {
        match self {
            Self::Basic => table.rotate_basic(x, start),
            Self::Fused => x.apply_op1(rope::Rope::new(Arc::clone(table), start)),
        }
    }

    /// Causal attention of `q: [batch, t, heads, d]` over `k, v: [batch, s, kv_heads, d]`, where the
    /// queries are the last `t` of `s` positions. Result like `q`.
    pub(crate) fn attention(self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        match self {
            Self::Basic => basic::attention(q, k, v),
            Self::Fused => q.apply_op3(k, v, attention::CausalAttention),
        }
    }

    /// `silu(gate) · up`, elementwise.
    pub(crate) fn swiglu(self, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
        match self {
            Self::Basic => gate.silu()? * up,
            Self::Fused => gate.apply_op2(up, elementwise::SwiGlu),
        }
    }

    /// `-log softmax(logits)[target]` per row of `logits: [rows, vocabulary]`.
    pub(crate) fn cross_entropy(self, logits: &Tensor, targets: &[u32]) -> Result<Tensor> {
        match self {
            Self::Basic => basic::cross_entropy(logits, targets),
            Self::Fused => {
                logits.apply_op1(elementwise::CrossEntropy { targets: targets.to_vec() })
            }
        }
    }
}

/// The values of a contiguous f32 operand.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = layout
        .contiguous_offsets()
        .ok_or_else(|| candle_core::Error::Msg("fused kernel: operand is not contiguous".into()))?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// Runs `f` on the values of a CPU tensor.
fn with_values<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(storage) => f(values(storage, layout)?),
        _ => Err(candle_core::Error::Msg("fused kernel: operand is not on the CPU".into())),
    }
}

fn same_shape(values: Vec<f32>, like: &Tensor) -> Result<Tensor> {
    debug_assert_eq!(like.dtype(), DType::F32);
    Tensor::from_vec(values, like.shape(), like.device())
}

/// `e^x` by range reduction and a degree-6 polynomial; relative error below 3e-7.
///
/// Free of branches and calls, so that loops over it are vectorized; `f32::exp` is not.
#[inline]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    // The integer sits in the low bits of `shifted`; moved into the exponent it is 2^n.
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests;
