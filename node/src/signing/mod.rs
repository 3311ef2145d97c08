//! Who signs receipts, and with which numbers.
//!
//! A host that signs two receipts with one number is slashed ([decision
//! 022](../../../docs/decisions/022-serving-keys-by-epoch.md)). So numbers are reserved on disk
//! before they are given (`history`), by one process at a time, and a license's serving
//! key is used only where its history is whole; else the host names another one, whose numbers
//! begin anew. `KeyRing` finds the key of the license's current epoch.

mod error;
mod files;
mod history;
mod record;
mod ring;
mod survey;

pub use error::HistoryError;
pub use record::HistoryProblem;
pub use ring::key_file_name;
pub(crate) use ring::{EpochSigner, KeyRing, NoSigner, RingConfig};
pub use survey::{HistoryState, survey};
