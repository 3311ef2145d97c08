//! Numbers of a configuration in other types.

pub(super) fn as_f64(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
pub(super) fn narrow(x: f64) -> f32 {
    x as f32
}
