//! The operations of [`ops`], shared by all cores where a chunk has them to itself.

use gemm::Parallelism;
use rayon::prelude::*;

use super::ops::{self, Norm};
use crate::cpu::buffer::Buffer;
use crate::cpu::math;
use crate::model::Activation;
use crate::model::rope::RopeTable;

/// Values that one core takes at a time.
const PART: usize = 1 << 14;

/// Rows of a width per part, or none where the work is not to be shared.
fn part(values: usize, width: usize, on: Parallelism) -> Option<usize> {
    let shared = !matches!(on, Parallelism::None) && values > PART;
    shared.then(|| (PART / width.max(1)).max(1) * width)
}

/// Shares [`ops::rms_norm`] among cores.
pub(in crate::cpu) fn rms_norm(x: &[f32], w: &[f32], eps: f32, on: Parallelism) -> Buffer {
    let mut out = Buffer::uncleared(x.len());
    match part(x.len(), w.len(), on) {
        None => ops::rms_norm(x, w, eps, &mut out),
        Some(part) => {
            let parts = out.par_chunks_mut(part).zip(x.par_chunks(part));
            parts.for_each(|(out, x)| ops::rms_norm(x, w, eps, out));
        }
    }
    out
}

/// Shares [`ops::rms_norm_backward`] among cores.
pub(in crate::cpu) fn rms_norm_backward(
    norm: Norm<'_>,
    grad: &[f32],
    dx: &mut [f32],
    dw: &mut [f32],
    on: Parallelism,
) {
    let Norm { x, w, eps } = norm;
    let Some(part) = part(x.len(), w.len(), on) else {
        return ops::rms_norm_backward(norm, grad, dx, dw);
    };
    let parts = dx.par_chunks_mut(part).zip(x.par_chunks(part)).zip(grad.par_chunks(part));
    let sums = parts.map(|((dx, x), grad)| {
        let mut dw = vec![0.0; w.len()];
        ops::rms_norm_backward(Norm { x, w, eps }, grad, dx, &mut dw);
        dw
    });
    // Parts are added in order, so the sum does not depend on the number of cores.
    for sum in sums.collect::<Vec<_>>() {
        math::add(dw, &sum);
    }
}

/// Shares [`ops::gated`] among cores.
pub(in crate::cpu) fn gated(
    activation: Activation,
    gate: &[f32],
    up: &[f32],
    on: Parallelism,
) -> Buffer {
    let mut out = Buffer::uncleared(gate.len());
    match part(gate.len(), 1, on) {
        None => ops::gated(activation, gate, up, &mut out),
        Some(part) => {
            let inputs = gate.par_chunks(part).zip(up.par_chunks(part));
            out.par_chunks_mut(part)
                .zip(inputs)
                .for_each(|(out, (gate, up))| ops::gated(activation, gate, up, out));
        }
    }
    out
}

/// Shares [`ops::gated_backward`] among cores.
pub(in crate::cpu) fn gated_backward(
    activation: Activation,
    gate: &mut [f32],
    up: &mut [f32],
    grad: &[f32],
    on: Parallelism,
) {
    match part(gate.len(), 1, on) {
        None => ops::gated_backward(activation, gate, up, grad),
        Some(part) => {
            let outputs = gate.par_chunks_mut(part).zip(up.par_chunks_mut(part));
            outputs.zip(grad.par_chunks(part)).for_each(|((gate, up), grad)| {
                ops::gated_backward(activation, gate, up, grad);
            });
        }
    }
}

/// Shares [`math::add`] among cores.
pub(in crate::cpu) fn add(out: &mut [f32], x: &[f32], on: Parallelism) {
    match part(out.len(), 1, on) {
        None => math::add(out, x),
        Some(part) => {
            let parts = out.par_chunks_mut(part).zip(x.par_chunks(part));
            parts.for_each(|(out, x)| math::add(out, x));
        }
    }
}

/// Which way rows are rotated.
#[derive(Clone, Copy)]
pub(in crate::cpu) enum Turn {
    Forward,
    /// Back, which is what a gradient needs.
    Back,
}

/// [`RopeTable::rotate`] of rows of a width, each by the angle of its position.
pub(in crate::cpu) fn rotate(
    rope: &RopeTable,
    x: &mut [f32],
    width: usize,
    positions: impl Iterator<Item = usize>,
    turn: Turn,
    on: Parallelism,
) {
    let sign = match turn {
        Turn::Forward => 1.0,
        Turn::Back => -1.0,
    };
    match part(x.len(), width, on) {
        None => rope.rotate(x, width, positions, sign),
        Some(part) => {
            let positions: Vec<usize> = positions.take(x.len() / width).collect();
            let positions = positions.par_chunks(part / width);
            x.par_chunks_mut(part).zip(positions).for_each(|(x, positions)| {
                rope.rotate(x, width, positions.iter().copied(), sign);
            });
        }
    }
}
