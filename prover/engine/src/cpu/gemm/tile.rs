//! What a kernel call needs, as pointers.

/// Rows of a tile: with 32 columns as many as leave room in 32 registers for the operands.
pub(in crate::cpu) const ROWS: usize = 14;
/// Columns of a panel: one line.
pub(super) const COLUMNS: usize = crate::cpu::line::LANES;

/// Up to 14 rows, a panel, and where their product goes.
pub(super) struct Tile {
    /// 1 to 14.
    pub(super) rows: usize,
    /// Steps of the inner dimension.
    pub(super) depth: usize,
    /// The first word of the first row.
    pub(super) a: *const u32,
    /// Words from one row to the next.
    pub(super) stride: usize,
    /// Words from one value of a row to the next.
    pub(super) step: usize,
    /// `depth` lines of the panel, aligned.
    pub(super) b: *const u32,
    /// In bytes only: the scale of each row.
    pub(super) scales: *const f32,
    /// In bytes only: what is subtracted from the sums of each row.
    pub(super) corrections: *const i32,
    /// In bytes only: the scale of each column.
    pub(super) lanes: *const f32,
    /// One place or two.
    pub(super) outs: [Option<Out>; 2],
}

/// A place that a product goes to.
#[derive(Clone, Copy)]
pub(super) struct Out {
    pub(super) at: *mut f32,
    /// Floats from one row to the next.
    pub(super) stride: usize,
    /// 1 to 32.
    pub(super) columns: usize,
    /// Whether what is there counts.
    pub(super) kept: bool,
    /// What the product is multiplied by: 1 or -1.
    pub(super) sign: f32,
}

/// Up to 16 rows of up to 16 floats.
#[derive(Clone, Copy)]
pub(super) struct FloatBlock {
    pub(super) at: *const f32,
    /// Floats from one row to the next.
    pub(super) stride: usize,
    pub(super) rows: usize,
    /// Floats of each.
    pub(super) values: usize,
}
