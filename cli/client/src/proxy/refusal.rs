//! Failures in the shape of OpenAI's API.

use super::budget::LimitKind;
use super::guard::Stranger;
use crate::error::ClientError;
use crate::money::Currency;
use oml_contracts::Amount;
use oml_payments::{PayerError, ReceiptProblem, RequestError};
use serde_json::json;

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum EndpointRefusal {
    #[error(transparent)]
    Stranger(#[from] Stranger),
    #[error("there is no {0} here; use /v1/chat/completions, /v1/completions or /v1/models")]
    NoRoute(String),
    #[error("the body is longer than {0} bytes, or broke off")]
    Body(usize),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("this request may cost {needed}, and {} leaves {left}; nothing was sent", .limit.words())]
    Budget { needed: String, left: String, limit: LimitKind },
    #[error(
        "nothing is paid any more: the host's receipt was wrong ({0}); start the endpoint anew \
             to go on"
    )]
    Distrusted(String),
    #[error("spending can't be noted, so nothing was sent: {0}")]
    Journal(#[source] ClientError),
    #[error("the gateway can't be asked: {0}")]
    Unreachable(#[source] reqwest::Error),
    #[error("the endpoint failed in this request; what it promised is noted")]
    Broken,
    #[error(transparent)]
    Payer(PayerError),
}

impl EndpointRefusal {
    /// A payer's failure; amounts are shown in the channel's currency.
    pub(super) fn of_payer(
        error: PayerError,
        before: Amount,
        limit: LimitKind,
        currency: &Currency,
    ) -> Self {
        match error {
            PayerError::Budget { needed, budget } => {
                let above = |amount: Amount| amount.get().saturating_sub(before.get());
                let shown = |amount| currency.units(above(amount)).to_string();
                Self::Budget { needed: shown(needed), left: shown(budget), limit }
            }
            PayerError::Request(error) => Self::Request(error),
            error => Self::Payer(error),
        }
    }

    /// Whether the host's word was wrong, so that nothing more should be paid to it. A key that was
    /// rotated just now is no lie.
    pub(super) const fn is_distrust(&self) -> bool {
        match self {
            Self::Payer(PayerError::Receipt { problem, .. }) => {
                !matches!(problem, ReceiptProblem::UnknownEpoch { .. })
            }
            Self::Payer(PayerError::BadReceipt(_)) => true,
            _ => false,
        }
    }

    /// Whether a stream has said it itself, so that it ends as it came.
    pub(super) const fn is_said_in_stream(&self) -> bool {
        matches!(self, Self::Payer(PayerError::Cut { .. }))
    }

    /// Status of HTTP, and the stable code of the reason.
    pub(super) const fn status(&self) -> (u16, &'static str) {
        match self {
            Self::Stranger(Stranger::Key) => (401, "wrong_api_key"),
            Self::Stranger(_) => (403, "not_allowed"),
            Self::NoRoute(_) => (404, "not_found"),
            Self::Body(_) => (413, "body_too_long"),
            Self::Request(_) => (400, "invalid_request"),
            Self::Budget { .. } => (402, "budget_exceeded"),
            Self::Distrusted(_) => (502, "host_distrusted"),
            Self::Journal(_) => (500, "journal_failed"),
            Self::Broken => (500, "endpoint_failed"),
            Self::Unreachable(_) | Self::Payer(PayerError::Network { .. }) => {
                (502, "gateway_unreachable")
            }
            Self::Payer(PayerError::Refused { status, .. }) if *status >= 400 => {
                (*status, "gateway_refused")
            }
            Self::Payer(PayerError::PaymentRequired { .. }) => (502, "payment_refused"),
            Self::Payer(PayerError::Cut { .. } | PayerError::AnswerLost { .. }) => {
                (502, "answer_cut")
            }
            Self::Payer(
                PayerError::Receipt { .. } | PayerError::BadReceipt(_) | PayerError::NoReceipt,
            ) => (502, "receipt_refused"),
            Self::Payer(PayerError::Unsigned { .. } | PayerError::WrongKey { .. }) => {
                (500, "not_signed")
            }
            Self::Payer(_) => (502, "not_paid"),
        }
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> String {
        let (_, code) = self.status();
        let message = self.to_string();
        json!({ "error": { "message": message, "type": "oml_error", "param": null, "code": code } })
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::EthAddress;

    #[test]
    fn a_budget_is_told_in_the_channels_currency() {
        let usdc = Currency::new(EthAddress::new([7; 20]), "USDC", 6);
        let error =
            PayerError::Budget { needed: Amount::new(3_500_000), budget: Amount::new(1_500_000) };
        let before = Amount::new(1_000_000);
        let refusal = EndpointRefusal::of_payer(error, before, LimitKind::Day, &usdc);
        assert_eq!(refusal.status(), (402, "budget_exceeded"));
        assert_eq!(
            refusal.to_string(),
            "this request may cost 2.5 USDC, and the budget of the day leaves 0.5 USDC; nothing \
             was sent"
        );
        assert!(refusal.body().contains("\"code\":\"budget_exceeded\""));
    }

    #[test]
    fn a_host_that_lies_is_told_from_one_that_rotates_its_key() {
        let receipt = |problem| {
            EndpointRefusal::Payer(PayerError::Receipt { request: 1, problem }).is_distrust()
        };
        assert!(receipt(ReceiptProblem::WrongResponse));
        assert!(!receipt(ReceiptProblem::UnknownEpoch { epoch: 1, known: 1 }));
        assert!(!EndpointRefusal::Payer(PayerError::NoReceipt).is_distrust());
    }
}
