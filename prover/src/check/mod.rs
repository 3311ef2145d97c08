//! Checks: asking a suspected copy and judging its answers.
//!
//! ```text
//! Universe ─▶ Questions ─ask a Target─▶ Answers ─judge for a license─▶ Outcome ─▶ Evidence
//! ```
//!
//! Asking and judging are apart: [`Answers`] say what the target did, and hold for every license at
//! once. What could not be asked stays "not checked" and is never turned into a verdict; only a
//! [`Verdict::Match`] yields [`Evidence`].

mod answers;
mod endpoint;
mod judge;
mod observation;
mod plan;
mod questions;
mod rank;
mod several;
mod target;
mod transcript;

pub use answers::Answers;
pub use endpoint::{AddressError, Endpoint, EndpointError, EndpointOptions, Limits, is_public};
pub(crate) use judge::Observed;
pub use judge::{Counts, Evidence, Inconclusive, Outcome, Tally, Verdict};
pub use observation::{NoAnswer, NotChecked, Observation};
pub use plan::{QueryPlan, plan_queries};
pub use questions::{Question, Questions, QuestionsError};
pub(crate) use rank::of_logits;
pub use rank::{
    CandidateScores, RankBet, RankError, RankOutcome, RankSums, RankTally, RankTerms, RankTest,
    Scores, plan_ranks, score,
};
pub use several::{SeveralError, SeveralTerms};
pub use target::{Artefact, Target, ask};
pub use transcript::{Exchange, Transcript};

#[cfg(test)]
pub(crate) use answers::tests::{test_answers, test_observations};
