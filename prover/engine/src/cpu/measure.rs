//! Times every way to multiply next to the libraries that could take its place, in one process and
//! in turns, so that other work on the machine disturbs all alike.

use candle_core::{Device, Result, Tensor};
use gemm::Parallelism;
use rayon::prelude::*;
use std::time::Instant;

use super::gemm::{
    Converted, How, LaneMatrix, NumberFormat, Operand, Panels, add_outer, blocked, library,
};
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

/// Times all products of a shape, each the best of some repeats, on all threads of the pool.
///
/// # Errors
/// If the tensor library refuses a product.
pub fn time_products(shape: ProductShape, repeats: usize) -> Result<Vec<ProductTimes>> {
    let timing = Timing::new(shape, repeats)?;
    Ok(vec![
        timing.rows()?,
        timing.lanes()?,
        timing.small_weights()?,
        timing.small_inputs()?,
        timing.large_forward()?,
        timing.large_weights()?,
        timing.large_inputs()?,
    ])
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
    /// A gradient of the result, `[rows, columns]`.
    grad: Vec<f32>,
    tensors: Tensors,
}

/// The same as tensors.
struct Tensors {
    x: Tensor,
    w: Tensor,
    grad: Tensor,
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
        let (x, w, grad) = (values(rows * inner), values(columns * inner), values(rows * columns));
        let tensor = |values: &[f32], shape| Tensor::from_slice(values, shape, &Device::Cpu);
        let tensors = Tensors {
            x: tensor(&x, (rows, inner))?,
            w: tensor(&w, (columns, inner))?,
            grad: tensor(&grad, (rows, columns))?,
        };
        Ok(Self { shape, repeats, on, x, w, grad, tensors })
    }

    /// Runs the three ways in turns, and keeps the best time of each.
    fn race(
        &self,
        place: &'static str,
        mut ours: Option<impl FnMut()>,
        mut gemm: impl FnMut(),
        candle: impl Fn() -> Result<Tensor>,
    ) -> Result<ProductTimes> {
        let mut best = [f64::INFINITY; 3];
        for _ in 0..self.repeats {
            if let Some(ours) = &mut ours {
                best[0] = best[0].min(seconds(ours));
            }
            best[1] = best[1].min(seconds(&mut gemm));
            let started = Instant::now();
            candle()?;
            best[2] = best[2].min(started.elapsed().as_secs_f64());
        }
        let [first, gemm, candle] = best;
        Ok(ProductTimes { place, ours: ours.map(|_| first), gemm, candle })
    }

    /// Inference over rows: the weights are packed once and used often.
    fn rows(&self) -> Result<ProductTimes> {
        let packed = Panels::of_rows(&self.w, self.shape.inner);
        let ours = packed.as_ref().map(|packed| move || drop(packed.product(&self.x, self.on)));
        self.race("rows, packed once", ours, || self.gemm_forward(), || self.candle_forward())
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
        self.race("lanes", ours, || self.gemm_forward(), || self.candle_forward())
    }

    /// The gradient of small weights: one core per chunk.
    fn small_weights(&self) -> Result<ProductTimes> {
        let dw = &mut vec![0.0; self.w.len()];
        let mut other = dw.clone();
        let inner = self.shape.inner;
        let ours = Simd::new().map(|_| move || _ = add_outer(dw, &self.grad, &self.x, inner));
        let gemm = || {
            let on = Parallelism::None;
            library::product_dw(&mut other, How::Add, &self.grad, &self.x, inner, on);
        };
        self.race("small training, dW on one core", ours, gemm, || self.candle_weights())
    }

    /// The gradient in what small weights are applied to: packed anew for every step.
    fn small_inputs(&self) -> Result<ProductTimes> {
        let dx = &mut vec![0.0; self.x.len()];
        let inner = self.shape.inner;
        let ours = Simd::new().map(|_| {
            move || {
                if let Some(packed) = Panels::of_columns(&self.w, inner) {
                    packed.write(&self.grad, How::Set, dx, self.on);
                }
            }
        });
        self.race("small training, dX", ours, || self.gemm_inputs(), || self.candle_inputs())
    }

    fn large_forward(&self) -> Result<ProductTimes> {
        let inner = self.shape.inner;
        let ours = Simd::new().map(|_| move || drop(blocked::product(&self.x, &self.w, inner)));
        self.race("large training, forward", ours, || self.gemm_forward(), || self.candle_forward())
    }

    fn large_weights(&self) -> Result<ProductTimes> {
        let dw = &mut vec![0.0; self.w.len()];
        let mut other = dw.clone();
        let inner = self.shape.inner;
        let ours =
            Simd::new().map(|_| move || blocked::dw(dw, How::Set, &self.grad, &self.x, inner));
        let gemm = || {
            library::product_dw(&mut other, How::Set, &self.grad, &self.x, inner, self.on);
        };
        self.race("large training, dW", ours, gemm, || self.candle_weights())
    }

    fn large_inputs(&self) -> Result<ProductTimes> {
        let dx = &mut vec![0.0; self.x.len()];
        let inner = self.shape.inner;
        let ours =
            Simd::new().map(|_| move || blocked::dx(dx, How::Set, &self.grad, &self.w, inner));
        self.race("large training, dX", ours, || self.gemm_inputs(), || self.candle_inputs())
    }

    fn gemm_forward(&self) {
        drop(library::product(&self.x, &self.w, self.shape.inner, self.on));
    }

    fn gemm_inputs(&self) {
        let mut dx = vec![0.0; self.x.len()];
        let inner = self.shape.inner;
        library::product_dx(&mut dx, How::Set, &self.grad, &self.w, inner, self.on);
    }

    fn candle_forward(&self) -> Result<Tensor> {
        self.tensors.x.matmul(&self.tensors.w.t()?)
    }

    fn candle_inputs(&self) -> Result<Tensor> {
        self.tensors.grad.matmul(&self.tensors.w)
    }

    fn candle_weights(&self) -> Result<Tensor> {
        self.tensors.grad.t()?.matmul(&self.tensors.x)
    }
}

fn seconds(work: &mut impl FnMut()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}
