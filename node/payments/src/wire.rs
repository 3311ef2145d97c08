//! What payer and host send each other: headers and the answer 402.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oml_contracts::Signable as _;
use oml_contracts::ids::{ChannelId, Digest, LicenseId, ModelId, RequestHash, ResponseHash, Salt};
use oml_contracts::{
    Amount, ChannelVoucher, Domain, EthAddress, Receipt, ReceiptNumber, ServingKeys, Signature,
    Voucher,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::price::Price;

/// Request header with the payer's voucher: base64 of the JSON of a [`SignedVoucher`].
pub const VOUCHER_HEADER: &str = "x-oml-voucher";
/// Response header with the host's receipt: base64 of the JSON of a [`SignedReceipt`].
pub const RECEIPT_HEADER: &str = "x-oml-receipt";
/// Name of the last event of a stream; its data is what [`RECEIPT_HEADER`] would be.
pub const RECEIPT_EVENT: &str = "oml-receipt";
/// Longest accepted header value, in bytes.
const MAX_HEADER: usize = 4096;

/// A header that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The value is longer than any valid one.
    #[error("the header has {0} bytes; a valid one has at most {MAX_HEADER}")]
    TooLong(usize),
    /// The value is not base64.
    #[error("the header is not base64: {0}")]
    Base64(#[source] base64::DecodeError),
    /// Not the JSON that belongs there.
    #[error("the header's JSON is wrong: {0}")]
    Json(#[source] serde_json::Error),
}

/// A voucher as it travels: what names the channel, the promise, the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedVoucher {
    /// Channel that the promise is drawn on.
    pub channel_id: ChannelId,
    /// Account whose deposit pays.
    pub payer: EthAddress,
    /// Session key that signs, zero if the payer signs itself.
    pub signer: EthAddress,
    /// Tells apart the payer's channels to one license.
    pub salt: Salt,
    /// Everything promised on this channel so far, this request included.
    pub cumulative_amount: Amount,
    /// Requests so far, this one included.
    pub cumulative_requests: u64,
    /// Tokens so far, this request's prompt and longest answer included.
    pub cumulative_tokens: u64,
    /// The request that this voucher permits.
    pub request_hash: RequestHash,
    /// Signature of the EIP-712 digest in the escrow's domain.
    pub signature: Signature,
}

impl SignedVoucher {
    /// The signed part.
    #[must_use]
    pub const fn voucher(&self) -> Voucher {
        Voucher {
            channel_id: self.channel_id,
            cumulative_amount: self.cumulative_amount,
            cumulative_requests: self.cumulative_requests,
            cumulative_tokens: self.cumulative_tokens,
            request_hash: self.request_hash,
        }
    }

    /// The voucher as the escrow takes it, in a claim or a reservation.
    #[must_use]
    pub fn for_channel(&self) -> ChannelVoucher<'_> {
        let (voucher, signature) = (self.voucher(), self.signature.as_bytes().as_slice());
        let Self { payer, signer, salt, .. } = *self;
        ChannelVoucher { payer, signer, salt, voucher, signature }
    }

    /// The account whose key must have signed.
    #[must_use]
    pub fn expected_signer(&self) -> EthAddress {
        if self.signer.is_zero() { self.payer } else { self.signer }
    }
}

/// A receipt as it travels and is kept; with the license's terms it is a level-0 proof's evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedReceipt {
    /// License under which was served.
    pub license_id: LicenseId,
    /// Epoch of the serving key that signed.
    pub key_epoch: u32,
    /// Channel that pays.
    pub channel_id: ChannelId,
    /// Number of the receipt: given once in its epoch, in increasing order, with gaps.
    pub seq: u64,
    /// Requests served on this channel so far.
    pub cumulative_requests: u64,
    /// Tokens served on this channel so far, prompts and answers.
    pub cumulative_tokens: u64,
    /// When the request was admitted, Unix seconds.
    pub served_at: u64,
    /// What was asked.
    pub request_hash: RequestHash,
    /// What was answered.
    pub response_hash: ResponseHash,
    /// Signature of the EIP-712 digest in the domain of `Proofs`, by the serving key.
    pub signature: Signature,
}

impl SignedReceipt {
    /// Joins a receipt and its signature.
    #[must_use]
    pub const fn new(receipt: &Receipt, signature: Signature) -> Self {
        Self {
            license_id: receipt.license_id,
            key_epoch: receipt.key_epoch,
            channel_id: receipt.channel_id,
            seq: receipt.seq,
            cumulative_requests: receipt.cumulative_requests,
            cumulative_tokens: receipt.cumulative_tokens,
            served_at: receipt.served_at,
            request_hash: receipt.request_hash,
            response_hash: receipt.response_hash,
            signature,
        }
    }

    /// The signed part.
    #[must_use]
    pub const fn receipt(&self) -> Receipt {
        Receipt {
            license_id: self.license_id,
            key_epoch: self.key_epoch,
            channel_id: self.channel_id,
            seq: self.seq,
            cumulative_requests: self.cumulative_requests,
            cumulative_tokens: self.cumulative_tokens,
            served_at: self.served_at,
            request_hash: self.request_hash,
            response_hash: self.response_hash,
        }
    }

    /// What makes it unique on its channel.
    #[must_use]
    pub const fn number(&self) -> ReceiptNumber {
        ReceiptNumber { key_epoch: self.key_epoch, seq: self.seq }
    }

    /// The digest that the serving key signed; names this receipt in a level-0 proof.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> Digest {
        self.receipt().digest(domain)
    }
}

/// Smallest voucher that would be accepted for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequiredVoucher {
    /// `cumulativeRequests`, exactly this.
    pub cumulative_requests: u64,
    /// `cumulativeTokens`, at least this.
    pub cumulative_tokens: u64,
    /// `cumulativeAmount`, at least this if the tokens are exactly the above.
    pub cumulative_amount: Amount,
    /// `requestHash`, exactly this.
    pub request_hash: RequestHash,
    /// Tokens that the host counts in the prompt.
    pub prompt_tokens: u64,
    /// Longest answer that is reserved for, in tokens.
    pub max_tokens: u64,
}

/// What a gateway serves and for what price; answer of `GET /v1/oml/terms`. A payer checks it
/// against the chain before it opens a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayTerms {
    /// Chain of the contracts.
    pub chain_id: u64,
    /// Contract that holds channels; domain of vouchers.
    pub escrow: EthAddress,
    /// Contract that judges receipts; their domain.
    pub proofs: EthAddress,
    /// License under which is served.
    pub license_id: LicenseId,
    /// The licensed model.
    pub model_id: ModelId,
    /// Keys that sign receipts, by epoch; the last one signs now.
    pub serving_keys: ServingKeys,
    /// What units cost.
    pub price: Price,
    /// End of the license, Unix seconds.
    pub expires_at: u64,
    /// Answer length where a request names none, in tokens.
    pub default_max_tokens: u64,
    /// Longest answer, in tokens.
    pub max_tokens_cap: u64,
}

/// Body of the answer 402.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequired {
    /// Stable code: `voucher_missing`, `amount_too_low` and so on.
    pub error: String,
    /// The same in words, with the values.
    pub message: String,
    /// What units cost.
    pub price: Price,
    /// License to open a channel to.
    pub license_id: LicenseId,
    /// Contract that holds channels; domain of vouchers.
    pub escrow: EthAddress,
    /// Chain of the escrow.
    pub chain_id: u64,
    /// The voucher that would do; absent if no voucher on this channel would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<RequiredVoucher>,
    /// Deposit of the channel, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposited: Option<Amount>,
}

/// Value of a header.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> String {
    // The types of this module have no map with non-text keys, the only way to fail.
    STANDARD.encode(serde_json::to_vec(value).unwrap_or_default())
}

/// Reads a header's value.
///
/// # Errors
/// [`WireError`].
pub fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, WireError> {
    if value.len() > MAX_HEADER {
        return Err(WireError::TooLong(value.len()));
    }
    let json = STANDARD.decode(value).map_err(WireError::Base64)?;
    serde_json::from_slice(&json).map_err(WireError::Json)
}
