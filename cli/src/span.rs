//! Times as people count them.

/// How long it is from `now` to `due`, both in Unix seconds: `in 2 d 3 h`, or `over since 5 min`.
pub(crate) fn countdown(due: u64, now: u64) -> String {
    match due.checked_sub(now) {
        Some(left) => format!("in {}", span(left)),
        None => format!("over since {}", span(now - due)),
    }
}

/// A time in its two largest units.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_largest_units_are_shown() {
        let cases = [
            (0, "in 0 s"),
            (59, "in 59 s"),
            (61, "in 1 min 1 s"),
            (7_260, "in 2 h 1 min"),
            (90_000, "in 1 d 1 h"),
        ];
        for (left, text) in cases {
            assert_eq!(countdown(1_000 + left, 1_000), text);
        }
        assert_eq!(countdown(40, 100), "over since 1 min 0 s");
    }
}
