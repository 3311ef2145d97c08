//! Limits and units that several rules share.

use alloy::primitives::Address;
use alloy::primitives::aliases::U40;

pub(crate) const BPS: u128 = 10_000;
pub(crate) const MAX_96: u128 = (1 << 96) - 1;
pub(crate) const MAX_TERM: u64 = 3650 * 86_400;
/// Where burned money goes.
pub(crate) const BURN: Address =
    alloy::primitives::address!("000000000000000000000000000000000000dEaD");

/// A part of an amount in basis points, rounded down as the contracts do.
pub(crate) fn share(amount: u128, bps: u16) -> u128 {
    amount * u128::from(bps) / BPS
}

/// Seconds as the contracts keep them.
pub(crate) fn time40(seconds: u64) -> U40 {
    U40::from(seconds)
}
