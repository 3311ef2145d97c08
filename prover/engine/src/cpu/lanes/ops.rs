//! Operations on panels: one vector lane per sequence, so nothing is ever summed across lanes.

use crate::cpu::line::Line;
use crate::cpu::simd::vectorized;
use crate::cpu::vector::{Simd, V};
use crate::model::Activation;
use crate::numbers::as_f32;

/// `x / sqrt(mean(x²) + eps) · w` down each panel of the width of `w`.
pub(super) fn rms_norm(simd: Simd, x: &[Line], w: &[f32], eps: f32, out: &mut [Line]) {
    vectorized(
        #[inline(always)]
        || {
            for (x, out) in x.chunks_exact(w.len()).zip(out.chunks_exact_mut(w.len())) {
                let inverse = inverse_rms(simd, x, eps);
                for ((x, out), w) in x.iter().zip(out).zip(w) {
                    simd.load(x).mul(inverse).mul(simd.splat(*w)).store(out);
                }
            }
        },
    );
}

/// [`rms_norm`] where the values lie.
pub(super) fn rms_norm_in_place(simd: Simd, x: &mut [Line], w: &[f32], eps: f32) {
    vectorized(
        #[inline(always)]
        || {
            for x in x.chunks_exact_mut(w.len()) {
                let inverse = inverse_rms(simd, x, eps);
                for (x, w) in x.iter_mut().zip(w) {
                    simd.load(x).mul(inverse).mul(simd.splat(*w)).store(x);
                }
            }
        },
    );
}

#[inline(always)]
fn inverse_rms(simd: Simd, x: &[Line], eps: f32) -> V {
    // Several sums, because one would wait for itself at every step.
    let mut sums = [simd.splat(0.0); 4];
    let mut chunks = x.chunks_exact(4);
    for lines in &mut chunks {
        for (sum, x) in sums.iter_mut().zip(lines) {
            let x = simd.load(x);
            *sum = x.mul_add(x, *sum);
        }
    }
    for (sum, x) in sums.iter_mut().zip(chunks.remainder()) {
        let x = simd.load(x);
        *sum = x.mul_add(x, *sum);
    }
    let sum = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
    let mean = sum.div(simd.splat(as_f32(x.len())));
    simd.inverse(mean.add(simd.splat(eps)).sqrt())
}

/// `gate ← silu(gate) · up`, or the same with another activation.
pub(super) fn gated(simd: Simd, activation: Activation, gate: &mut [Line], up: &[Line]) {
    vectorized(
        #[inline(always)]
        || {
            let one = simd.splat(1.0);
            match activation {
                Activation::Silu => {
                    for (gate, up) in gate.iter_mut().zip(up) {
                        let g = simd.load(gate);
                        let whole = one.add(simd.exp(simd.splat(0.0).sub(g)));
                        g.mul(simd.load(up)).div(whole).store(gate);
                    }
                }
                Activation::GeluTanh => {
                    for (gate, up) in gate.iter_mut().zip(up) {
                        gelu(simd, simd.load(gate)).mul(simd.load(up)).store(gate);
                    }
                }
            }
        },
    );
}

/// The tanh form of GELU (Hendrycks & Gimpel 2016).
#[inline(always)]
fn gelu(simd: Simd, x: V) -> V {
    let s = |x: f32| simd.splat(x);
    let cubic = x.mul(x).mul(x).mul_add(s(0.044_715), x);
    let t = simd.tanh(cubic.mul(s(0.797_884_6))); // sqrt(2 / pi)
    x.mul(s(0.5)).mul(t.add(s(1.0)))
}

/// Rotates the heads of a panel, all at one position.
pub(super) fn rotate(simd: Simd, x: &mut [Line], head_dim: usize, cos: &[f32], sin: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            let half = cos.len();
            for head in x.chunks_exact_mut(head_dim) {
                let (a, b) = head[..2 * half].split_at_mut(half);
                for (((a, b), cos), sin) in a.iter_mut().zip(b).zip(cos).zip(sin) {
                    let (x, y) = (simd.load(a), simd.load(b));
                    let (cos, sin) = (simd.splat(*cos), simd.splat(*sin));
                    x.mul(cos).sub(y.mul(sin)).store(a);
                    y.mul(cos).add(x.mul(sin)).store(b);
                }
            }
        },
    );
}

/// Adds a bias down each panel.
pub(super) fn add_bias(simd: Simd, x: &mut [Line], bias: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for x in x.chunks_exact_mut(bias.len()) {
                for (x, bias) in x.iter_mut().zip(bias) {
                    simd.load(x).add(simd.splat(*bias)).store(x);
                }
            }
        },
    );
}

/// `x += y`.
pub(super) fn add(simd: Simd, x: &mut [Line], y: &[Line]) {
    vectorized(
        #[inline(always)]
        || {
            for (x, y) in x.iter_mut().zip(y) {
                simd.load(x).add(simd.load(y)).store(x);
            }
        },
    );
}

/// `cap · tanh(x / cap)` in place.
pub(super) fn soft_cap(simd: Simd, x: &mut [Line], cap: f32) {
    vectorized(
        #[inline(always)]
        || {
            let cap = simd.splat(cap);
            for x in x {
                simd.tanh(simd.load(x).div(cap)).mul(cap).store(x);
            }
        },
    );
}
