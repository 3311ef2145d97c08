//! The machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time of the machine in seconds.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
