//! Thirty-two values side by side: what one step of a product reads, and what a sequence's lane
//! is part of.

/// Values of a line: two vector registers.
pub(crate) const LANES: usize = 32;

/// Thirty-two values, aligned to cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [f32; LANES]);

impl Line {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// Thirty-two words of values in low precision: two bfloat16 or four bytes each.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct WordLine(pub(super) [u32; LANES]);

impl WordLine {
    pub(super) const ZERO: Self = Self([0; LANES]);
}

/// Lines as the floats they consist of.
pub(super) fn floats(lines: &mut [Line]) -> &mut [f32] {
    #[expect(unsafe_code, reason = "the standard library flattens arrays, not types that hold one")]
    // SAFETY: a line is 32 floats without padding, and floats need no more alignment than lines.
    unsafe {
        std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LANES)
    }
}

/// Makes room for some lines, whose content is to be written.
pub(super) fn room(lines: &mut Vec<Line>, count: usize) -> &mut [Line] {
    if lines.len() < count {
        lines.resize(count, Line::ZERO);
    }
    &mut lines[..count]
}
