//! What the gateway needs of the host's ledger, whatever keeps it.

use std::sync::Arc;

use async_trait::async_trait;
use oml_contracts::{ChannelId, LicenseId, ReceiptNumber};
use oml_payments::{SignedReceipt, SignedVoucher};

use crate::store::StoreError;

/// Why the ledger did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// There is a receipt for this request, or with this number: another would charge it twice, or
    /// be an equivocation.
    #[error(
        "channel {channel} already has a receipt {number}, or one for request {request}; another \
         one must not leave this host (do two gateways share a database?)"
    )]
    ReceiptExists {
        /// Channel of the receipt.
        channel: ChannelId,
        /// Number of the receipt.
        number: ReceiptNumber,
        /// Requests that it counts.
        request: u64,
    },
    /// A receipt is kept whose voucher is not.
    #[error("channel {channel} has receipt {requests} but no voucher for it; restore the database")]
    NoVoucher {
        /// Channel of the receipt.
        channel: ChannelId,
        /// Requests that the receipt counts.
        requests: u64,
    },
    /// A kept signature is damaged.
    #[error("a stored signature has {0} bytes instead of 65; restore the database")]
    Signature(usize),
    /// The task that writes for all requests has ended.
    #[error("the ledger's task has stopped")]
    Stopped,
    /// The store failed. Several requests share one write, and so its error.
    #[error("the ledger's store failed: {0}")]
    Store(#[source] Arc<StoreError>),
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// Keeps vouchers and receipts. Both are append-only, and a call returns only once its row is
/// durable.
#[async_trait]
pub(crate) trait LedgerWriter: std::fmt::Debug + Send + Sync {
    /// Keeps a voucher before its request is served.
    async fn put_voucher(
        &self,
        license: LicenseId,
        voucher: &SignedVoucher,
        received_at: u64,
    ) -> Result<(), LedgerError>;

    /// Keeps a receipt before it leaves the host; refuses a second one of the same channel and
    /// number or request.
    async fn put_receipt(&self, receipt: &SignedReceipt) -> Result<(), LedgerError>;
}

/// Reads what was kept.
#[async_trait]
pub trait LedgerReader: std::fmt::Debug + Send + Sync {
    /// The receipt that counts most requests.
    async fn last_receipt(&self, channel: ChannelId) -> Result<Option<SignedReceipt>, LedgerError>;

    /// The voucher that arrived last among those for this number of requests.
    async fn last_voucher(
        &self,
        channel: ChannelId,
        requests: u64,
    ) -> Result<Option<SignedVoucher>, LedgerError>;

    /// Whether the host has signed that the channel ends: nothing may be served on it any more.
    async fn is_closing(&self, channel: ChannelId) -> Result<bool, LedgerError>;
}
