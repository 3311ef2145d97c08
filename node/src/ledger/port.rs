//! What was promised and what was served, on the host's side: a port and its adapter to the store.

use async_trait::async_trait;
use oml_contracts::{Amount, ChannelId, LicenseId};

use oml_payments::{SignedReceipt, SignedVoucher};

/// Why the ledger did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A receipt with this number was already signed; signing another would be equivocation.
    #[error("channel {channel} already has a receipt {seq}; another one must not leave this host")]
    ReceiptExists {
        /// The channel.
        channel: ChannelId,
        /// Number of the receipt.
        seq: u64,
    },
    /// The store failed.
    #[error("the ledger's store failed: {0}")]
    Store(String),
}

/// Vouchers and receipts of a host. Both are append-only.
#[async_trait]
pub trait PaymentLedger: std::fmt::Debug + Send + Sync {
    /// Keeps a voucher; returns only once it is durable.
    async fn put_voucher(
        &self,
        license: LicenseId,
        voucher: &SignedVoucher,
        received_at: u64,
    ) -> Result<(), LedgerError>;

    /// Keeps a receipt; refuses a second one of the same channel and number.
    async fn put_receipt(&self, receipt: &SignedReceipt) -> Result<(), LedgerError>;

    /// The receipt with the highest number.
    async fn newest_receipt(
        &self,
        channel: ChannelId,
    ) -> Result<Option<SignedReceipt>, LedgerError>;

    /// One receipt.
    async fn receipt(
        &self,
        channel: ChannelId,
        seq: u64,
    ) -> Result<Option<SignedReceipt>, LedgerError>;

    /// The first receipt that no voucher of at most `claimed` pays for.
    async fn first_unpaid(
        &self,
        channel: ChannelId,
        claimed: Amount,
    ) -> Result<Option<SignedReceipt>, LedgerError>;

    /// The voucher that arrived last among those for this number of requests.
    async fn newest_voucher(
        &self,
        channel: ChannelId,
        requests: u64,
    ) -> Result<Option<SignedVoucher>, LedgerError>;

    /// Channels of a license on which a receipt was signed.
    async fn served_channels(&self, license: LicenseId) -> Result<Vec<ChannelId>, LedgerError>;
}

/// Sums of one channel, from its newest receipt and the voucher that paid for it.
///
/// A voucher whose request failed leaves no receipt and so is never counted nor claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelLedger {
    /// Requests served.
    pub requests: u64,
    /// Tokens served.
    pub tokens: u64,
    /// Amount of the voucher that paid for the newest receipt.
    pub promised_amount: Amount,
    /// Tokens of that voucher, which include what it reserved and the request did not use.
    pub promised_tokens: u64,
}

impl ChannelLedger {
    /// Sums after a request was served.
    #[must_use]
    pub const fn after(receipt: &SignedReceipt, voucher: &SignedVoucher) -> Self {
        Self {
            requests: receipt.cumulative_requests,
            tokens: receipt.cumulative_tokens,
            promised_amount: voucher.cumulative_amount,
            promised_tokens: voucher.cumulative_tokens,
        }
    }
}

/// The newest receipt of a channel with the voucher that pays for everything up to it.
///
/// # Errors
/// [`LedgerError::Store`], also if a receipt is there without its voucher.
pub async fn newest_paid(
    ledger: &dyn PaymentLedger,
    channel: ChannelId,
) -> Result<Option<(SignedReceipt, SignedVoucher)>, LedgerError> {
    let Some(receipt) = ledger.newest_receipt(channel).await? else { return Ok(None) };
    let requests = receipt.cumulative_requests;
    match ledger.newest_voucher(channel, requests).await? {
        Some(voucher) => Ok(Some((receipt, voucher))),
        None => Err(LedgerError::Store(format!(
            "channel {channel} has receipt {requests} but no voucher for it; restore the database"
        ))),
    }
}

/// Sums of a channel, zero if nothing was served on it.
///
/// # Errors
/// As [`newest_paid`].
pub async fn channel_ledger(
    ledger: &dyn PaymentLedger,
    channel: ChannelId,
) -> Result<ChannelLedger, LedgerError> {
    let newest = newest_paid(ledger, channel).await?;
    Ok(newest.map_or_else(ChannelLedger::default, |(receipt, voucher)| {
        ChannelLedger::after(&receipt, &voucher)
    }))
}

#[cfg(test)]
pub(crate) mod memory {
    use super::*;
    use std::sync::Mutex;

    /// A ledger for tests; can be told to fail.
    #[derive(Debug, Default)]
    pub(crate) struct MemoryLedger {
        pub(crate) vouchers: Mutex<Vec<SignedVoucher>>,
        pub(crate) receipts: Mutex<Vec<SignedReceipt>>,
        pub(crate) broken: std::sync::atomic::AtomicBool,
    }

    impl MemoryLedger {
        fn check(&self) -> Result<(), LedgerError> {
            if self.broken.load(std::sync::atomic::Ordering::SeqCst) {
                return Err(LedgerError::Store("disk full".to_owned()));
            }
            Ok(())
        }
    }

    #[async_trait]
    impl PaymentLedger for MemoryLedger {
        async fn put_voucher(
            &self,
            _: LicenseId,
            voucher: &SignedVoucher,
            _: u64,
        ) -> Result<(), LedgerError> {
            self.check()?;
            self.vouchers.lock().unwrap().push(voucher.clone());
            Ok(())
        }

        async fn put_receipt(&self, receipt: &SignedReceipt) -> Result<(), LedgerError> {
            self.check()?;
            let mut receipts = self.receipts.lock().unwrap();
            let (channel, seq) = (receipt.channel_id, receipt.seq);
            if receipts.iter().any(|r| r.channel_id == channel && r.seq == seq) {
                return Err(LedgerError::ReceiptExists { channel, seq });
            }
            receipts.push(receipt.clone());
            Ok(())
        }

        async fn newest_receipt(
            &self,
            channel: ChannelId,
        ) -> Result<Option<SignedReceipt>, LedgerError> {
            let receipts = self.receipts.lock().unwrap();
            let of_channel = receipts.iter().filter(|r| r.channel_id == channel);
            Ok(of_channel.max_by_key(|r| r.seq).cloned())
        }

        async fn receipt(
            &self,
            channel: ChannelId,
            seq: u64,
        ) -> Result<Option<SignedReceipt>, LedgerError> {
            let receipts = self.receipts.lock().unwrap();
            Ok(receipts.iter().find(|r| r.channel_id == channel && r.seq == seq).cloned())
        }

        async fn first_unpaid(
            &self,
            channel: ChannelId,
            claimed: Amount,
        ) -> Result<Option<SignedReceipt>, LedgerError> {
            let vouchers = self.vouchers.lock().unwrap();
            let paid = vouchers
                .iter()
                .filter(|v| v.channel_id == channel && v.cumulative_amount <= claimed)
                .map(|v| v.cumulative_requests)
                .max()
                .unwrap_or_default();
            let receipts = self.receipts.lock().unwrap();
            let unpaid = receipts.iter().filter(|r| r.channel_id == channel && r.seq > paid);
            Ok(unpaid.min_by_key(|r| r.seq).cloned())
        }

        async fn newest_voucher(
            &self,
            channel: ChannelId,
            requests: u64,
        ) -> Result<Option<SignedVoucher>, LedgerError> {
            let vouchers = self.vouchers.lock().unwrap();
            let wanted =
                |v: &&SignedVoucher| v.channel_id == channel && v.cumulative_requests == requests;
            Ok(vouchers.iter().rev().find(wanted).cloned())
        }

        async fn served_channels(&self, license: LicenseId) -> Result<Vec<ChannelId>, LedgerError> {
            let receipts = self.receipts.lock().unwrap();
            let mut channels: Vec<ChannelId> =
                receipts.iter().filter(|r| r.license_id == license).map(|r| r.channel_id).collect();
            channels.sort_unstable();
            channels.dedup();
            Ok(channels)
        }
    }
}
