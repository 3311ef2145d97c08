//! Checks: asking a suspected copy and judging its answers.
//!
//! ```text
//! Universe ─▶ Questions ─ask a Target─▶ Answers ─judge for a license─▶ CheckOutcome ─▶ Evidence
//! ```
//!
//! Asking and judging are apart: [`Answers`] say what the target did, and hold for every license at
//! once. What could not be asked stays "not checked" and is never turned into a verdict; only a
//! [`Verdict::Match`] yields [`Evidence`].

mod answers;
mod clock;
mod decoys;
mod endpoint;
mod judge;
mod observation;
mod query_plan;
mod questions;
mod rank;
mod several;
mod target;
mod transcript;

pub use answers::Answers;
pub use decoys::{TooFewDecoys, make_decoys};
pub use endpoint::{AddressError, Endpoint, EndpointError, EndpointOptions, Limits, is_public};
pub use judge::{CheckOutcome, Comparisons, Evidence, Inconclusive, Tally, Verdict};
pub(crate) use judge::{EvidenceLevels, Observed, Silence};
pub use observation::{NoAnswer, NotChecked, Observation};
pub use query_plan::{QueryPlan, plan_queries};
pub use questions::{Question, Questions, QuestionsError};
pub use rank::{
    CandidateScores, RankError, RankOutcome, RankTally, RankTerms, Scores, plan_ranks, score,
};
pub(crate) use rank::{RankTest, of_logits};
pub use several::{SeveralError, SeveralTerms};
pub use target::{Artefact, Target, ask};
pub use transcript::{Exchange, Transcript};

#[cfg(test)]
pub(crate) use answers::tests::{test_answers, test_observations};
