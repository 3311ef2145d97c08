//! Answers that are not the upstream's: payment required, refusals, failures.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oml_contracts::eip712::SignatureError;
use oml_payments::{PaymentRequired, RequestError, WireError};
use serde_json::json;

use super::admission::Refusal;
use crate::chain::ChainError;
use crate::ledger::LedgerError;
use crate::signing::NoSigner;

/// Why a request got no answer of the model. Nothing of this is charged.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{}", .0.message)]
    PaymentRequired(Box<PaymentRequired>),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    BadRequest(#[from] RequestError),
    #[error("header X-OML-Voucher: {0}")]
    BadVoucher(#[from] WireError),
    #[error(
        "another request on this channel is running; wait for its answer or use another channel"
    )]
    ChannelBusy,
    #[error("too many requests are running; retry later")]
    Overloaded,
    #[error("the chain cannot be read: {0}")]
    Chain(#[from] ChainError),
    #[error("the payment ledger failed: {0}")]
    Ledger(#[from] LedgerError),
    #[error("the receipt can't be signed: {0}")]
    Signing(#[from] SignatureError),
    #[error("no receipt can be signed: {0}")]
    NoSigner(#[from] Arc<NoSigner>),
    #[error("{0}")]
    Upstream(#[from] UpstreamFailure),
    #[error("the gateway stopped while it served this request")]
    Stopped,
}

/// What the upstream did instead of answering.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamFailure {
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(#[source] reqwest::Error),
    #[error("the upstream did not answer in time")]
    Timeout,
    #[error("the upstream refused the request: {message}")]
    Refused { status: u16, message: String },
    #[error("the upstream failed with status {status}")]
    Failed { status: u16 },
    #[error("the upstream's answer is unusable: {0}")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl UpstreamFailure {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            // The client's own mistakes keep their status; the host's credentials are not its
            // concern.
            Self::Refused { status: 404, .. } => StatusCode::NOT_FOUND,
            Self::Refused { status: 413, .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Refused { .. } => StatusCode::BAD_REQUEST,
            Self::Failed { status: 429 | 503 } => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "upstream_unreachable",
            Self::Timeout => "upstream_timeout",
            Self::Refused { .. } => "upstream_refused",
            Self::Failed { .. } => "upstream_failed",
            Self::Unusable(_) => "upstream_unusable",
        }
    }
}

impl Failure {
    /// Stable code for machines and metrics.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::PaymentRequired(_) => "payment_required",
            Self::Refused(refusal) => refusal.code(),
            Self::BadRequest(_) => "bad_request",
            Self::BadVoucher(_) => "bad_voucher",
            Self::ChannelBusy => "channel_busy",
            Self::Overloaded => "overloaded",
            Self::Chain(_) => "chain_unavailable",
            Self::Ledger(_) | Self::Signing(_) => "ledger_failed",
            Self::NoSigner(_) => "no_serving_key",
            Self::Upstream(failure) => failure.code(),
            Self::Stopped => "stopped",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::PaymentRequired(_) => StatusCode::PAYMENT_REQUIRED,
            Self::Refused(refusal) => {
                StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Self::BadRequest(_) | Self::BadVoucher(_) => StatusCode::BAD_REQUEST,
            Self::ChannelBusy => StatusCode::CONFLICT,
            Self::Overloaded
            | Self::Chain(_)
            | Self::Ledger(_)
            | Self::Signing(_)
            | Self::NoSigner(_)
            | Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream(failure) => failure.status(),
        }
    }

    /// OpenAI's error object.
    pub(super) fn body(&self) -> serde_json::Value {
        // Causes inside the host (paths, SQL) are its own business; they are in its log.
        let message = match self {
            Self::Ledger(_) | Self::Signing(_) => {
                "the payment ledger failed; nothing was charged".to_owned()
            }
            Self::NoSigner(_) => {
                "this host has no serving key to sign a receipt with at present; nothing was charged"
                    .to_owned()
            }
            Self::Chain(_) => "the chain can't be read; nothing was charged".to_owned(),
            other => other.to_string(),
        };
        json!({"error": {"message": message, "type": "oml_error", "code": self.code()}})
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = match &self {
            Self::PaymentRequired(required) => (status, Json(required.as_ref())).into_response(),
            other => (status, Json(other.body())).into_response(),
        };
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
