//! Units of money and time of the random sequences.

/// One token, or one unit of the native currency.
pub(super) const ETHER: u128 = 1_000_000_000_000_000_000;
/// Seconds of a day.
pub(super) const DAY: u64 = 86_400;
