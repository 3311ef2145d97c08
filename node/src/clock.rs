//! The machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time of the machine in seconds. For pauses and leases; deadlines use the
/// chain's time, or the later of both where a view that stands still would cost money.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Unix time of the machine in microseconds.
pub(crate) fn unix_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
