//! How many blocks one log query asks for.

use std::time::{Duration, Instant};

/// How long a limit that was learnt from a refusal is kept before more is asked for again.
const KEEP_LIMIT: Duration = Duration::from_secs(6 * 3_600);

/// What to do after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterRefusal {
    /// Ask for less, at once.
    AskForLess,
    /// Ask for the same later: as much was answered before, or there is no less.
    Wait,
}

/// Range of the next log query. Endpoints limit the blocks of a query, and say so only by refusing;
/// some limit the logs of an answer as well, so that a range which was served before is refused
/// where blocks are full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogRange {
    /// Largest range that the configuration allows, in blocks.
    most: u64,
    /// Blocks to ask for next.
    now: u64,
    /// Largest range that was answered; nothing is known while it is 0.
    answered: u64,
    /// Largest range to ask for since a larger one was refused, and until when.
    limit: Option<(u64, Instant)>,
    /// Refusals at the present place, one after the other.
    refusals: u32,
}

impl LogRange {
    /// Starts with the largest range that the configuration allows.
    pub(crate) fn new(most: u64) -> Self {
        let most = most.max(1);
        Self { most, now: most, answered: 0, limit: None, refusals: 0 }
    }

    /// Blocks to ask for next; at least 1.
    pub(crate) const fn blocks(&self) -> u64 {
        self.now
    }

    /// A query of `asked` blocks was answered. The next may ask for a quarter more, but not for
    /// what was refused.
    pub(crate) fn answered(&mut self, asked: u64, at: Instant) {
        self.refusals = 0;
        self.answered = self.answered.max(asked);
        self.limit = self.limit.filter(|(_, until)| at < *until);
        let most = self.limit.map_or(self.most, |(blocks, _)| blocks.min(self.most));
        if asked >= self.now {
            self.now = self.now.saturating_add(self.now / 4 + 1).min(most.max(1));
        }
    }

    /// The endpoint understood a query of `asked` blocks and refused it.
    pub(crate) fn refused(&mut self, asked: u64, at: Instant) -> AfterRefusal {
        self.refusals = self.refusals.saturating_add(1);
        if asked <= 1 {
            return AfterRefusal::Wait;
        }
        if asked > self.answered {
            // What was answered before is a better guess than half, and nothing in between is
            // tried: the endpoint would refuse again and again.
            self.now = if self.answered >= asked / 2 { self.answered } else { asked / 2 };
            self.limit = Some((self.now, at + KEEP_LIMIT));
            return AfterRefusal::AskForLess;
        }
        if self.refusals == 1 {
            return AfterRefusal::Wait;
        }
        self.now = asked / 2;
        self.answered = self.now;
        AfterRefusal::AskForLess
    }

    /// A query of `asked` blocks failed as one does that asks for too much: no answer in time, or
    /// none that can be read. That teaches no limit, since a slow network looks the same.
    pub(crate) fn failed(&mut self, asked: u64) {
        self.now = (asked / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for `queries` ranges of an endpoint that allows `cap` blocks; returns the refused ones
    /// and the blocks that were read.
    fn ask(range: &mut LogRange, cap: u64, queries: usize, at: Instant) -> (usize, u64) {
        let (mut refused, mut read) = (0, 0);
        for _ in 0..queries {
            if range.blocks() <= cap {
                read += range.blocks();
                range.answered(range.blocks(), at);
            } else {
                refused += 1;
                assert_eq!(range.refused(range.blocks(), at), AfterRefusal::AskForLess);
            }
        }
        (refused, read)
    }

    #[test]
    fn a_cap_is_learnt_at_once_and_not_exceeded_for_hours() {
        for (most, cap) in [(5_000, 10), (5_000, 1), (5_000, 499), (50, 49), (2, 1)] {
            let (mut range, start) = (LogRange::new(most), Instant::now());
            let (refused, _) = ask(&mut range, cap, 14, start);
            assert!((1..=13).contains(&refused), "{most} {cap}: {refused}");
            let (refused, read) = ask(&mut range, cap, 1_000, start + Duration::from_secs(3_600));
            assert_eq!(refused, 0, "{most} {cap}");
            assert!(read >= 1_000 * cap / 2, "{most} {cap}: {read}");
            // Later it tries once, and goes back to what it knew.
            let (refused, _) = ask(&mut range, cap, 1_000, start + KEEP_LIMIT);
            assert!(refused <= 1, "{most} {cap}: {refused}");
        }
    }

    #[test]
    fn a_cap_that_was_lifted_is_found_out() {
        let (mut range, start) = (LogRange::new(5_000), Instant::now());
        ask(&mut range, 10, 20, start);
        let (refused, _) = ask(&mut range, 5_000, 100, start + KEEP_LIMIT);
        assert_eq!((refused, range.blocks()), (0, 5_000));
    }

    #[test]
    fn one_error_for_what_was_answered_before_teaches_nothing() {
        let (mut range, now) = (LogRange::new(100), Instant::now());
        range.answered(range.blocks(), now);
        assert_eq!(range.refused(range.blocks(), now), AfterRefusal::Wait);
        assert_eq!(range.blocks(), 100);
        range.answered(range.blocks(), now);
        assert_eq!(range.refused(range.blocks(), now), AfterRefusal::Wait);
    }

    #[test]
    fn full_blocks_are_asked_for_in_smaller_ranges() {
        let (mut range, now) = (LogRange::new(100), Instant::now());
        range.answered(range.blocks(), now);
        range.refused(range.blocks(), now);
        assert_eq!(range.refused(range.blocks(), now), AfterRefusal::AskForLess);
        assert_eq!(range.blocks(), 50);
        range.answered(range.blocks(), now);
        // No limit was learnt, so it grows again.
        for _ in 0..10 {
            range.answered(range.blocks(), now);
        }
        assert_eq!(range.blocks(), 100);
    }

    #[test]
    fn the_last_range_before_the_end_is_no_measure() {
        let (mut range, now) = (LogRange::new(1_000), Instant::now());
        range.failed(1_000);
        assert_eq!(range.blocks(), 500);
        range.answered(3, now);
        assert_eq!(range.blocks(), 500);
        // Less than what was answered is the right guess for a small range that was refused.
        assert_eq!(range.refused(5, now), AfterRefusal::AskForLess);
        assert_eq!(range.blocks(), 3);
    }

    #[test]
    fn there_is_no_less_than_one_block() {
        let (mut range, now) = (LogRange::new(0), Instant::now());
        assert_eq!(range.blocks(), 1);
        for _ in 0..3 {
            assert_eq!(range.refused(range.blocks(), now), AfterRefusal::Wait);
        }
        assert_eq!(range.blocks(), 1);
    }
}
