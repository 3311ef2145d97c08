//! Keeps requests to one service apart.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Turns at equal distances.
#[derive(Debug)]
pub(super) struct Pace {
    apart: Duration,
    /// When the next turn is.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many turns per minute at most, or as many as are wanted.
    pub(super) fn new(per_minute: Option<NonZeroU32>) -> Self {
        let apart = per_minute.map_or(Duration::ZERO, |n| Duration::from_secs(60) / n.get());
        Self { apart, next: Mutex::new(None) }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) {
        if !self.apart.is_zero() {
            tokio::time::sleep_until(self.take(Instant::now())).await;
        }
    }

    /// The next turn of one who comes now.
    fn take(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + self.apart);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_apart_whoever_takes_them() {
        let pace = Pace::new(NonZeroU32::new(30));
        let start = Instant::now();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!([0, 0, 1].map(|now| pace.take(after(now))), [0, 2, 4].map(after));
        // What nobody took is not saved up.
        assert_eq!([60, 60].map(|now| pace.take(after(now))), [60, 62].map(after));
    }

    #[tokio::test]
    async fn a_turn_is_waited_for_only_under_a_limit() {
        assert!(Pace::new(None).apart.is_zero());
        let pace = Pace::new(NonZeroU32::new(1200));
        let start = Instant::now();
        for _ in 0..3 {
            pace.turn().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(100));
    }
}
