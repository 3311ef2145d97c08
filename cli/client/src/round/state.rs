//! How far a round is, and what happens next.

use oml_contracts::rpc::abi::Rounds::RoundStatus;
use serde::Serialize;

/// How far a round is at the time of the newest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RoundState {
    /// Sealed; the beacon's value that draws its seats is not on chain.
    Sealed,
    /// Its seats are drawn and answer.
    Answering,
    /// The answers are over; the owner may open it.
    Opening,
    /// It was not opened in time.
    Lapsed,
    /// It was opened and convicted nobody.
    Opened,
    /// It was opened and convicted its license.
    Convicted,
}

/// What happens next in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NextStep {
    /// What it is, in words.
    pub what: &'static str,
    /// Last second in which it can be done, Unix seconds; none if there is no hurry.
    pub until: Option<u64>,
}

/// The times of a round, Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTimes {
    pub(super) answer_until: u64,
    pub(super) open_until: u64,
    /// Time of the newest block.
    pub(super) now: u64,
}

impl RoundState {
    /// From what the contract keeps and what the beacon has.
    pub(super) fn at(kept: &RoundStatus, times: &RoundTimes, is_drawn: bool) -> Self {
        match kept {
            RoundStatus::Opened => Self::Opened,
            RoundStatus::Convicted => Self::Convicted,
            _ if times.now > times.open_until => Self::Lapsed,
            _ if times.now > times.answer_until => Self::Opening,
            _ if is_drawn => Self::Answering,
            _ => Self::Sealed,
        }
    }

    /// The state in one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Answering => "answering",
            Self::Opening => "opening",
            Self::Lapsed => "lapsed",
            Self::Opened => "opened",
            Self::Convicted => "convicted",
        }
    }

    /// Whether nothing more can come of it but fees.
    #[must_use]
    pub(crate) const fn has_ended(self) -> bool {
        matches!(self, Self::Lapsed | Self::Opened | Self::Convicted)
    }

    /// What happens next.
    pub(super) const fn next(self, times: &RoundTimes) -> NextStep {
        let (what, until) = match self {
            Self::Sealed => {
                ("the beacon's round is brought, then the seats answer", Some(times.answer_until))
            }
            Self::Answering => ("the seats answer", Some(times.answer_until)),
            Self::Opening => ("the owner opens it, or it lapses", Some(times.open_until)),
            Self::Lapsed => ("the seats ask for their fees", None),
            Self::Opened => ("nothing: the fees are credited", None),
            Self::Convicted => ("the slash is paid after its delay; the fees are credited", None),
        };
        NextStep { what, until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(now: u64) -> RoundTimes {
        RoundTimes { answer_until: 100, open_until: 200, now }
    }

    #[test]
    fn windows_end_with_the_second_that_names_them() {
        let sealed = RoundStatus::Sealed;
        let state = |now, drawn| RoundState::at(&sealed, &at(now), drawn);
        assert_eq!(state(100, false), RoundState::Sealed);
        assert_eq!(state(100, true), RoundState::Answering);
        assert_eq!(state(101, true), RoundState::Opening);
        // Without a draw nobody can answer, but the owner may still open: all misses.
        assert_eq!(state(101, false), RoundState::Opening);
        assert_eq!(state(200, true), RoundState::Opening);
        assert_eq!(state(201, true), RoundState::Lapsed);
    }

    #[test]
    fn what_was_opened_stays_opened() {
        let state = |kept| RoundState::at(&kept, &at(300), true);
        assert_eq!(state(RoundStatus::Opened), RoundState::Opened);
        assert_eq!(state(RoundStatus::Convicted), RoundState::Convicted);
        assert!(state(RoundStatus::Sealed).has_ended());
    }

    #[test]
    fn the_next_step_names_its_last_second() {
        assert_eq!(RoundState::Answering.next(&at(1)).until, Some(100));
        assert_eq!(RoundState::Opening.next(&at(101)).until, Some(200));
        assert_eq!(RoundState::Lapsed.next(&at(201)).until, None);
    }
}
