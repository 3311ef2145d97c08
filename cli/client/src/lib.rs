//! Every action of the OML protocol as one typed function, named after its noun: what the command
//! line, the demo and tests share.
//!
//! Nothing here prints or parses flags. An action takes a [`Chain`], says what it is doing to a
//! [`Progress`] where it takes long, and returns a typed record or a [`ClientError`], which carries
//! a hint for people and a [`FailureKind`] for programs.

mod anvil;
pub mod balance;
pub mod beacon;
pub mod blocks;
mod bought;
mod chain;
pub mod channel;
mod clock;
mod commitment;
mod consent;
pub mod copy;
pub mod delivery;
pub mod deploy;
pub mod deployment;
pub mod elsewhere;
mod error;
pub mod files;
pub mod host;
mod keep;
pub mod license;
pub mod local_model;
pub mod model;
pub mod money;
pub mod offer;
pub mod opening;
pub mod pay;
mod progress;
pub mod proof;
pub mod prover;
pub mod proxy;
pub mod purchase;
pub mod recover;
pub mod recover_all;
pub mod registry;
pub mod report;
pub mod round;
pub mod settle;
pub mod signer;
pub mod status;
pub mod universe;
pub mod vouchers;

pub use anvil::find_anvil;
pub use chain::{Chain, ChainSettings, RpcConnection, TxRecord};
pub use consent::{Consent, PlannedCall};
pub use error::{BoxError, ClientError, FailureKind, HintExt, Result, fail, find};
pub use progress::{Progress, ProgressBar};
