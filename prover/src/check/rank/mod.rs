//! The rank test: where the drawn answer stands among its 16 candidates in the eyes of the suspect.
//!
//! The draw is uniform and independent of any model that was not made from it, so under innocence
//! the drawn answer's rank among the candidates, by whatever scores the suspect gives them, is
//! uniform over 1 to 16. No property of the suspect enters. The test sees a preference long before
//! it wins the argmax, and still sees it when the host drops the likeliest token. It needs scores:
//! weights, or a service that lists log-probabilities.

mod bets;
mod judge;
mod query_plan;
mod scores;

pub(crate) use bets::RankTest;
pub use bets::{RankError, RankTerms};
pub use judge::{RankOutcome, RankTally};
pub use query_plan::plan_ranks;
pub(crate) use scores::of_logits;
pub use scores::{CandidateScores, Scores, score};
