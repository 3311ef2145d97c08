//! One request after the other: budget, journal, voucher, answer, receipt.

use super::budget::SpendingLimits;
use super::journal::{SpendingJournal, SpentOutcome, SpentRequest};
use super::refusal::EndpointRefusal;
use crate::clock::unix_now;
use crate::money::Currency;
use bytes::Bytes;
use oml_contracts::Amount;
use oml_payments::{
    AnswerPart, Completion, MeteredRequest, PayerError, PayerSession, ServedPath, TokenLimits,
};
use tokio::sync::mpsc::UnboundedSender;

/// A request as a client sent it.
#[derive(Clone, Debug)]
pub(super) struct PaidOrder {
    pub(super) path: ServedPath,
    pub(super) model: String,
    pub(super) body: Bytes,
}

/// What the client gets, bit by bit.
#[derive(Debug)]
pub(super) enum ReplyPart {
    /// The content type, before the first bytes.
    Kind(String),
    /// Bytes of the body.
    Bytes(Bytes),
    /// It is over, and paid for.
    Whole,
    /// It went wrong; what came before is not the whole.
    Refused(Box<EndpointRefusal>),
}

/// A channel with all that bounds and keeps what is paid on it.
#[derive(Debug)]
pub(super) struct Paying {
    pub(super) session: PayerSession,
    pub(super) journal: SpendingJournal,
    pub(super) limits: SpendingLimits,
    pub(super) currency: Currency,
    /// The most to promise on the channel in all.
    pub(super) ceiling: Amount,
    /// Why the host is not believed any more.
    pub(super) distrusted: Option<String>,
}

impl PaidOrder {
    /// Reads a body as far as its payment depends on it.
    pub(super) fn read(path: ServedPath, body: Bytes) -> Result<Self, EndpointRefusal> {
        let limits = TokenLimits { default_max_tokens: 256, max_tokens_cap: u64::MAX };
        let request = MeteredRequest::parse(path, &body, &limits)?;
        let model = request.body().get("model").and_then(|name| name.as_str());
        Ok(Self { path, model: model.unwrap_or_default().to_owned(), body })
    }
}

impl Paying {
    /// Answers a request and pays for it. It runs to its end even if the client is gone, since what
    /// was promised then still gets its receipt.
    pub(super) async fn answer(&mut self, order: &PaidOrder, reply: &UnboundedSender<ReplyPart>) {
        let last = match self.pay(order, reply).await {
            Ok(()) => ReplyPart::Whole,
            Err(refusal) => {
                if refusal.is_distrust() {
                    self.distrusted = Some(refusal.to_string());
                }
                ReplyPart::Refused(Box::new(refusal))
            }
        };
        let _ = reply.send(last);
    }

    async fn pay(
        &mut self,
        order: &PaidOrder,
        reply: &UnboundedSender<ReplyPart>,
    ) -> Result<(), EndpointRefusal> {
        if let Some(why) = &self.distrusted {
            return Err(EndpointRefusal::Distrusted(why.clone()));
        }
        let (at, before) = (unix_now(), self.session.promised());
        let in_channel = Amount::new(self.ceiling.get().saturating_sub(before.get()));
        let past = self.journal.past();
        let allowed = self.limits.allowance(past, &order.model, at, in_channel);
        let at_most = Amount::new(before.get().saturating_add(allowed.amount.get()));
        let begun = self.journal.begin(at, &order.model, before, at_most);
        begun.map_err(EndpointRefusal::Journal)?;
        self.session.limit(at_most);
        let mut pass_on = |part: AnswerPart<'_>| {
            let part = match part {
                AnswerPart::Kind(kind) => ReplyPart::Kind(kind.to_owned()),
                AnswerPart::Bytes(bytes) => ReplyPart::Bytes(Bytes::copy_from_slice(bytes)),
                AnswerPart::Text(_) => return,
            };
            // Whoever has left gets nothing, and the receipt is taken all the same.
            let _ = reply.send(part);
        };
        let done = self.session.relay(order.path, &order.body, &mut pass_on).await;
        let noted = self.journal.end(self.spent(order, at, before, &done));
        if let Err(error) = noted {
            tracing::error!(%error, "spending was not noted; it counts until the endpoint stops");
        }
        match done {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(EndpointRefusal::of_payer(error, before, allowed.limit, &self.currency))
            }
        }
    }

    /// What a request came to. A voucher that was signed counts even if it was not answered: the
    /// host can claim it.
    fn spent(
        &self,
        order: &PaidOrder,
        at: u64,
        before: Amount,
        done: &Result<Completion, PayerError>,
    ) -> SpentRequest {
        let promised = self.session.promised();
        let (request, tokens, outcome) = match done {
            Ok(done) => (Some(done.receipt.cumulative_requests), done.tokens, SpentOutcome::Paid),
            Err(PayerError::Cut { tokens, .. }) => {
                (Some(self.session.state().requests), *tokens, SpentOutcome::Cut)
            }
            Err(_) => (None, 0, SpentOutcome::Failed),
        };
        let amount = Amount::new(promised.get().saturating_sub(before.get()));
        SpentRequest { at, model: order.model.clone(), amount, promised, request, tokens, outcome }
    }
}
