//! How an endpoint is: what it answered last, and for how long it is left alone. Pure.

use crate::chain::error::ChainError;
use std::time::{Duration, Instant};

/// First pause after a failure; each further one doubles it.
const FIRST_REST: Duration = Duration::from_secs(1);
/// Longest pause after failures.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// How long an endpoint that was found to leave out logs is not trusted.
const OMISSION_REST: Duration = Duration::from_secs(600);
/// Blocks that an endpoint lacked in a row, after which another one is asked: several servers
/// behind one URL are never at the same block.
const USUAL_GAPS: u32 = 3;

/// Health of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    failures: u32,
    gaps: u32,
    rests_until: Option<Instant>,
    /// What went wrong last, in the endpoint's words.
    pub(super) last_failure: Option<String>,
    /// Why its view is of no use, however well it answers.
    pub(super) fault: Option<ChainError>,
    /// A fault that passes by itself, and when.
    omission: Option<(ChainError, Instant)>,
    /// Newest block that it named.
    pub(super) newest: Option<u64>,
}

impl Health {
    /// It answered. Returns whether it had failed before.
    pub(super) fn answered(&mut self) -> bool {
        let recovered = self.failures > 0;
        (self.failures, self.rests_until) = (0, None);
        recovered
    }

    /// It gave no answer. Returns how long it is left alone.
    pub(super) fn failed(&mut self, said: String, now: Instant) -> Duration {
        let rest = FIRST_REST.saturating_mul(1 << self.failures.min(6)).min(LONGEST_REST);
        self.failures = self.failures.saturating_add(1);
        self.rests_until = Some(now + rest);
        self.last_failure = Some(said);
        rest
    }

    /// It does not have a block that it, or another endpoint, named.
    pub(super) fn lacked(&mut self, now: Instant) {
        self.gaps = self.gaps.saturating_add(1);
        if self.gaps >= USUAL_GAPS {
            self.gaps = 0;
            self.rests_until = Some(now + FIRST_REST * 5);
        }
    }

    /// It had all that was asked for.
    pub(super) fn complete(&mut self) {
        self.gaps = 0;
    }

    /// It left out a log.
    pub(super) fn omitted(&mut self, error: ChainError, now: Instant) {
        self.omission = Some((error, now + OMISSION_REST));
    }

    /// Why its view is of no use.
    pub(super) fn fault(&self, now: Instant) -> Option<ChainError> {
        let omission = self.omission.as_ref().filter(|(_, until)| now < *until);
        self.fault.clone().or_else(|| omission.map(|(error, _)| error.clone()))
    }

    /// Whether it may be asked: nothing is wrong with its view, and it does not rest.
    pub(super) fn is_usable(&self, now: Instant) -> bool {
        self.fault(now).is_none() && self.rests_until(now).is_none()
    }

    /// Until when it is left alone, if it is.
    pub(super) fn rests_until(&self, now: Instant) -> Option<Instant> {
        self.rests_until.filter(|until| now < *until)
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_end_with_an_answer() {
        let (mut health, mut now) = (Health::default(), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let rest = health.failed("down".to_owned(), now);
            assert!(!health.is_usable(now));
            now += rest;
            assert!(health.is_usable(now));
            pauses.push(rest.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(health.answered() && !health.answered());
        assert_eq!(health.last_failure.as_deref(), Some("down"));
        assert_eq!(health.failed("down".to_owned(), now).as_secs(), 1);
    }

    #[test]
    fn a_block_that_is_not_there_yet_is_no_failure_until_it_happens_again_and_again() {
        let (mut health, now) = (Health::default(), Instant::now());
        for _ in 0..10 {
            health.lacked(now);
            health.lacked(now);
            assert!(health.is_usable(now));
            health.complete();
        }
        for _ in 0..3 {
            health.lacked(now);
        }
        assert!(!health.is_usable(now));
        assert!(health.is_usable(now + Duration::from_secs(5)));
    }

    #[test]
    fn who_left_out_a_log_is_not_trusted_for_a_while_however_well_it_answers() {
        let (mut health, now) = (Health::default(), Instant::now());
        health.omitted(ChainError::Missing { what: "a log".to_owned() }, now);
        health.answered();
        assert!(!health.is_usable(now) && health.fault(now).is_some());
        assert!(health.is_usable(now + OMISSION_REST));
    }
}
