//! Vouchers and receipts: what payer and host exchange, the payer's session, the host's redemption.
//!
//! voucher → served → receipt → newest voucher kept → claim → split. The arithmetic and the decisions
//! are pure ([`Price`], [`payer`], [`redeem`]); [`PayerSession`] and [`redeemer`] do the I/O.

mod canonical;
pub mod copies;
pub mod evidence;
mod ledger;
pub mod payer;
mod price;
pub mod redeem;
pub mod redeemer;
mod session;
mod store_ledger;
mod wire;

pub use canonical::{canonical_json, has_fraction};
pub use evidence::{EvidenceLog, LogError};
#[cfg(test)]
pub(crate) use ledger::memory::MemoryLedger;
pub use ledger::{ChannelLedger, LedgerError, PaymentLedger, channel_ledger, newest_paid};
pub use payer::{ChannelRef, PayerState, ReceiptProblem};
pub use price::Price;
pub use redeemer::wire;
pub use session::{Completion, OnText, PayerError, PayerSession};
pub use store_ledger::SharedLedger;
pub use wire::{
    GatewayTerms, PaymentRequired, RECEIPT_EVENT, RECEIPT_HEADER, RequiredVoucher, SignedReceipt,
    SignedVoucher, VOUCHER_HEADER, WireError, decode, encode,
};
