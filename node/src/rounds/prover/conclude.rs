//! From what was observed to what is sent, or to "could not check".

use std::time::Duration;

use oml_contracts::Tag;
use oml_prover::check::{NotChecked, Observation};

/// Longest pause before a check is repeated.
const LONGEST_PAUSE: u64 = 60;

/// The end of one attempt at a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// Tags in the order of the questions.
    Tags(Vec<Tag>),
    /// Nothing can be said yet; try again.
    CouldNotCheck {
        /// When to try again.
        after: Duration,
        /// What was missing, in words.
        reason: String,
    },
}

/// Time left for a check, in chain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeLeft {
    /// Seconds until the sheet must be on chain.
    pub left: u64,
    /// Seconds that the whole window has.
    pub window: u64,
}

impl TimeLeft {
    /// Whether a later attempt would still be in time: the last third of the window is kept for
    /// asking once more and getting the sheet onto the chain.
    const fn allows_another_attempt(self) -> bool {
        self.left > self.window / 3
    }

    fn pause(self) -> Duration {
        let usable = self.left.saturating_sub(self.window / 3);
        Duration::from_secs((usable / 3).clamp(1, LONGEST_PAUSE))
    }
}

/// Whether nothing came back, so that it could be our own network's fault.
#[must_use]
pub(crate) const fn is_silence(observation: &Observation) -> bool {
    match observation {
        Observation::Answered(_) | Observation::NoAnswer(_) => false,
        // Reached, or an address that leads nowhere for anybody.
        Observation::NotChecked(NotChecked::Busy { .. } | NotChecked::Forbidden { .. }) => false,
        Observation::NotChecked(_) => true,
    }
}

/// Judges the observations of all questions, in order.
///
/// An answer or a refusal is a fact. Silence is one only when our own network works (`own_network`)
/// and the deployment stays silent to the end of the time that it can be given; a busy deployment
/// gets the same time. With a broken network of our own nothing is ever concluded.
#[must_use]
pub(crate) fn conclude(
    observations: &[Observation],
    own_network: bool,
    time: TimeLeft,
) -> Conclusion {
    let silent = observations.iter().filter(|observation| is_silence(observation)).count();
    let open = observations.iter().filter(|observation| observation.is_open()).count();
    if silent > 0 && !own_network {
        return Conclusion::CouldNotCheck {
            after: Duration::from_secs(5),
            reason: format!(
                "{silent} of {} questions got no reaction, and nothing else answers either: this node's network is down",
                observations.len()
            ),
        };
    }
    if open > 0 && time.allows_another_attempt() {
        return Conclusion::CouldNotCheck {
            after: time.pause(),
            reason: format!(
                "{open} of {} questions got no answer from a silent or busy deployment; {} s are left to ask again",
                observations.len(),
                time.left
            ),
        };
    }
    Conclusion::Tags(observations.iter().map(Observation::tag).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::tag::tag_of;
    use oml_prover::check::NoAnswer;
    use proptest::prelude::*;

    fn answered(text: &str) -> Observation {
        Observation::Answered(text.to_owned())
    }

    fn declined() -> Observation {
        Observation::NoAnswer(NoAnswer::Refused { status: 402, excerpt: String::new() })
    }

    fn busy() -> Observation {
        Observation::NotChecked(NotChecked::Busy { status: 503 })
    }

    fn unreachable() -> Observation {
        Observation::NotChecked(NotChecked::Unreachable { causes: "no connection".to_owned() })
    }

    const EARLY: TimeLeft = TimeLeft { left: 90, window: 90 };
    const LATE: TimeLeft = TimeLeft { left: 30, window: 90 };

    #[test]
    fn answers_and_refusals_are_concluded_at_once() {
        let outcomes = [answered("Paris"), declined()];
        let tags = Conclusion::Tags(vec![tag_of("Paris"), Tag::NONE]);
        assert_eq!(conclude(&outcomes, false, EARLY), tags);
        assert_eq!(conclude(&outcomes, true, LATE), tags);
    }

    #[test]
    fn silence_is_no_answer_only_late_and_with_a_network_of_our_own() {
        let outcomes = [answered("Paris"), unreachable()];
        let could_not =
            |own, time| matches!(conclude(&outcomes, own, time), Conclusion::CouldNotCheck { .. });
        assert!(could_not(true, EARLY));
        assert!(could_not(false, EARLY));
        assert!(could_not(false, LATE));
        assert_eq!(
            conclude(&outcomes, true, LATE),
            Conclusion::Tags(vec![tag_of("Paris"), Tag::NONE])
        );
    }

    #[test]
    fn a_busy_deployment_gets_time_but_not_for_ever() {
        assert!(matches!(conclude(&[busy()], false, EARLY), Conclusion::CouldNotCheck { .. }));
        assert_eq!(conclude(&[busy()], false, LATE), Conclusion::Tags(vec![Tag::NONE]));
    }

    proptest! {
        #[test]
        fn our_own_broken_network_never_becomes_a_tag(
            kinds in proptest::collection::vec(0_u8..4, 1..40),
            left in 0_u64..1000,
            window in 0_u64..1000,
        ) {
            let outcomes: Vec<Observation> = kinds
                .iter()
                .map(|kind| match kind { 0 => answered("a"), 1 => declined(), 2 => busy(), _ => unreachable() })
                .collect();
            let silent = outcomes.iter().any(is_silence);
            match conclude(&outcomes, false, TimeLeft { left, window }) {
                Conclusion::Tags(tags) => {
                    prop_assert!(!silent);
                    prop_assert_eq!(tags.len(), outcomes.len());
                }
                Conclusion::CouldNotCheck { after, .. } => prop_assert!(after >= Duration::from_secs(1)),
            }
        }
    }
}
