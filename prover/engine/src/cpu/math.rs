//! Elementary functions and sums on slices, written so that the compiler makes vectors of them
//! where they are inlined into [`vectorized`](super::simd::vectorized) work.

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
pub(super) fn dot_of_three(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
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

/// `tanh` by the crate's `exp`, so that loops over it are vectorized.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let e = exp(-2.0 * x.abs());
    ((1.0 - e) / (1.0 + e)).copysign(x)
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
}
