//! Times the engine's own products next to the libraries that could take their place, in one
//! process and in turns, so that other work on the machine disturbs all alike.

use candle_core::{Device, Result, Tensor};
use gemm::Parallelism;
use rayon::prelude::*;
use std::time::Instant;

use super::gemm::{Converted, How, LaneMatrix, NumberFormat, Operand, Panels, library};
use super::line::{LANES, Line};
use super::vector::Simd;

/// The size of a product `x · Wᵀ`.
#[derive(Debug, Clone, Copy)]
pub struct ProductShape {
    /// Rows of `x`: tokens.
    pub rows: usize,
    /// Values of a row.
    pub inner: usize,
    /// Rows of `W`.
    pub columns: usize,
}

/// What a product takes where it runs in the engine, and by the libraries.
#[derive(Debug, Clone, Copy)]
pub struct ProductTimes {
    /// Where the product runs.
    pub place: &'static str,
    /// Seconds of the engine's own way; none where this processor has no kernels for it.
    pub ours: Option<f64>,
    /// Seconds of the `gemm` crate.
    pub gemm: f64,
    /// Seconds of candle's `matmul`.
    pub candle: f64,
}

/// Times the engine's own products of a shape, each the best of some repeats, on all threads of the
/// pool.
///
/// # Errors
/// If the tensor library refuses a product.
pub fn time_products(shape: ProductShape, repeats: usize) -> Result<Vec<ProductTimes>> {
    let timing = Timing::new(shape, repeats)?;
    Ok(vec![timing.rows()?, timing.lanes()?])
}

/// The operands of all products of a shape.
struct Timing {
    shape: ProductShape,
    repeats: usize,
    on: Parallelism,
    /// Activations, `[rows, inner]`.
    x: Vec<f32>,
    /// Weights, `[columns, inner]`.
    w: Vec<f32>,
    /// Both as tensors.
    tensors: [Tensor; 2],
}

impl Timing {
    fn new(shape: ProductShape, repeats: usize) -> Result<Self> {
        let ProductShape { rows, inner, columns } = shape;
        let on = match rayon::current_num_threads() {
            1 => Parallelism::None,
            _ => Parallelism::Rayon(0),
        };
        let values = |count: usize| -> Vec<f32> {
            let byte = |i: usize| f32::from(u8::try_from(i * 31 % 251).unwrap_or_default());
            (0..count).map(|i| byte(i) / 125.0 - 1.0).collect()
        };
        let (x, w) = (values(rows * inner), values(columns * inner));
        let tensor = |values: &[f32], shape| Tensor::from_slice(values, shape, &Device::Cpu);
        let tensors = [tensor(&x, (rows, inner))?, tensor(&w, (columns, inner))?];
        Ok(Self { shape, repeats, on, x, w, tensors })
    }

    /// Runs the three ways in turns, and keeps the best time of each.
    fn race(&self, place: &'static str, mut ours: Option<impl FnMut()>) -> Result<ProductTimes> {
        let [x, w] = &self.tensors;
        let mut best = [f64::INFINITY; 3];
        for _ in 0..self.repeats {
            if let Some(ours) = &mut ours {
                best[0] = best[0].min(seconds(ours));
            }
            best[1] = best[1].min(seconds(&mut || {
                drop(library::product(&self.x, &self.w, self.shape.inner, self.on));
            }));
            let started = Instant::now();
            x.matmul(&w.t()?)?;
            best[2] = best[2].min(started.elapsed().as_secs_f64());
        }
        let [first, gemm, candle] = best;
        Ok(ProductTimes { place, ours: ours.map(|_| first), gemm, candle })
    }

    /// Inference over rows: the weights are packed once and used often.
    fn rows(&self) -> Result<ProductTimes> {
        let packed = Panels::new(&self.w, self.shape.inner);
        let ours = packed.as_ref().map(|packed| move || drop(packed.product(&self.x, self.on)));
        self.race("rows, packed once", ours)
    }

    /// Sequences side by side: so is every layer of inference, each core with sequences of its own.
    fn lanes(&self) -> Result<ProductTimes> {
        let ProductShape { rows, inner, columns } = self.shape;
        let packed = LaneMatrix::new(&self.w, inner, NumberFormat::F32).zip(Simd::new());
        let panels = rows.div_ceil(LANES);
        let part = panels.div_ceil(rayon::current_num_threads().max(1));
        let x = &vec![Line([0.5; LANES]); panels * inner];
        let out = &mut vec![Line::ZERO; panels * columns];
        let ours = packed.as_ref().map(|(packed, simd)| {
            move || {
                let parts = out.par_chunks_mut(part * columns).zip(x.par_chunks(part * inner));
                parts.for_each(|(out, x)| {
                    let mut converted = Converted::default();
                    let operand = Operand::new(*simd, packed.form(), x, &mut converted);
                    packed.product(&operand, How::Set, out);
                });
            }
        });
        self.race("lanes", ours)
    }
}

fn seconds(work: &mut impl FnMut()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}
