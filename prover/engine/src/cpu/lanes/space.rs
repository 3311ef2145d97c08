//! Memory for the activations of a group of sequences.

use crate::cpu::gemm::Converted;
use crate::cpu::line::Line;

/// Keys and values of positions beyond the prefix, `[positions, kv_width]`.
#[derive(Default)]
pub(super) struct KeysValues {
    pub(super) keys: Vec<Line>,
    pub(super) values: Vec<Line>,
}

/// Activations of one group.
#[derive(Default)]
pub(super) struct Space {
    /// The residual stream, `[t, hidden]`.
    pub(super) x: Vec<Line>,
    pub(super) normed: Vec<Line>,
    /// Queries, over which their answers are written.
    pub(super) q: Vec<Line>,
    pub(super) gate: Vec<Line>,
    pub(super) up: Vec<Line>,
    pub(super) scores: Vec<Line>,
    pub(super) projection: Projection,
}

/// What a product with weights needs beyond its operands.
#[derive(Default)]
pub(super) struct Projection {
    pub(super) converted: Converted,
    /// A result that is changed before it is added.
    pub(super) out: Vec<Line>,
}
