//! Operations on rows of f32, single-threaded except where a matrix product says otherwise.

use gemm::Parallelism;

/// `e^x` by range reduction and a degree-6 polynomial; relative error below 4e-7.
///
/// Free of branches and calls, so that loops over it are vectorized; `f32::exp` is not.
#[inline]
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

/// Inner product with eight partial sums, which the compiler keeps in vector registers.
#[inline]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + tail
}

#[inline]
pub(super) fn add_scaled(out: &mut [f32], x: &[f32], scale: f32) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += scale * x;
    }
}

#[inline]
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
pub(super) fn product(x: &[f32], w: &[f32], inner: usize, threads: Parallelism) -> Vec<f32> {
    let (x, w) = (Matrix::new(x, inner), Matrix::new(w, inner).transposed());
    let mut out = vec![0.0; x.rows * w.columns];
    multiply(&mut out, x, w, false, threads);
    out
}

/// `dx += grad · W`, the gradient of [`product`] in `x`.
pub(super) fn product_dx(
    dx: &mut [f32],
    grad: &[f32],
    w: &[f32],
    inner: usize,
    threads: Parallelism,
) {
    let w = Matrix::new(w, inner);
    multiply(dx, Matrix::new(grad, w.rows), w, true, threads);
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
pub(super) fn rms_norm(x: &[f32], w: &[f32], eps: f32) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    for (out, x) in out.chunks_mut(w.len()).zip(x.chunks(w.len())) {
        let inverse = inverse_rms(x, eps);
        for ((out, x), w) in out.iter_mut().zip(x).zip(w) {
            *out = x * inverse * w;
        }
    }
    out
}

/// Gradient of [`rms_norm`], added to `dx` and `dw`.
pub(super) fn rms_norm_backward(
    (x, w, eps): (&[f32], &[f32], f32),
    grad: &[f32],
    dx: &mut [f32],
    dw: &mut [f32],
) {
    let width = w.len();
    for ((dx, x), grad) in dx.chunks_mut(width).zip(x.chunks(width)).zip(grad.chunks(width)) {
        let inverse = inverse_rms(x, eps);
        let mut along = 0.0;
        for (((x, w), grad), dw) in x.iter().zip(w).zip(grad).zip(dw.iter_mut()) {
            along += x * w * grad;
            *dw += x * inverse * grad;
        }
        let pull = along * inverse * inverse / as_f32(width);
        for (((dx, x), w), grad) in dx.iter_mut().zip(x).zip(w).zip(grad) {
            *dx += inverse * (w * grad - x * pull);
        }
    }
}

fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (dot(x, x) / as_f32(x.len()) + eps).sqrt()
}

/// `silu(gate) · up`.
pub(super) fn swiglu(gate: &[f32], up: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; gate.len()];
    for ((out, &g), u) in out.iter_mut().zip(gate).zip(up) {
        *out = g / (1.0 + exp(-g)) * u;
    }
    out
}

/// Gradients of [`swiglu`], written over its inputs.
pub(super) fn swiglu_backward(gate: &mut [f32], up: &mut [f32], grad: &[f32]) {
    for ((gate, up), grad) in gate.iter_mut().zip(up).zip(grad) {
        let sigmoid = 1.0 / (1.0 + exp(-*gate));
        let silu = *gate * sigmoid;
        let d_gate = grad * *up * (sigmoid + silu * (1.0 - sigmoid));
        *up = grad * silu;
        *gate = d_gate;
    }
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
    let scale = weight / sum;
    for logit in row.iter_mut() {
        *logit = scale * exp(*logit - max);
    }
    row[target] -= weight;
    loss * weight
}

/// The same for probabilities `wanted` instead of one target.
pub(super) fn soft_cross_entropy_backward(row: &mut [f32], wanted: &[f32], weight: f32) -> f32 {
    let (max, sum) = max_and_exp_sum(row);
    let log_sum = max + sum.ln();
    let (scale, mut loss) = (weight / sum, 0.0);
    for (logit, wanted) in row.iter_mut().zip(wanted) {
        loss += wanted * (log_sum - *logit);
        *logit = scale * exp(*logit - max) - weight * wanted;
    }
    loss * weight
}

/// Replaces logits by their probabilities.
pub(crate) fn softmax(row: &mut [f32]) {
    let (max, sum) = max_and_exp_sum(row);
    for logit in row {
        *logit = exp(*logit - max) / sum;
    }
}

fn max_and_exp_sum(row: &[f32]) -> (f32, f32) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (max, row.iter().map(|x| exp(x - max)).sum())
}

#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
pub(super) fn as_f32(n: usize) -> f32 {
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
        assert_eq!(product(&x, &w, 3, Parallelism::None), [7.0, -1.0, 16.0, -1.0]);
        let grad = [1.0, 2.0, 3.0, 4.0];
        let mut dx = [10.0; 6];
        product_dx(&mut dx, &grad, &w, 3, Parallelism::None);
        assert_eq!(dx, [11.0, 12.0, 10.0, 13.0, 14.0, 12.0]);
        let mut dw = [1.0; 6];
        product_dw(&mut dw, &grad, &x, 3, Parallelism::None);
        assert_eq!(dw, [14.0, 18.0, 22.0, 19.0, 25.0, 31.0]);
    }
}
