//! Level-2 rounds: what each role does next, and the service that does it.
//!
//! [`RoundService`] reads the contracts after every head, asks [`machine`], which is pure, for the
//! phase of each round, and calls `owner` and `prover`, whose steps become jobs and transactions. A
//! host has nothing to do in a round: it learns of one when it is opened.

mod access;
mod file;
mod flags;
mod hand_out;
mod inbox;
mod machine;
mod owner;
mod pages;
mod prover;
mod service;
mod sheets;
mod shuffle;
mod signed_seal;
mod submitted;
mod wiring;
mod words;

pub use access::{Access, AccessError};
pub use inbox::prover_inbox;
pub use oml_prover::sealed_box::EncryptionKey;
pub use owner::{
    HandOutHandler, InboxReach, OpenableUniverse, OwnerDuty, TestedDeployment, Universes,
};
pub use prover::{AskHandler, ProverDuty, SeatHabits};
pub use service::RoundService;
pub use signed_seal::{SealTerms, SignedSeal};
pub(crate) use wiring::wire;
pub use words::{LicenseWords, RoundSecret, SecretFileError};
