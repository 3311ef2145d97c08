//! The rules of licenses, money and proofs as plain state and functions, written from
//! `docs/` and the interfaces, not from the code.
//!
//! Every operation either refuses, and nothing has happened, or returns the events that it must
//! cause.

mod channels;
mod collateral;
mod copies;
mod deliveries;
mod faults;
mod keys;
mod leaves;
mod licenses;
mod logarithm;
mod proofs;
mod refusal;
mod reports;
mod signatures;
mod state;
mod units;
mod universe;

pub(crate) use channels::CloseWord;
pub(crate) use collateral::{EarlierSeal, Redirection, Slashing};
pub(crate) use copies::Series;
pub(crate) use faults::{
    Currency_PullRefused, Currency_WrongValue, Openings_BadProof, Openings_MalformedLeaf,
    Openings_WrongLength, Terms_BadSeats, Terms_NoPrice, Terms_SlashSplitTooHigh,
    Terms_ThawShorterThanRound, Terms_UnknownEpoch,
};
pub(crate) use leaves::{Tag, candidate, leaf_hash, tags};
pub(crate) use proofs::{AttributedReceipt, ReceiptProof};
pub(crate) use refusal::{Events, Refused};
pub(crate) use state::{
    Channel, Desk, JudgedRow, License, NamedChannel, PartSizes, Payout, ReferenceModel,
    SignatureFacts, Status, UniverseId, UniverseState,
};
pub(crate) use units::BURN;
pub(crate) use universe::universe_of;
