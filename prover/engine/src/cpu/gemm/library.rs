//! Products by the `gemm` crate: for training, whose weights change with every step (decision 026),
//! where weights are used too few times to be packed, and where the processor has no AVX-512.
//!
//! The crate cuts the inner dimension by the shape of the whole product and the caches of the
//! processor, and hands tiles of the result to cores. So the bits of a result depend on how many
//! rows are multiplied together and on the kind of processor, but not on how many cores share the
//! work; the crate promises none of this, so a test below holds the last.

use gemm::Parallelism;

use super::place::How;
use crate::cpu::buffer::Buffer;

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

/// `a · b`, set or added to `out`.
fn multiply(out: &mut [f32], how: How, a: Matrix<'_>, b: Matrix<'_>, on: Parallelism) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert!(b.rows == k && out.len() == m * n, "matrix shapes do not fit");
    assert!(a.values.len() == m * k && b.values.len() == k * n, "matrix sizes do not fit");
    let sign = if how == How::Subtract { -1.0 } else { 1.0 };
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
            how != How::Set,
            a.values.as_ptr(),
            a.column_stride,
            a.row_stride,
            b.values.as_ptr(),
            b.column_stride,
            b.row_stride,
            1.0,
            sign,
            false,
            false,
            false,
            on,
        );
    }
}

/// `x · Wᵀ` for `x: [rows, inner]`, `w: [out, inner]`.
pub(in crate::cpu) fn product(x: &[f32], w: &[f32], inner: usize, on: Parallelism) -> Buffer {
    let (x, w) = (Matrix::new(x, inner), Matrix::new(w, inner).transposed());
    let mut out = Buffer::uncleared(x.rows * w.columns);
    multiply(&mut out, How::Set, x, w, on);
    out
}

/// `grad · W`, the gradient of [`product`] in `x`, set or added to `dx`.
pub(in crate::cpu) fn product_dx(
    dx: &mut [f32],
    how: How,
    grad: &[f32],
    w: &[f32],
    inner: usize,
    on: Parallelism,
) {
    let w = Matrix::new(w, inner);
    multiply(dx, how, Matrix::new(grad, w.rows), w, on);
}

/// `gradᵀ · x`, the gradient of [`product`] in `W`, set or added to `dw`.
pub(in crate::cpu) fn product_dw(
    dw: &mut [f32],
    how: How,
    grad: &[f32],
    x: &[f32],
    inner: usize,
    on: Parallelism,
) {
    if x.is_empty() {
        if how == How::Set {
            dw.fill(0.0);
        }
        return;
    }
    let out = dw.len() / inner;
    let grad = Matrix::new(grad, out).transposed();
    multiply(dw, how, grad, Matrix::new(x, inner), on);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shapes of which the crate shares the work, and cuts inner dimensions more than once.
    #[test]
    fn the_number_of_cores_changes_no_bit() {
        let values = |count: usize, step: usize| -> Vec<f32> {
            let byte = |i: usize| f32::from(u8::try_from(i * step % 251).unwrap());
            (0..count).map(|i| byte(i) / 97.0 - 1.3).collect()
        };
        for (rows, inner, out) in [(512, 288, 70), (70, 1400, 33), (1300, 40, 95)] {
            let (x, w, grad) =
                (values(rows * inner, 31), values(out * inner, 37), values(rows * out, 41));
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let on = Parallelism::Rayon(0);
                    let (mut dx, mut dw) = (x.clone(), w.clone());
                    product_dx(&mut dx, How::Add, &grad, &w, inner, on);
                    product_dw(&mut dw, How::Set, &grad, &x, inner, on);
                    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    [bits(&product(&x, &w, inner, on)), bits(&dx), bits(&dw)]
                })
            };
            let one = on(1);
            assert!([2, 3, 7].iter().all(|&threads| on(threads) == one), "{rows} {inner} {out}");
        }
    }

    #[test]
    fn products_follow_their_definition() {
        let on = Parallelism::None;
        let (x, w) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 2.0, 0.0, 1.0, -1.0]);
        assert_eq!(*product(&x, &w, 3, on), [7.0, -1.0, 16.0, -1.0]);
        let grad = [1.0, 2.0, 3.0, 4.0];
        let mut dx = [10.0; 6];
        product_dx(&mut dx, How::Add, &grad, &w, 3, on);
        assert_eq!(dx, [11.0, 12.0, 10.0, 13.0, 14.0, 12.0]);
        let mut dw = [1.0; 6];
        product_dw(&mut dw, How::Add, &grad, &x, 3, on);
        assert_eq!(dw, [14.0, 18.0, 22.0, 19.0, 25.0, 31.0]);
        product_dw(&mut dw, How::Set, &grad, &x, 3, on);
        assert_eq!(dw, [13.0, 17.0, 21.0, 18.0, 24.0, 30.0]);
    }
}
