//! The host's ledger of vouchers and receipts: what was promised and what was served.

mod port;
mod store;

#[cfg(test)]
pub(crate) use port::memory::MemoryLedger;
pub use port::{ChannelLedger, LedgerError, PaymentLedger, channel_ledger, newest_paid};
pub use store::SharedLedger;
