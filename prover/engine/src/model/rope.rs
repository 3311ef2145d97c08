//! Rotary position embeddings (Su et al. 2021), with the frequency scalings of the supported
//! models.

use candle_core::{D, DType, Device, Result, Tensor};
use std::f64::consts::TAU;

use super::config::{ModelConfig, RopeScaling};
use crate::numbers::{as_f64, narrow};

/// The rotations of a decoder: most have one table for all layers.
#[derive(Debug)]
pub(crate) struct Rotations {
    tables: Vec<RopeTable>,
    /// The table of each layer.
    of_layer: Vec<usize>,
}

impl Rotations {
    /// Tabulates `positions` positions; `dtype` is what tensors are rotated in.
    pub(crate) fn new(
        config: &ModelConfig,
        positions: usize,
        device: &Device,
        dtype: DType,
    ) -> Result<Self> {
        let mut angles: Vec<Angles> = vec![Angles::Stretched];
        let mut of_layer = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let wanted = Angles::of(config, layer);
            let known = angles.iter().position(|angles| *angles == wanted);
            of_layer.push(known.unwrap_or(angles.len()));
            if known.is_none() {
                angles.push(wanted);
            }
        }
        let place = Place { device, dtype };
        let table = |angles: &Angles| RopeTable::new(config, *angles, positions, place);
        Ok(Self { tables: angles.iter().map(table).collect::<Result<_>>()?, of_layer })
    }

    /// The rotation of a layer's queries and keys.
    pub(crate) fn layer(&self, index: usize) -> &RopeTable {
        &self.tables[self.of_layer[index]]
    }

    /// Positions for which angles are tabulated, the longest that a sequence may be.
    pub(crate) fn positions(&self) -> usize {
        self.tables[0].positions()
    }
}

/// Where tensors are rotated, and in which type.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    device: &'a Device,
    dtype: DType,
}

/// What the angles of a layer are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Angles {
    /// The model's frequencies, stretched as it says.
    Stretched,
    /// Frequencies of a base of their own, as they are.
    Plain(f64),
    /// No rotation at all.
    Zero,
}

impl Angles {
    fn of(config: &ModelConfig, layer: usize) -> Self {
        match config.local_rope_theta.filter(|_| config.window(layer).is_some()) {
            _ if config.unrotated_layers.get(layer).copied().unwrap_or(false) => Self::Zero,
            Some(theta) => Self::Plain(theta),
            None => Self::Stretched,
        }
    }
}

/// Cosines and sines per position and frequency, `[positions, rotary_dim / 2]`.
#[derive(Debug)]
pub(crate) struct RopeTable {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
    head_dim: usize,
    cos_tensor: Tensor,
    sin_tensor: Tensor,
}

impl RopeTable {
    fn new(
        config: &ModelConfig,
        angles: Angles,
        positions: usize,
        place: Place<'_>,
    ) -> Result<Self> {
        let (half, head_dim) = (config.rotary_dim / 2, config.head_dim);
        let (frequencies, scale) = match angles {
            Angles::Stretched => (frequencies(config), config.rope_scaling.attention_factor()),
            Angles::Plain(theta) => (plain_frequencies(config, theta).collect(), 1.0),
            Angles::Zero => (vec![0.0; half], 1.0),
        };
        let angle = |p: usize, f: f64| as_f64(p) * f;
        let angles = (0..positions).flat_map(|p| frequencies.iter().map(move |&f| angle(p, f)));
        let (cos, sin): (Vec<f32>, Vec<f32>) =
            angles.map(|a| (narrow(a.cos() * scale), narrow(a.sin() * scale))).unzip();
        let tensor = |table: &[f32]| {
            Tensor::from_slice(table, (positions, half), place.device)?.to_dtype(place.dtype)
        };
        let (cos_tensor, sin_tensor) = (tensor(&cos)?, tensor(&sin)?);
        Ok(Self { cos, sin, half, head_dim, cos_tensor, sin_tensor })
    }

    /// Positions for which angles are tabulated, the longest that a sequence may be.
    pub(crate) fn positions(&self) -> usize {
        self.cos.len() / self.half
    }

    /// Cosines and sines of a position, `[rotary_dim / 2]` each.
    pub(crate) fn angles(&self, position: usize) -> (&[f32], &[f32]) {
        let range = position * self.half..(position + 1) * self.half;
        (&self.cos[range.clone()], &self.sin[range])
    }

    /// Rotates `x: [batch, t, heads, head_dim]`, whose first position is `start`.
    pub(crate) fn rotate_tensor(&self, x: &Tensor, start: usize) -> Result<Tensor> {
        let (_, t, _, _) = x.dims4()?;
        let rows = |table: &Tensor| table.narrow(0, start, t)?.reshape((1, t, 1, self.half));
        let (cos, sin) = (rows(&self.cos_tensor)?, rows(&self.sin_tensor)?);
        let a = x.narrow(D::Minus1, 0, self.half)?;
        let b = x.narrow(D::Minus1, self.half, self.half)?;
        let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
        let second = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
        if 2 * self.half == self.head_dim {
            return Tensor::cat(&[first, second], D::Minus1);
        }
        let rest = x.narrow(D::Minus1, 2 * self.half, self.head_dim - 2 * self.half)?;
        Tensor::cat(&[first, second, rest], D::Minus1)
    }

    /// Rotates rows of `width` values, each by the angle of its position times `sign`; -1 gives the
    /// gradient.
    pub(crate) fn rotate(
        &self,
        x: &mut [f32],
        width: usize,
        positions: impl Iterator<Item = usize>,
        sign: f32,
    ) {
        for (x, position) in x.chunks_mut(width).zip(positions) {
            let at = position * self.half;
            let cos = &self.cos[at..at + self.half];
            let sin = &self.sin[at..at + self.half];
            for head in x.chunks_exact_mut(self.head_dim) {
                let (a, b) = head[..2 * self.half].split_at_mut(self.half);
                for (((a, b), cos), sin) in a.iter_mut().zip(b).zip(cos).zip(sin) {
                    let (x, y, s) = (*a, *b, sign * sin);
                    *a = x * cos - y * s;
                    *b = y * cos + x * s;
                }
            }
        }
    }
}

/// Inverse wavelengths per pair of dimensions, as published.
fn plain_frequencies(config: &ModelConfig, theta: f64) -> impl Iterator<Item = f64> + use<> {
    let d = as_f64(config.rotary_dim);
    (0..config.rotary_dim / 2).map(move |i| theta.powf(-as_f64(2 * i) / d))
}

/// Inverse wavelengths per pair of dimensions, after scaling.
fn frequencies(config: &ModelConfig) -> Vec<f64> {
    let plain = plain_frequencies(config, config.rope_theta);
    match &config.rope_scaling {
        RopeScaling::None => plain.collect(),
        RopeScaling::Linear { factor } => plain.map(|f| f / factor).collect(),
        RopeScaling::Llama3 { .. } => plain.map(|f| llama3(f, &config.rope_scaling)).collect(),
        RopeScaling::Yarn { factor, ramp, .. } => {
            let stretched = |(i, f): (usize, f64)| {
                let share = ((as_f64(i) - ramp.0) / (ramp.1 - ramp.0)).clamp(0.0, 1.0);
                f / factor * share + f * (1.0 - share)
            };
            plain.enumerate().map(stretched).collect()
        }
        RopeScaling::Divided { divisors, .. } => plain.zip(divisors).map(|(f, d)| f / d).collect(),
    }
}

/// The formula of the Llama 3.1 release.
fn llama3(frequency: f64, scaling: &RopeScaling) -> f64 {
    let RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } =
        scaling
    else {
        return frequency;
    };
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
