//! The rules of licenses, money, proofs, rounds and tickets as plain state and functions, written
//! from `docs/` and the interfaces, not from the code.
//!
//! Every operation either refuses, and nothing has happened, or returns the events that it must
//! cause.

mod channels;
mod collateral;
mod copies;
mod court;
mod deliveries;
mod faults;
mod keys;
mod leaves;
mod licenses;
mod logarithm;
mod openings;
mod proofs;
mod refusal;
mod reports;
mod rounds;
mod seating;
mod signatures;
mod stake;
mod state;
mod tickets;
mod units;
mod universe;

pub(crate) use channels::CloseWord;
pub(crate) use collateral::{EarlierSeal, Redirection, Slashing};
pub(crate) use copies::Series;
pub(crate) use court::{
    Court, INDICES, Outcome, SealedRound, deployment_commitment, keys_hash, round_id, struck,
    word_of,
};
pub(crate) use faults::{
    Currency_NoBalance, Currency_PullRefused, Currency_PushRefused, Currency_WrongAmountReceived,
    Currency_WrongValue, Openings_BadProof, Openings_MalformedLeaf, Openings_WrongLength,
    Terms_BadSeats, Terms_NoPrice, Terms_SlashSplitTooHigh, Terms_ThawShorterThanRound,
    Terms_UnknownEpoch,
};
pub(crate) use leaves::{Tag, candidate, leaf_hash, tags};
pub(crate) use proofs::{AttributedReceipt, ReceiptProof};
pub(crate) use refusal::{Events, Refused};
pub(crate) use rounds::{Seal, SeatSheet};
pub(crate) use seating::{Mood, Tickets};
pub(crate) use state::{
    Channel, Deployment, Desk, JudgedRow, License, NamedChannel, PartSizes, Payout, ReferenceModel,
    SignatureFacts, Status, UniverseId, UniverseState,
};
pub(crate) use tickets::{Joining, Tidying};
pub(crate) use units::BURN;
pub(crate) use universe::universe_of;
