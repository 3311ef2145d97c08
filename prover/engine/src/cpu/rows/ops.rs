//! Operations on rows of activations, on one core; [`parallel`](super::parallel) shares them.

use crate::cpu::math::{dot, dot_of_three, exp, gelu, tanh};
use crate::cpu::simd::vectorized;
use crate::model::Activation;
use crate::numbers::as_f32;

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

/// What a norm was applied to, and with which weights.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Norm<'a> {
    pub(in crate::cpu) x: &'a [f32],
    pub(in crate::cpu) w: &'a [f32],
    pub(in crate::cpu) eps: f32,
}

/// Gradient of [`rms_norm`], added to `dx` and `dw`.
pub(super) fn rms_norm_backward(norm: Norm<'_>, grad: &[f32], dx: &mut [f32], dw: &mut [f32]) {
    let Norm { x, w, eps } = norm;
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

/// `cap · tanh(x / cap)` in place; where `slopes` are wanted, with its derivatives.
pub(in crate::cpu) fn soft_cap(x: &mut [f32], cap: f32, slopes: Option<&mut Vec<f32>>) {
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
