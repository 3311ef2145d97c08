//! The rules of licenses, money, stakes and cases as plain state and functions, written from
//! `docs/` and the interfaces, not from the code.
//!
//! Every operation either refuses, and nothing has happened, or returns the events that it must
//! cause.

mod accusations;
mod answers;
mod channels;
mod collateral;
mod copies;
mod court;
mod faults;
mod keys;
mod leaves;
mod licenses;
mod logarithm;
mod proofs;
mod provers;
mod refusal;
mod signatures;
mod state;
mod units;
mod universe;
mod verdict;

pub(crate) use accusations::CaseReport;
pub(crate) use channels::CloseWord;
pub(crate) use collateral::Redirection;
pub(crate) use copies::Series;
pub(crate) use court::quorum;
pub(crate) use faults::{Currency_PullRefused, Currency_WrongValue, Terms_UnknownEpoch};
pub(crate) use leaves::{candidate, is_assigned, leaf_hash};
pub(crate) use proofs::{AttributedReceipt, ReceiptProof};
pub(crate) use refusal::{Events, Refused};
pub(crate) use state::{
    Case, Channel, Court, JudgedRow, License, NamedChannel, PartSizes, Provers, ReferenceModel,
    SignatureFacts, Status, UniverseId, UniverseState, Word,
};
pub(crate) use units::BURN;
pub(crate) use universe::universe_of;
pub(crate) use verdict::{CaseFindings, Payment, weigh};
