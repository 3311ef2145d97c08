//! How often an endpoint may be asked, as its refusals teach. Pure.

use std::time::{Duration, Instant};

/// Longest pause between two requests that refusals teach: who refuses more than that does so for
/// another reason than the rate.
const LONGEST_GAP: Duration = Duration::from_millis(250);
/// Longest time for which a server's own word keeps requests back.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Pause between two refusals that both teach something: requests that were under way teach nothing
/// new, and a few refusals for other reasons must not slow everything down.
const LESSON: Duration = Duration::from_secs(2);
/// Pause between two steps of growth.
const GROWTH: Duration = Duration::from_millis(100);
/// Shortest pause after a refusal.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// A pause this short is no limit any more.
const NO_GAP: Duration = Duration::from_millis(2);

/// Rate of requests to one endpoint. Without a limit until the endpoint says that it was asked too
/// often; then a little less than it has answered, growing by a third each second. Refusals where
/// far more was answered before have nothing to do with the rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    /// Pause between two requests; none while no limit is known.
    gap: Duration,
    /// When the next request may be sent.
    next: Option<Instant>,
    /// Start of the present second, and answers in it.
    second: Option<(Instant, u32)>,
    /// Answers in the second before.
    before: u32,
    /// Most answers in a whole second.
    best: u32,
    /// When a refusal last taught something.
    lesson: Option<Instant>,
    /// When the rate last grew.
    grown: Option<Instant>,
}

impl Rate {
    /// Takes the next place in the line; returns how long to wait for it. `requests` are those that
    /// the endpoint counts, of which a batch has several.
    pub(super) fn reserve(&mut self, requests: u32, now: Instant) -> Duration {
        let at = self.next.map_or(now, |next| next.max(now));
        self.next = Some(at + self.gap.saturating_mul(requests));
        at.saturating_duration_since(now)
    }

    /// So many requests were answered.
    pub(super) fn answered(&mut self, requests: u32, now: Instant) {
        self.turn_second(now);
        if let Some((_, count)) = &mut self.second {
            *count = count.saturating_add(requests);
        }
        if self.grown.is_none_or(|at| now.saturating_duration_since(at) >= GROWTH) {
            self.grown = Some(now);
            self.gap = self.gap * 32 / 33;
        }
        if self.gap < NO_GAP {
            self.gap = Duration::ZERO;
        }
    }

    /// The endpoint said that it was asked too often, and perhaps for how long it will say so.
    pub(super) fn refused(&mut self, retry_after: Option<Duration>, now: Instant) {
        self.turn_second(now);
        if self.lesson.is_none_or(|at| now.saturating_duration_since(at) >= LESSON) {
            self.lesson = Some(now);
            let rate = self.answers_per_second(now);
            if rate.saturating_mul(2) >= self.best {
                let seen = Duration::from_millis(1_250) / rate;
                self.gap = self.gap.max(seen).min(LONGEST_GAP);
            } else {
                self.best -= self.best / 16 + 1;
            }
        }
        let wait = retry_after.unwrap_or(self.gap).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        self.next = Some(self.next.map_or(now + wait, |next| next.max(now + wait)));
    }

    /// Answers in the last whole second, or as many as the present one would have.
    fn answers_per_second(&self, now: Instant) -> u32 {
        if self.before > 0 {
            return self.before;
        }
        let Some((start, count)) = self.second else { return 1 };
        let elapsed = now.saturating_duration_since(start).as_millis().max(10);
        let rate = u128::from(count) * 1_000 / elapsed;
        u32::try_from(rate).unwrap_or(u32::MAX).max(1)
    }

    fn turn_second(&mut self, now: Instant) {
        let (start, count) = *self.second.get_or_insert((now, 0));
        let elapsed = now.saturating_duration_since(start).as_secs();
        if elapsed >= 1 {
            self.before = if elapsed == 1 { count } else { 0 };
            self.best = self.best.max(self.before);
            self.second = Some((now, 0));
        }
    }

    /// Requests in a second, where there is a limit.
    pub(super) fn per_second(&self) -> Option<u64> {
        let gap = u64::try_from(self.gap.as_micros()).unwrap_or(u64::MAX);
        (gap > 0).then(|| (1_000_000 / gap).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks an endpoint that allows `cap` requests a second for `seconds`; returns refused and
    /// answered ones of the last half of the time.
    fn ask(rate: &mut Rate, cap: u32, seconds: u64) -> (u32, u32) {
        let start = Instant::now();
        let (mut now, mut window, mut used) = (start, start, 0);
        let (mut refused, mut answered) = (0, 0);
        while now.duration_since(start).as_secs() < seconds {
            now += rate.reserve(1, now) + Duration::from_millis(1);
            if now.duration_since(window).as_secs() >= 1 {
                (window, used) = (now, 0);
            }
            used += 1;
            let counts = now.duration_since(start).as_secs() >= seconds / 2;
            if used > cap {
                rate.refused(None, now);
                refused += u32::from(counts);
            } else {
                rate.answered(1, now);
                answered += u32::from(counts);
            }
        }
        (refused, answered)
    }

    #[test]
    fn a_limit_is_learnt_from_refusals_and_mostly_used() {
        for cap in [5, 25, 100] {
            let mut rate = Rate::default();
            let (refused, answered) = ask(&mut rate, cap, 120);
            assert!(refused * 8 < answered, "{cap}: {refused} of {answered}");
            assert!(answered >= cap * 60 / 3, "{cap}: {answered}");
        }
    }

    #[test]
    fn nothing_waits_where_nothing_was_refused() {
        let mut rate = Rate::default();
        let now = Instant::now();
        for _ in 0..10_000 {
            assert_eq!(rate.reserve(1, now), Duration::ZERO);
            rate.answered(1, now);
        }
        assert_eq!(rate.per_second(), None);
    }

    #[test]
    fn refusals_at_random_do_not_stop_the_requests() {
        let mut rate = Rate::default();
        let start = Instant::now();
        let mut now = start;
        for request in 0..2_000 {
            now += rate.reserve(1, now) + Duration::from_millis(1);
            if request % 20 == 7 { rate.refused(None, now) } else { rate.answered(1, now) }
        }
        assert!(now.duration_since(start).as_secs() < 60, "{:?}", now.duration_since(start));
    }

    #[test]
    fn the_servers_own_word_counts_up_to_a_minute() {
        let now = Instant::now();
        for (said, waits) in [(7, 7), (3_600, 60)] {
            let mut rate = Rate::default();
            rate.refused(Some(Duration::from_secs(said)), now);
            assert_eq!(rate.reserve(1, now), Duration::from_secs(waits));
        }
    }

    #[test]
    fn a_batch_takes_as_many_places_as_it_has_requests() {
        let now = Instant::now();
        let mut rate = Rate::default();
        rate.reserve(1, now);
        rate.refused(None, now);
        let gap = rate.gap;
        rate.reserve(10, now);
        assert_eq!(rate.reserve(1, now), gap * 10 + SHORTEST_WAIT.max(gap));
    }
}
