//! Rotary position embeddings (Su et al. 2021), with the frequency scalings of the supported models.

use candle_core::{CpuStorage, CustomOp1, D, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use std::f64::consts::TAU;
use std::sync::Arc;

use super::{same_shape, values, with_values};
use crate::model::{ModelConfig, RopeScaling};

/// Cosines and sines per position and frequency, `[positions, head_dim / 2]`.
#[derive(Debug)]
pub(crate) struct RopeTable {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
    cos_tensor: Tensor,
    sin_tensor: Tensor,
}

impl RopeTable {
    /// Tabulates `positions` positions.
    pub(crate) fn new(config: &ModelConfig, positions: usize, device: &Device) -> Result<Self> {
        let half = config.head_dim / 2;
        let frequencies = frequencies(config);
        let angle = |p: usize, f: f64| as_f64(p) * f;
        let angles = (0..positions).flat_map(|p| frequencies.iter().map(move |&f| angle(p, f)));
        let (cos, sin): (Vec<f32>, Vec<f32>) =
            angles.map(|a| (narrow(a.cos()), narrow(a.sin()))).unzip();
        let cos_tensor = Tensor::from_slice(&cos, (positions, half), device)?;
        let sin_tensor = Tensor::from_slice(&sin, (positions, half), device)?;
        Ok(Self { cos, sin, half, cos_tensor, sin_tensor })
    }

    /// Positions tabulated.
    pub(crate) fn positions(&self) -> usize {
        self.cos.len() / self.half
    }

    pub(super) fn rotate_basic(&self, x: &Tensor, start: usize) -> Result<Tensor> {
        let (_, t, _, _) = x.dims4()?;
        let rows = |table: &Tensor| table.narrow(0, start, t)?.reshape((1, t, 1, self.half));
        let (cos, sin) = (rows(&self.cos_tensor)?, rows(&self.sin_tensor)?);
        let a = x.narrow(D::Minus1, 0, self.half)?;
        let b = x.narrow(D::Minus1, self.half, self.half)?;
        let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
        let second = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
        Tensor::cat(&[first, second], D::Minus1)
    }

    /// Rotates rows of `[batch, t, heads, 2 · half]` by the angle of their position times `sign`.
    fn rotate(&self, x: &[f32], out: &mut [f32], (t, heads): (usize, usize), start: usize, sign: f32) {
        let d = 2 * self.half;
        let width = heads * d;
        out.par_chunks_mut(width).zip(x.par_chunks(width)).with_min_len(64).enumerate().for_each(
            |(row, (out, x))| {
                let at = (start + row % t) * self.half;
                let cos = &self.cos[at..at + self.half];
                let sin = &self.sin[at..at + self.half];
                for (out, x) in out.chunks_exact_mut(d).zip(x.chunks_exact(d)) {
                    let (a, b) = x.split_at(self.half);
                    let (out_a, out_b) = out.split_at_mut(self.half);
                    for i in 0..self.half {
                        let s = sign * sin[i];
                        out_a[i] = a[i] * cos[i] - b[i] * s;
                        out_b[i] = b[i] * cos[i] + a[i] * s;
                    }
                }
            },
        );
    }
}

/// Inverse wavelengths per pair of dimensions, after scaling.
fn frequencies(config: &ModelConfig) -> Vec<f64> {
    let d = as_f64(config.head_dim);
    let plain = (0..config.head_dim / 2).map(|i| config.rope_theta.powf(-as_f64(2 * i) / d));
    plain.map(|f| scale_frequency(f, config.rope_scaling)).collect()
}

/// The formula of the Llama 3.1 release; the other variants are its trivial cases.
fn scale_frequency(frequency: f64, scaling: RopeScaling) -> f64 {
    match scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear { factor } => frequency / factor,
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
            let wavelength = TAU / frequency;
            if wavelength < original_context / high_freq_factor {
                frequency
            } else if wavelength > original_context / low_freq_factor {
                frequency / factor
            } else {
                let smooth = (original_context / wavelength - low_freq_factor)
                    / (high_freq_factor - low_freq_factor);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        }
    }
}

fn as_f64(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
fn narrow(x: f64) -> f32 {
    x as f32
}

/// The rotation as a differentiable operation; its gradient is the inverse rotation.
pub(super) struct Rope {
    table: Arc<RopeTable>,
    start: usize,
}

impl Rope {
    pub(super) fn new(table: Arc<RopeTable>, start: usize) -> Self {
        Self { table, start }
    }
}

impl CustomOp1 for Rope {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, t, heads, d) = layout.shape().dims4()?;
        if d != 2 * self.table.half || self.start + t > self.table.positions() {
            candle_core::bail!("rope: no angles for width {d}, position {}", self.start + t);
        }
        let x = values(x, layout)?;
        let mut out = vec![0.0; x.len()];
        self.table.rotate(x, &mut out, (t, heads), self.start, 1.0);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, t, heads, _) = x.dims4()?;
        let mut out = vec![0.0; grad.elem_count()];
        with_values(grad, |grad| {
            self.table.rotate(grad, &mut out, (t, heads), self.start, -1.0);
            Ok(())
        })?;
        same_shape(out, grad).map(Some)
    }
}
