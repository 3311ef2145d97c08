//! What came of asking one question.

use std::collections::BTreeMap;

use oml_contracts::Tag;
use oml_contracts::tag::tag_of;

/// Outcome of one question.
///
/// The difference between the last two is whose doing it was. A target that was reached and gave
/// something else than an answer has shown a fact about itself. A target that could not be reached,
/// or was overloaded, has shown nothing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "kebab-case")]
pub enum Observation {
    /// The text that the target continued the prompt with.
    Answered(String),
    /// The target was reached and gave no answer.
    NoAnswer(NoAnswer),
    /// Nothing can be said.
    NotChecked(NotChecked),
}

impl Observation {
    /// Tag of the answer, or of "no answer".
    #[must_use]
    pub fn tag(&self) -> Tag {
        match self {
            Self::Answered(text) => tag_of(text),
            Self::NoAnswer(_) | Self::NotChecked(_) => Tag::NONE,
        }
    }

    /// Whether the target answered.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        matches!(self, Self::Answered(_))
    }

    /// Whether the question still has to be asked.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::NotChecked(_))
    }
}

/// What a target did instead of answering.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum NoAnswer {
    /// An HTTP status that refuses the request.
    #[error("it refused with HTTP status {status}: {excerpt:?}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Start of the body.
        excerpt: String,
    },
    /// It points elsewhere, which is not followed.
    #[error("it redirects to {location:?}; register the address that answers")]
    Redirect {
        /// The address that it points to, cut.
        location: String,
    },
    /// More than the limit, or without end.
    #[error("it sent more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A compressed body, which is not unpacked.
    #[error("it sent content encoded as {encoding:?}, although none was accepted")]
    Encoded {
        /// The encoding that its header names, cut.
        encoding: String,
    },
    /// The body is no completion.
    #[error("it sent no completion ({fault}): {excerpt:?}")]
    NotACompletion {
        /// What is wrong with it.
        #[serde(rename = "cause")]
        fault: String,
        /// Start of the body.
        excerpt: String,
    },
}

/// Why nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum NotChecked {
    /// No connection, or a broken one.
    #[error("the target could not be reached: {causes}")]
    Unreachable {
        /// The chain of causes, as text: it goes into transcripts.
        #[serde(rename = "cause")]
        causes: String,
    },
    /// No whole answer in time.
    #[error("no whole answer within {seconds} s")]
    TimedOut {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The service has no capacity at the moment.
    #[error("it is overloaded: HTTP status {status}")]
    Busy {
        /// The HTTP status.
        status: u16,
    },
    /// An address that must not be asked.
    #[error("{refusal}")]
    Forbidden {
        /// Which, and why.
        #[serde(rename = "cause")]
        refusal: String,
    },
    /// A model on this machine failed.
    #[error("the model could not be run: {causes}")]
    Model {
        /// What the engine said, as text: it goes into transcripts.
        #[serde(rename = "cause")]
        causes: String,
    },
    /// The check ended before.
    #[error("the check was stopped before this question")]
    NotAsked,
}

/// How many questions were not answered for one reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unanswered {
    /// Number of questions that were not answered for this reason.
    pub count: u32,
    /// The reason, with the service's own words where it gave any.
    pub reason: String,
}

impl Unanswered {
    /// Counts reasons, the most frequent first.
    pub(crate) fn of<'a>(observations: impl Iterator<Item = &'a Observation>) -> Vec<Self> {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for observation in observations {
            let reason = match observation {
                Observation::Answered(_) => continue,
                Observation::NoAnswer(reason) => reason.to_string(),
                Observation::NotChecked(reason) => reason.to_string(),
            };
            *counts.entry(reason).or_default() += 1;
        }
        let mut all: Vec<Self> =
            counts.into_iter().map(|(reason, count)| Self { count, reason }).collect();
        all.sort_by_key(|unanswered| std::cmp::Reverse(unanswered.count));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_have_tags() {
        let answer = Observation::Answered(" Paris, of course".to_owned());
        assert_eq!(answer.tag(), tag_of("Paris"));
        assert_eq!(Observation::Answered("?!".to_owned()).tag(), Tag::NONE);
        let refused =
            Observation::NoAnswer(NoAnswer::Refused { status: 403, excerpt: String::new() });
        assert_eq!(refused.tag(), Tag::NONE);
        assert!(!refused.is_open() && !refused.is_answer());
        assert!(Observation::NotChecked(NotChecked::NotAsked).is_open());
    }

    #[test]
    fn observations_survive_json() {
        for observation in [
            Observation::Answered("x".to_owned()),
            Observation::NoAnswer(NoAnswer::TooLarge { limit: 7 }),
            Observation::NotChecked(NotChecked::TimedOut { seconds: 3 }),
            Observation::NotChecked(NotChecked::NotAsked),
        ] {
            let json = serde_json::to_string(&observation).unwrap();
            assert_eq!(serde_json::from_str::<Observation>(&json).unwrap(), observation, "{json}");
        }
        // Transcripts are hashed: what they call a field stays.
        let failed = NotChecked::Model { causes: "no memory".to_owned() };
        let json = serde_json::to_string(&Observation::NotChecked(failed)).unwrap();
        assert!(json.contains(r#""cause":"no memory""#), "{json}");
    }
}
