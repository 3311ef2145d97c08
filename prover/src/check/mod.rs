//! Checks: asking a suspected copy and judging its answers.
//!
//! ```text
//! Universe ─▶ Questions ─ask a Target─▶ Answers ─judge for a license─▶ CheckOutcome ─▶ Evidence
//! ```
//!
//! Asking and judging are apart: [`Answers`] say what the target did, and hold for every license at
//! once. What could not be asked stays "not checked" and is never turned into a verdict; only a
//! [`Verdict::Match`] yields [`Evidence`].

mod answer_terms;
mod answers;
mod clock;
mod decoys;
mod endpoint;
mod evasion;
mod judge;
mod mixture;
mod observation;
mod published;
mod query_plan;
mod questions;
mod rank;
mod tally;
mod target;
mod transcript;

pub(crate) use answer_terms::AnswerBet;
pub use answer_terms::{AnswerBetError, AnswerTerms};
pub use answers::Answers;
pub use decoys::{TooFewDecoys, make_decoys};
pub use endpoint::{AddressError, Endpoint, EndpointError, EndpointOptions, Limits, is_public};
pub use judge::{CheckOutcome, Evidence, Inconclusive, Verdict};
pub(crate) use judge::{EvidenceLevels, Observed};
pub(crate) use mixture::log2_mean;
pub use observation::{NoAnswer, NotChecked, Observation, Unanswered};
pub use published::{MissedPair, PublishedTally, check_published, tokens_of_responses};
pub use query_plan::{QueryPlan, plan_queries};
pub use questions::{Question, Questions, QuestionsError};
pub use rank::{
    CandidateScores, RankError, RankOutcome, RankTally, RankTerms, Scores, plan_ranks, score,
};
pub(crate) use rank::{RankTest, of_logits};
pub(crate) use tally::Silence;
pub use tally::{Comparisons, Tally};
pub use target::{Artefact, Target, ask};
pub use transcript::{Exchange, Transcript};

#[cfg(test)]
pub(crate) use answers::tests::{test_answers, test_observations};
