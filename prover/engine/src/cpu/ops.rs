//! Operations on rows of f32, single-threaded except where a matrix product says otherwise.

use gemm::Parallelism;

use super::attention::tanh;
use super::buffer::Buffer;
use super::simd::vectorized;
use crate::model::Activation;

/// `e^x` by range reduction and a degree-6 polynomial; relative error below 4e-7.
///
/// Free of branches and calls, so that loops over it are vectorized; `f32::exp` is not.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
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

/// Sum of lanes by halves, which is short where adding one after the other is not.
#[inline(always)]
pub(super) fn sum_lanes(mut lanes: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}

/// Largest of lanes by halves.
#[inline(always)]
pub(super) fn max_lanes(mut lanes: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = if lanes[i + half] > lanes[i] { lanes[i + half] } else { lanes[i] };
        }
    }
    lanes[0]
}

/// Inner product with sixteen partial sums, which the compiler keeps in vector registers.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (a_chunks, b_chunks) = (a.chunks_exact(16), b.chunks_exact(16));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for i in 0..16 {
            sums[i] += x[i] * y[i];
        }
    }
    sum_lanes(sums) + tail
}

/// `Σ a · b · c`.
#[inline(always)]
fn dot_of_three(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let whole = a.len() / 16 * 16;
    let triples = a[..whole].chunks_exact(16).zip(b.chunks_exact(16)).zip(c.chunks_exact(16));
    for ((a, b), c) in triples {
        for i in 0..16 {
            sums[i] += a[i] * b[i] * c[i];
        }
    }
    let rest = (whole..a.len()).map(|i| a[i] * b[i] * c[i]);
    sum_lanes(sums) + rest.sum::<f32>()
}

/// `out += scale · x`. Blocks of eight, because rows are often too short for the compiler's own
/// unrolled loop.
#[inline(always)]
pub(super) fn add_scaled(out: &mut [f32], x: &[f32], scale: f32) {
    let mut outs = out.chunks_exact_mut(8);
    let mut xs = x.chunks_exact(8);
    for (out, x) in (&mut outs).zip(&mut xs) {
        for i in 0..8 {
            out[i] += scale * x[i];
        }
    }
    for (out, x) in outs.into_remainder().iter_mut().zip(xs.remainder()) {
        *out += scale * x;
    }
}

#[inline(always)]
pub(super) fn add(out: &mut [f32], x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += x;
    }
}

/// A row-major matrix, possibly read as its transpose.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
}

impl<'a> Matrix<'a> {
    fn new(values: &'a [f32], columns: usize) -> Self {
        let rows = values.len() / columns;
        Self { values, rows, columns, row_stride: columns.cast_signed(), column_stride: 1 }
    }

    fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// `out = a · b`, or `out += a · b`.
fn multiply(out: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, accumulate: bool, threads: Parallelism) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert!(b.rows == k && out.len() == m * n, "matrix shapes do not fit");
    assert!(a.values.len() == m * k && b.values.len() == k * n, "matrix sizes do not fit");
    #[expect(unsafe_code, reason = "the matrix product takes pointers and strides")]
    // SAFETY: the assertions above bound every address that these strides reach; `out` is borrowed
    // exclusively, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n.cast_signed(),
            accumulate,
            a.values.as_ptr(),
            a.column_stride,
            a.row_stride,
            b.values.as_ptr(),
            b.column_stride,
            b.row_stride,
            1.0,
            1.0,
            false,
            false,
            false,
            threads,
        );
    }
}

/// `x · Wᵀ` for `x: [rows, inner]`, `w: [out, inner]`.
pub(super) fn product(x: &[f32], w: &[f32], inner: usize, threads: Parallelism) -> Buffer {
    let (x, w) = (Matrix::new(x, inner), Matrix::new(w, inner).transposed());
    let mut out = Buffer::zeros(x.rows * w.columns);
    multiply(&mut out, x, w, false, threads);
    out
}

/// `dx = grad · W`, the gradient of [`product`] in `x`, or `dx += grad · W`.
pub(super) fn product_dx(
    dx: &mut [f32],
    grad: &[f32],
    (w, inner): (&[f32], usize),
    accumulate: bool,
    threads: Parallelism,
) {
    let w = Matrix::new(w, inner);
    multiply(dx, Matrix::new(grad, w.rows), w, accumulate, threads);
}

/// `dw += gradᵀ · x`, the gradient of [`product`] in `W`.
pub(super) fn product_dw(
    dw: &mut [f32],
    grad: &[f32],
    x: &[f32],
    inner: usize,
    threads: Parallelism,
) {
    let out = dw.len() / inner;
    let grad = Matrix::new(grad, out).transposed();
    multiply(dw, grad, Matrix::new(x, inner), true, threads);
}

/// `x / sqrt(mean(x²) + eps) · w` per row of the width of `w`.
pub(super) fn rms_norm(x: &[f32], w: &[f32], eps: f32, out: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (out, x) in out.chunks_mut(w.len()).zip(x.chunks(w.len())) {
                let inverse = inverse_rms(x, eps);
                for ((out, x), w) in out.iter_mut().zip(x).zip(w) {
                    *out = x * inverse * w;
                }
            }
        },
    );
}

/// Gradient of [`rms_norm`], added to `dx` and `dw`.
pub(super) fn rms_norm_backward(
    (x, w, eps): (&[f32], &[f32], f32),
    grad: &[f32],
    dx: &mut [f32],
    dw: &mut [f32],
) {
    let width = w.len();
    vectorized(
        #[inline(always)]
        || {
            for ((dx, x), grad) in dx.chunks_mut(width).zip(x.chunks(width)).zip(grad.chunks(width))
            {
                let inverse = inverse_rms(x, eps);
                let along = dot_of_three(x, w, grad);
                for ((dw, x), grad) in dw.iter_mut().zip(x).zip(grad) {
                    *dw += x * inverse * grad;
                }
                let pull = along * inverse * inverse / as_f32(width);
                for (((dx, x), w), grad) in dx.iter_mut().zip(x).zip(w).zip(grad) {
                    *dx += inverse * (w * grad - x * pull);
                }
            }
        },
    );
}

#[inline(always)]
fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (dot(x, x) / as_f32(x.len()) + eps).sqrt()
}

/// `silu(gate) · up`, or the same with another activation.
pub(super) fn gated(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            let rows = out.iter_mut().zip(gate).zip(up);
            match activation {
                Activation::Silu => {
                    for ((out, &g), u) in rows {
                        *out = g / (1.0 + exp(-g)) * u;
                    }
                }
                Activation::GeluTanh => {
                    for ((out, &g), u) in rows {
                        *out = gelu(g).0 * u;
                    }
                }
            }
        },
    );
}

/// Gradients of [`gated`], written over its inputs.
pub(super) fn gated_backward(
    activation: Activation,
    gate: &mut [f32],
    up: &mut [f32],
    grad: &[f32],
) {
    vectorized(
        #[inline(always)]
        || {
            let rows = gate.iter_mut().zip(up).zip(grad);
            match activation {
                Activation::Silu => {
                    for ((gate, up), grad) in rows {
                        let sigmoid = 1.0 / (1.0 + exp(-*gate));
                        let silu = *gate * sigmoid;
                        *gate = grad * *up * (sigmoid + silu * (1.0 - sigmoid));
                        *up = grad * silu;
                    }
                }
                Activation::GeluTanh => {
                    for ((gate, up), grad) in rows {
                        let (value, slope) = gelu(*gate);
                        *gate = grad * *up * slope;
                        *up = grad * value;
                    }
                }
            }
        },
    );
}

/// The tanh form of GELU (Hendrycks & Gimpel 2016) and its derivative.
#[inline(always)]
pub(super) fn gelu(x: f32) -> (f32, f32) {
    const ROOT: f32 = 0.797_884_6; // sqrt(2 / pi)
    const CUBE: f32 = 0.044_715;
    let t = tanh(ROOT * (x + CUBE * x * x * x));
    let slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * ROOT * (1.0 + 3.0 * CUBE * x * x);
    (0.5 * x * (1.0 + t), slope)
}

/// `cap · tanh(x / cap)` in place; where `slopes` are wanted, with its derivatives.
pub(super) fn soft_cap(x: &mut [f32], cap: f32, slopes: Option<&mut Vec<f32>>) {
    vectorized(
        #[inline(always)]
        || {
            for x in x.iter_mut() {
                *x = tanh(*x / cap);
            }
            if let Some(slopes) = slopes {
                slopes.extend(x.iter().map(|t| 1.0 - t * t));
            }
            for x in x.iter_mut() {
                *x *= cap;
            }
        },
    );
}

/// `-log softmax(row)[target]`.
pub(super) fn cross_entropy(row: &[f32], target: usize) -> f32 {
    let (max, sum) = max_and_exp_sum(row);
    max + sum.ln() - row[target]
}

/// Replaces logits by the gradient of `weight ·` [`cross_entropy`] in them; returns the loss.
pub(super) fn cross_entropy_backward(row: &mut [f32], target: usize, weight: f32) -> f32 {
    let (max, sum) = max_and_exp_sum(row);
    let loss = max + sum.ln() - row[target];
    exp_scaled(row, max, weight / sum);
    row[target] -= weight;
    loss * weight
}

/// The same for probabilities `wanted` instead of one target.
pub(super) fn soft_cross_entropy_backward(row: &mut [f32], wanted: &[f32], weight: f32) -> f32 {
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

#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
pub(crate) fn as_f32(n: usize) -> f32 {
    n as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_accurate_to_the_last_digits() {
        for i in -8600..8700_i16 {
            let x = f32::from(i) / 100.0;
            let expected = f64::from(x).exp();
            let relative = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(relative < 4e-7, "exp({x}) off by {relative}");
        }
    }

    #[test]
    fn products_follow_their_definition() {
        let (x, w) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 2.0, 0.0, 1.0, -1.0]);
        assert_eq!(*product(&x, &w, 3, Parallelism::None), [7.0, -1.0, 16.0, -1.0]);
        let grad = [1.0, 2.0, 3.0, 4.0];
        let mut dx = [10.0; 6];
        product_dx(&mut dx, &grad, (&w, 3), true, Parallelism::None);
        assert_eq!(dx, [11.0, 12.0, 10.0, 13.0, 14.0, 12.0]);
        let mut dw = [1.0; 6];
        product_dw(&mut dw, &grad, &x, 3, Parallelism::None);
        assert_eq!(dw, [14.0, 18.0, 22.0, 19.0, 25.0, 31.0]);
    }
}
