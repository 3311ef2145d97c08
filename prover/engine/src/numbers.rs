//! Conversions between numbers that Rust leaves to the caller.

/// A count as f32; widths and token ids are far below 2^24.
#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
pub(crate) fn as_f32(n: usize) -> f32 {
    n as f32
}

/// A count as f64, exact below 2^32 and the largest number from there on.
pub(crate) fn as_f64(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}

/// Rounds to f32.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
pub fn narrow(x: f64) -> f32 {
    x as f32
}
