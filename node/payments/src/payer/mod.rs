//! The payer's side as pure functions: the next voucher, and whether a receipt is to be believed.

use oml_contracts::Signable as _;
use oml_contracts::hash::response_hash;
use oml_contracts::{Amount, ChannelId, EthAddress, LicenseId, RequestHash, Voucher};
use serde::{Deserialize, Serialize};

use crate::channel::PayerChannel;
use crate::wire::{SignedReceipt, SignedVoucher};

/// Tokens by which a count may pass the bytes of a text: control tokens of a chat template.
const CONTROL_TOKENS: u64 = 64;
/// Seconds by which a receipt may be dated after the chain's time.
const CLOCK_SKEW_SECS: u64 = 300;

/// What the payer knows about its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayerState {
    /// Requests on the newest receipt.
    pub requests: u64,
    /// Tokens on the newest receipt.
    pub tokens: u64,
    /// Amount of the voucher that paid for it.
    pub promised_amount: Amount,
    /// Tokens of that voucher.
    pub promised_tokens: u64,
}

impl PayerState {
    /// The smallest voucher for one more request that uses at most `reserved` tokens; `None` if no
    /// amount could pay for it.
    #[must_use]
    pub fn next_voucher(
        &self,
        channel: &PayerChannel,
        reserved: u64,
        request_hash: RequestHash,
    ) -> Option<Voucher> {
        let requests = self.requests.checked_add(1)?;
        let tokens = self.tokens.checked_add(reserved)?.max(self.promised_tokens);
        // The escrow settles units only with an increasing amount, even where units are free.
        let more = self.promised_amount.checked_add(Amount::new(1))?;
        Some(Voucher {
            channel_id: channel.id(),
            cumulative_amount: channel.price.of(requests, tokens)?.max(more),
            cumulative_requests: requests,
            cumulative_tokens: tokens,
            request_hash,
        })
    }

    /// State after a receipt that [`judge`] believed.
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

/// Most tokens that texts of these lengths can have: a token is at least one byte.
#[must_use]
pub(crate) fn most_tokens(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(CONTROL_TOKENS)
}

/// Why a receipt is not believed. Such a receipt is kept: signed by the serving key, it may be a
/// proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptProblem {
    /// Not signed by the license's serving key.
    #[error("it is signed by {found:?}, not by the license's serving key {expected}")]
    WrongSigner {
        /// Recovered account, if any.
        found: Option<EthAddress>,
        /// The serving key.
        expected: EthAddress,
    },
    /// For another license or channel.
    #[error("it is for license {license} and channel {channel}, not for this payer's")]
    WrongChannel {
        /// License on the receipt.
        license: LicenseId,
        /// Channel on the receipt.
        channel: ChannelId,
    },
    /// For another request.
    #[error("it is for request {0}, not for the one that was sent")]
    WrongRequest(RequestHash),
    /// Its response hash is not that of the text that came.
    #[error("its response hash is not that of the answer that came")]
    WrongResponse,
    /// It does not count up by one.
    #[error("it counts request {found} as number {seq}, expected {expected}")]
    WrongCount {
        /// Requests on the receipt.
        found: u64,
        /// Number of the receipt.
        seq: u64,
        /// What both had to be.
        expected: u64,
    },
    /// More tokens than promised, or than the texts can have.
    #[error("it counts {found} tokens for this request; the texts and the voucher allow {most}")]
    TooManyTokens {
        /// Tokens of this request.
        found: u64,
        /// Most tokens that the texts and the voucher allow.
        most: u64,
    },
    /// Fewer tokens than the receipt before.
    #[error("it counts {found} tokens in all, fewer than the {before} before")]
    TokensFell {
        /// On this receipt.
        found: u64,
        /// On the one before.
        before: u64,
    },
    /// Dated in the future, which would put off the day on which it must be settled.
    #[error("it is dated {served_at}, well after the chain's time ({now})")]
    Future {
        /// Date on the receipt, Unix seconds.
        served_at: u64,
        /// Chain time, Unix seconds.
        now: u64,
    },
}

/// What a receipt is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectation<'a> {
    /// Channel that the receipt must be about.
    pub channel: &'a PayerChannel,
    /// What was known before.
    pub state: &'a PayerState,
    /// What was sent.
    pub voucher: &'a SignedVoucher,
    /// Length of the prompt in bytes.
    pub prompt_bytes: usize,
    /// The answer; `None` if the connection broke before it was whole.
    pub answer: Option<&'a str>,
    /// Chain time, Unix seconds; `None` if the payer does not follow the chain, then dates are not
    /// judged. The machine's clock won't do: receipts are dated by the later of both.
    pub now: Option<u64>,
}

/// Judges the receipt of one request.
///
/// # Errors
/// The first [`ReceiptProblem`].
pub(crate) fn judge(
    receipt: &SignedReceipt,
    expected: &Expectation<'_>,
) -> Result<(), ReceiptProblem> {
    let Expectation { channel, state, voucher, .. } = *expected;
    signed_for(receipt, channel)?;
    if receipt.request_hash != voucher.request_hash {
        return Err(ReceiptProblem::WrongRequest(receipt.request_hash));
    }
    if expected.answer.is_some_and(|text| response_hash(text) != receipt.response_hash) {
        return Err(ReceiptProblem::WrongResponse);
    }
    let number = voucher.cumulative_requests;
    if receipt.cumulative_requests != number || receipt.seq != number {
        let (found, seq) = (receipt.cumulative_requests, receipt.seq);
        return Err(ReceiptProblem::WrongCount { found, seq, expected: number });
    }
    let Some(found) = receipt.cumulative_tokens.checked_sub(state.tokens) else {
        let (found, before) = (receipt.cumulative_tokens, state.tokens);
        return Err(ReceiptProblem::TokensFell { found, before });
    };
    let promised = voucher.cumulative_tokens.saturating_sub(state.tokens);
    let possible = expected.answer.map(|text| most_tokens(expected.prompt_bytes + text.len()));
    let most = possible.unwrap_or(u64::MAX).min(promised);
    if found > most {
        return Err(ReceiptProblem::TooManyTokens { found, most });
    }
    match expected.now {
        Some(now) if receipt.served_at > now.saturating_add(CLOCK_SKEW_SECS) => {
            Err(ReceiptProblem::Future { served_at: receipt.served_at, now })
        }
        _ => Ok(()),
    }
}

/// Whether a receipt is the serving key's statement about this channel at all.
///
/// # Errors
/// [`ReceiptProblem::WrongChannel`], [`ReceiptProblem::WrongSigner`].
pub(crate) fn signed_for(
    receipt: &SignedReceipt,
    channel: &PayerChannel,
) -> Result<(), ReceiptProblem> {
    if receipt.license_id != channel.license_id || receipt.channel_id != channel.id() {
        let (license, id) = (receipt.license_id, receipt.channel_id);
        return Err(ReceiptProblem::WrongChannel { license, channel: id });
    }
    let found = receipt.receipt().signer(&channel.receipt_domain(), &receipt.signature).ok();
    let expected = channel.serving_key;
    if found == Some(expected) {
        Ok(())
    } else {
        Err(ReceiptProblem::WrongSigner { found, expected })
    }
}

#[cfg(test)]
mod tests;
