//! What a payer does when the gateway asks for another voucher than the one it got.

use oml_contracts::{Amount, RequestHash};

use super::error::{PayerError, network, refusal};
use super::pay::{PayerSession, unbelieved};
use crate::payer::{self, Expectation, PayerState};
use crate::request::MeteredRequest;
use crate::wire::{PaymentRequired, RequiredVoucher, SignedReceipt, WireError};

/// The gateway counts fewer requests than this payer has receipts for.
const SET_BACK: &str = "it counts fewer requests than it has signed receipts for, so its ledger was \
                        set back; thaw this channel and open another, and keep the receipts";

impl PayerSession {
    /// Judges an answer 402; returns the tokens to reserve in the next attempt.
    pub(super) async fn renegotiate(
        &mut self,
        response: reqwest::Response,
        request: &MeteredRequest,
        hash: RequestHash,
    ) -> Result<u64, PayerError> {
        let bytes = response.bytes().await.map_err(|cause| network(&self.gateway, cause))?;
        let required: PaymentRequired = serde_json::from_slice(&bytes).map_err(|cause| {
            PayerError::Refused { status: 402, code: None, message: cause.to_string() }
        })?;
        let refuse = |why| {
            let required = Box::new(required.clone());
            Err(PayerError::PaymentRequired { required, why })
        };
        if required.price != self.channel.price || required.license_id != self.channel.license_id {
            return refuse("its license or price is not the channel's");
        }
        let correctable = ["wrong_sequence", "tokens_too_low", "amount_too_low"]
            .contains(&required.error.as_str());
        let Some(wanted) = required.required.filter(|_| correctable) else {
            return refuse("no other voucher on this channel would do");
        };
        if wanted.request_hash != hash {
            return refuse("it computes another request hash for this request");
        }
        if wanted.cumulative_requests <= self.state.requests {
            return refuse(SET_BACK);
        }
        if wanted.cumulative_requests > self.state.requests.saturating_add(1) {
            self.recover(&wanted).await?;
            if self.plain {
                // Asked again, the same question would have a second receipt, which no series has a
                // place for.
                return Err(PayerError::AnswerLost { request: self.state.requests });
            }
        }
        let most = payer::most_tokens(request.prompt.len()).saturating_add(request.max_tokens);
        let asked = wanted.prompt_tokens.saturating_add(wanted.max_tokens);
        if asked > most {
            return refuse("it counts more tokens than the prompt has bytes");
        }
        if self.resumed {
            // Promises before the log was lost; the budget still bounds what is signed.
            self.state.promised_tokens = self.state.promised_tokens.max(wanted.cumulative_tokens);
            let before = Amount::new(wanted.cumulative_amount.get().saturating_sub(1));
            self.state.promised_amount = self.state.promised_amount.max(before);
        }
        Ok(asked)
    }

    /// The gateway served a request whose receipt did not arrive: fetches it.
    async fn recover(&mut self, wanted: &RequiredVoucher) -> Result<(), PayerError> {
        let missing = || PayerError::Refused {
            status: 402,
            code: None,
            message: format!(
                "it counts {} requests, the payer's receipts {}, and it shows no receipt for the rest",
                wanted.cumulative_requests.saturating_sub(1),
                self.state.requests
            ),
        };
        let (Some(receipt), Some(voucher)) = (self.newest_receipt().await?, self.sent.clone())
        else {
            return Err(missing());
        };
        self.keep(&receipt, None).await?;
        self.learn_key_of(&receipt).await;
        let expected = Expectation {
            channel: &self.channel,
            state: &self.state,
            voucher: &voucher,
            prompt_bytes: 0,
            answer: None,
            now: self.chain_time(),
        };
        payer::judge(&receipt, &expected).map_err(|problem| unbelieved(&receipt, problem))?;
        self.state = PayerState::after(&receipt, &voucher);
        Ok(())
    }

    /// The newest receipt that the gateway has signed on this channel; unchecked.
    ///
    /// # Errors
    /// [`PayerError`].
    pub async fn newest_receipt(&self) -> Result<Option<SignedReceipt>, PayerError> {
        let url = format!("{}/v1/oml/channels/{}/receipt", self.gateway, self.channel.id());
        let response =
            self.http.get(url).send().await.map_err(|cause| network(&self.gateway, cause))?;
        match response.status().as_u16() {
            200 => {
                let bytes = response.bytes().await.map_err(|c| network(&self.gateway, c))?;
                let parsed = serde_json::from_slice(&bytes);
                parsed.map(Some).map_err(|error| WireError::Json(error).into())
            }
            404 => Ok(None),
            _ => Err(refusal(response).await),
        }
    }
}
