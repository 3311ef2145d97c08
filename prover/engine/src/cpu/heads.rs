//! What attention of training passes reads and writes, row by row.

/// Queries `[rows, heads, d]`, and keys and values `[rows, kv_heads, d]`.
#[derive(Clone, Copy)]
pub(super) struct HeadRows<'a> {
    pub(super) q: &'a [f32],
    pub(super) k: &'a [f32],
    pub(super) v: &'a [f32],
}

/// Gradients in [`HeadRows`], of the same shapes.
pub(super) struct HeadRowGradients<'a> {
    pub(super) q: &'a mut [f32],
    pub(super) k: &'a mut [f32],
    pub(super) v: &'a mut [f32],
}
