//! The host's ledger: what was promised, what was served, and for which license.

mod close;
mod license;
#[cfg(test)]
mod memory;
mod port;
mod store;
mod sums;

pub use close::{CloseRefused, LONGEST_REQUEST_SECS, keep_close};
pub(crate) use license::ServedLicense;
#[cfg(test)]
pub(crate) use memory::MemoryLedger;
pub(crate) use port::LedgerWriter;
pub use port::{LedgerError, LedgerReader};
pub(crate) use store::SharedWriter;
pub use sums::newest_paid;
pub(crate) use sums::{ChannelLedger, channel_ledger};
