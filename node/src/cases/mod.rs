//! Level-2 cases: what each role does next, and the service that does it.
//!
//! The decision is pure ([`machine`]); `owner`, `prover` and `host` build what a step needs;
//! [`CaseService`] reads the contracts after every head and turns decisions into jobs and
//! transactions.

mod calls;
mod case_file;
mod flags;
mod handout;
mod host;
mod machine;
mod owner;
mod pages;
mod prover;
mod reading;
mod seal;
mod service;
mod shuffle;
mod wiring;

pub use owner::{OpenableUniverse, Universes, make_decoys, questions_router};
pub use prover::CheckHandler;
pub use reading::CaseReader;
pub use seal::EncryptionKey;
pub use service::{CaseService, Duties};
pub(crate) use wiring::wire;
