//! What a channel's newest receipt and its voucher add up to.

use oml_contracts::{Amount, ChannelId};
use oml_payments::{SignedReceipt, SignedVoucher};

use super::port::{LedgerError, LedgerReader};

/// Sums of one channel, from its newest receipt and the voucher that paid for it.
///
/// A voucher whose request failed leaves no receipt and so is never counted nor claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ChannelLedger {
    /// Requests served so far.
    pub requests: u64,
    /// Tokens served so far, prompts and answers.
    pub tokens: u64,
    /// Amount of the voucher that paid for the newest receipt.
    pub promised_amount: Amount,
    /// Tokens of that voucher, which include what it reserved and the request did not use.
    pub promised_tokens: u64,
    /// Whether the host has signed that the channel ends.
    pub closing: bool,
}

impl ChannelLedger {
    /// Sums after a request was served.
    #[must_use]
    pub(crate) const fn after(receipt: &SignedReceipt, voucher: &SignedVoucher) -> Self {
        Self {
            requests: receipt.cumulative_requests,
            tokens: receipt.cumulative_tokens,
            promised_amount: voucher.cumulative_amount,
            promised_tokens: voucher.cumulative_tokens,
            closing: false,
        }
    }
}

/// The newest receipt of a channel with the voucher that pays for everything up to it.
///
/// # Errors
/// [`LedgerError`].
pub async fn newest_paid(
    ledger: &dyn LedgerReader,
    channel: ChannelId,
) -> Result<Option<(SignedReceipt, SignedVoucher)>, LedgerError> {
    let Some(receipt) = ledger.last_receipt(channel).await? else { return Ok(None) };
    let requests = receipt.cumulative_requests;
    match ledger.last_voucher(channel, requests).await? {
        Some(voucher) => Ok(Some((receipt, voucher))),
        None => Err(LedgerError::NoVoucher { channel, requests }),
    }
}

/// Sums of a channel, zero if nothing was served on it.
///
/// # Errors
/// As [`newest_paid`].
pub(crate) async fn channel_ledger(
    ledger: &dyn LedgerReader,
    channel: ChannelId,
) -> Result<ChannelLedger, LedgerError> {
    let newest = newest_paid(ledger, channel).await?;
    Ok(newest.map_or_else(ChannelLedger::default, |(receipt, voucher)| {
        ChannelLedger::after(&receipt, &voucher)
    }))
}
