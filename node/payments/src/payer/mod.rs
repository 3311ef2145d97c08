//! The payer's side as pure functions: the next voucher, and whether a receipt is to be believed.

use oml_contracts::Signable as _;
use oml_contracts::hash::response_hash;
use oml_contracts::{
    Amount, ChannelId, EthAddress, LicenseId, ReceiptNumber, RequestHash, ServingKey, Voucher,
};
use serde::{Deserialize, Serialize};

use crate::channel::PayerChannel;
use crate::wire::{SignedReceipt, SignedVoucher};

/// Tokens by which a count may pass the bytes of a text: control tokens of a chat template.
const CONTROL_TOKENS: u64 = 64;
/// Seconds by which a receipt may be dated before or after the chain's time.
const CLOCK_SKEW_SECS: u64 = 300;

/// What the payer knows about its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayerState {
    /// Number of the newest receipt; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<ReceiptNumber>,
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
            newest: Some(receipt.number()),
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
    /// Not signed by the serving key of the epoch that it names.
    #[error(
        "it is signed by {}, not by {expected}, the license's serving key of epoch {epoch}",
        found.map_or_else(|| "nobody".to_owned(), |key| key.to_string())
    )]
    WrongSigner {
        /// Recovered account, if any.
        found: Option<EthAddress>,
        /// Epoch that the receipt names.
        epoch: u32,
        /// The serving key of that epoch.
        expected: EthAddress,
    },
    /// It names an epoch for which the license has no key.
    #[error(
        "it names serving key epoch {epoch}, and the chain has keys of {known} epochs; if the host \
         rotated its key just now, the next request finds out"
    )]
    UnknownEpoch {
        /// Epoch that the receipt names.
        epoch: u32,
        /// How many epochs are known.
        known: usize,
    },
    /// It is dated outside of the time of its key.
    #[error(
        "it is dated {served_at}, and its serving key of epoch {epoch} is good from {from} until {}",
        until.map_or_else(|| "now".to_owned(), |until| until.to_string())
    )]
    OutsideKey {
        /// Epoch that the receipt names.
        epoch: u32,
        /// Date on the receipt, Unix seconds.
        served_at: u64,
        /// When the key was named, Unix seconds.
        from: u64,
        /// When the key ended, Unix seconds.
        until: Option<u64>,
    },
    /// Its number is not above that of the receipt before.
    #[error("its number {found} does not follow {before}, that of the receipt before")]
    NumberFell {
        /// On this receipt.
        found: ReceiptNumber,
        /// On the one before.
        before: ReceiptNumber,
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
    #[error("it counts {found} requests, expected {expected}")]
    WrongCount {
        /// Requests on the receipt.
        found: u64,
        /// What it had to be.
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
    /// Dated well before the request, which puts it out of a report that was made before.
    #[error("it is dated {served_at}, well before it was asked for ({now})")]
    Past {
        /// Date on the receipt, Unix seconds.
        served_at: u64,
        /// Chain time before the request, Unix seconds.
        now: u64,
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
    let key = signed_for(receipt, channel)?;
    let (epoch, served_at) = (receipt.key_epoch, receipt.served_at);
    if !key.covers(served_at) {
        let (from, until) = (key.from, key.until);
        return Err(ReceiptProblem::OutsideKey { epoch, served_at, from, until });
    }
    if let Some(before) = state.newest.filter(|before| receipt.number() <= *before) {
        return Err(ReceiptProblem::NumberFell { found: receipt.number(), before });
    }
    if receipt.request_hash != voucher.request_hash {
        return Err(ReceiptProblem::WrongRequest(receipt.request_hash));
    }
    if expected.answer.is_some_and(|text| response_hash(text) != receipt.response_hash) {
        return Err(ReceiptProblem::WrongResponse);
    }
    let number = voucher.cumulative_requests;
    if receipt.cumulative_requests != number {
        let found = receipt.cumulative_requests;
        return Err(ReceiptProblem::WrongCount { found, expected: number });
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
    judge_date(served_at, expected)
}

/// A receipt that is fetched again may be an old one; only one that comes with its answer is new.
fn judge_date(served_at: u64, expected: &Expectation<'_>) -> Result<(), ReceiptProblem> {
    let Some(now) = expected.now else { return Ok(()) };
    if served_at > now.saturating_add(CLOCK_SKEW_SECS) {
        return Err(ReceiptProblem::Future { served_at, now });
    }
    if expected.answer.is_some() && served_at.saturating_add(CLOCK_SKEW_SECS) < now {
        return Err(ReceiptProblem::Past { served_at, now });
    }
    Ok(())
}

/// Whether a receipt is a statement about this channel at all, by the license's serving key of the
/// epoch that it names, which is returned.
///
/// # Errors
/// [`ReceiptProblem::WrongChannel`], [`ReceiptProblem::UnknownEpoch`],
/// [`ReceiptProblem::WrongSigner`].
pub(crate) fn signed_for<'c>(
    receipt: &SignedReceipt,
    channel: &'c PayerChannel,
) -> Result<&'c ServingKey, ReceiptProblem> {
    if receipt.license_id != channel.license_id || receipt.channel_id != channel.id() {
        let (license, id) = (receipt.license_id, receipt.channel_id);
        return Err(ReceiptProblem::WrongChannel { license, channel: id });
    }
    let epoch = receipt.key_epoch;
    let known = channel.serving_keys.iter().len();
    let key =
        channel.serving_keys.of(epoch).ok_or(ReceiptProblem::UnknownEpoch { epoch, known })?;
    let found = receipt.receipt().signer(&channel.receipt_domain(), &receipt.signature).ok();
    if found == Some(key.signer) {
        Ok(key)
    } else {
        Err(ReceiptProblem::WrongSigner { found, epoch, expected: key.signer })
    }
}

#[cfg(test)]
mod tests;
