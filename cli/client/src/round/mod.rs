//! Level 2: rounds that an owner seals, seats that answer, and what the contract makes of them.
//!
//! Nothing on chain says which license a sealed round is about, so what only its owner can know
//! takes the owner's rounds secret; everything else is read from the contract and its events.

mod answer;
mod check;
mod collect;
mod commit;
mod config;
mod list;
mod order;
mod outcome;
mod plan;
mod seal;
mod seal_file;
mod seats;
mod state;
mod take;
mod watch;
mod words;

pub use answer::{DrawnBundle, SheetGiven, answer, bring_draw, drawn_bundles, is_sealed};
pub(crate) use check::check_seal;
pub use check::{ReporterGain, SealOffer};
pub(crate) use collect::collectable;
pub use collect::{CollectedFees, LapsedFees, collect};
pub use commit::{CommittedWords, commit_cases};
pub use config::{RoundsSettings, config, payout_delay};
pub use list::{RoundFilter, RoundSummary, list};
pub use oml_contracts::round::RoundKind;
pub use oml_node::rounds::{Access, RoundSecret};
pub use order::{OrderedRound, RoundOrder, order};
pub use outcome::{LedgerStanding, RoundOutcome};
pub(crate) use plan::seats_for;
pub use plan::{
    HitRateRow, PlanRequest, PlannedRounds, PlannedSize, USUAL_RATES, plan, planned_amount,
};
pub(crate) use seal::sealed_before;
pub use seal::{SealOrder, SealedRound, seal, seal_and_pay, send_seal};
pub use seal_file::SealFile;
pub use seats::{FeeState, SeatStanding, SheetStanding};
pub use state::{NextStep, RoundState};
pub use take::{TakenReport, take_report};
pub use watch::{RoundStanding, standing, watch};
pub use words::{keygen, load_secret};
