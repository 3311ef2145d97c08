//! What can go wrong between a payer and a gateway.

use oml_contracts::{Amount, EthAddress};
use serde_json::Value;

use crate::log::LogError;
use crate::payer::ReceiptProblem;
use crate::request::RequestError;
use crate::wire::{PaymentRequired, WireError};

/// Why an answer was not had, or not believed.
#[derive(Debug, thiserror::Error)]
pub enum PayerError {
    /// The key is not the channel's signer.
    #[error("the key belongs to {found}, but vouchers of this channel are signed by {expected}")]
    WrongKey {
        /// Account of the key.
        found: EthAddress,
        /// Signer of the channel.
        expected: EthAddress,
    },
    /// The request can't be paid for.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The gateway can't be reached or broke off.
    #[error("gateway {url}: {source}")]
    Network {
        /// URL of the gateway.
        url: String,
        /// What the connection, or the reader of its answer, says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The gateway refuses; nothing was charged.
    #[error("the gateway answered {status}: {message}")]
    Refused {
        /// Status of the HTTP answer.
        status: u16,
        /// The gateway's stable code for the reason, if it gives one.
        code: Option<String>,
        /// What the gateway says.
        message: String,
    },
    /// The gateway wants another payment, and the payer can't or won't make it.
    #[error("the gateway asks for another payment ({}: {}); {why}", .required.error, .required.message)]
    PaymentRequired {
        /// What it asks for.
        required: Box<PaymentRequired>,
        /// Why it is not paid.
        why: &'static str,
    },
    /// The next voucher would pass the budget.
    #[error("a voucher of {needed} would pass the budget of {budget}; raise it or deposit more")]
    Budget {
        /// Amount of the voucher.
        needed: Amount,
        /// Most that the session may promise.
        budget: Amount,
    },
    /// The answer broke off. What came was paid for, and its receipt is kept.
    #[error("the answer was cut after {tokens} paid tokens: {said}")]
    Cut {
        /// Tokens of the request that the receipt counts.
        tokens: u64,
        /// Why, in the words of the gateway or of the server behind it.
        said: String,
    },
    /// The answer came without a receipt.
    #[error("the answer came without a receipt; what was served may be charged")]
    NoReceipt,
    /// The host signed an earlier answer, whose text did not come.
    #[error("request {request} was served, but its answer did not come; its receipt is kept")]
    AnswerLost {
        /// Its number on the channel.
        request: u64,
    },
    /// The receipt is unreadable.
    #[error("the receipt is unreadable: {0}")]
    BadReceipt(#[from] WireError),
    /// The receipt is not to be believed; it is kept as evidence.
    #[error("the receipt of request {request} is wrong: {problem}")]
    Receipt {
        /// Requests on the receipt.
        request: u64,
        /// What is wrong.
        problem: ReceiptProblem,
    },
    /// The evidence log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The payer's key did not sign.
    #[error("the voucher was not signed: {source}")]
    Unsigned {
        /// What its signer says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Whoever asks has a say in the answer.
    #[error(
        "the request is not plain: temperature must be 0, and nothing in it but its prompt and its length"
    )]
    NotPlain,
}

/// A gateway that can't be reached, broke off or sent what nobody can read.
pub(super) fn network(
    url: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> PayerError {
    PayerError::Network { url: url.to_owned(), source: source.into() }
}

/// The gateway's refusal, in its own words where it has any.
pub(super) async fn refusal(response: reqwest::Response) -> PayerError {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap_or_default();
    let said: Option<Value> = serde_json::from_slice(&bytes).ok();
    let code = said.as_ref().and_then(|v| v.pointer("/error/code")?.as_str().map(str::to_owned));
    let message = said
        .and_then(|v| error_message(&v))
        .unwrap_or_else(|| String::from_utf8_lossy(&bytes).chars().take(200).collect());
    PayerError::Refused { status, code, message }
}

/// Words of an OpenAI error object.
pub(super) fn error_message(value: &Value) -> Option<String> {
    let error = value.get("error").filter(|e| !e.is_null())?;
    let message = error.get("message").unwrap_or(error);
    Some(message.as_str().map_or_else(|| message.to_string(), ToOwned::to_owned))
}
