//! Serves one paid request, from the upstream's first byte to the stored receipt.
//!
//! Runs as a task of its own: when the client leaves, the upstream is still read to its end,
//! metered and put on a receipt, so leaving early saves nobody anything.

use std::sync::Arc;

use bytes::Bytes;
use oml_contracts::Signable as _;
use oml_contracts::hash::response_hash;
use oml_contracts::{Receipt, ReceiptNumber};
use oml_payments::sse::{self, Event, Splitter};
use oml_payments::{MeteredRequest, RECEIPT_EVENT, SignedReceipt, SignedVoucher};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::admission::Admitted;
use super::answers::{Failure, UpstreamFailure};
use super::channels::Slot;
use super::meter::{Meter, Metered, Usage};
use super::shared::GatewayState;
use super::upstream::{body, within};
use crate::ledger::ChannelLedger;
use crate::signing::EpochSigner;

/// Events that may wait for a slow client before the upstream waits too.
const STREAM_BUFFER: usize = 64;

/// Name of an event with which some upstreams end a stream that failed.
const ERROR_EVENT: &str = "error";
/// Longest part of an upstream's error that a client sees, in characters.
const MAX_ERROR_CHARS: usize = 200;

/// What the client gets.
#[derive(Debug)]
pub(super) enum ClientAnswer {
    /// A whole body and its receipt.
    Whole(Bytes, Box<SignedReceipt>),
    /// Events; the last one is the receipt.
    Stream(mpsc::Receiver<Bytes>),
    /// Nothing, and nothing is charged.
    Failed(Failure),
}

/// One admitted request. Holds the channel's lock and the slot among running requests until its
/// receipt is stored.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) shared: Arc<GatewayState>,
    pub(super) request: MeteredRequest,
    pub(super) voucher: SignedVoucher,
    pub(super) accepted: Admitted,
    pub(super) prompt_tokens: u64,
    pub(super) served_at: u64,
    /// Signs with the key of the time of admission, whatever has been named since.
    pub(super) signer: Arc<EpochSigner>,
    pub(super) number: ReceiptNumber,
    pub(super) slot: OwnedMutexGuard<Slot>,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Part of an answer or chunk that the gateway reads.
#[derive(Debug, Deserialize)]
struct UsageOnly {
    #[serde(default)]
    usage: Option<Usage>,
}

impl Job {
    /// Serves the request and tells `reply` how; goes on if nobody listens any more.
    pub(super) async fn run(mut self, reply: oneshot::Sender<ClientAnswer>) {
        let deadline = self.shared.upstream.deadline();
        let response = match self.shared.upstream.send(&self.request, deadline).await {
            Ok(response) => response,
            Err(failure) => return refuse(reply, failure.into()),
        };
        let mut meter = Meter::new(Arc::clone(&self.shared.counter), self.prompt_tokens);
        if self.request.stream && is_event_stream(&response) {
            let (events, receiver) = mpsc::channel(STREAM_BUFFER);
            // Without a listener the events go nowhere, but are metered.
            let _ = reply.send(ClientAnswer::Stream(receiver));
            let mut client = Client { events: Some(events), deadline };
            let end = self.stream(response, &mut meter, &mut client).await;
            return self.close_stream(end, &meter, &mut client).await;
        }
        let answer = match self.whole(response, &mut meter, deadline).await {
            Ok((bytes, receipt)) => ClientAnswer::Whole(bytes, Box::new(receipt)),
            Err(failure) => return refuse(reply, failure),
        };
        if reply.send(answer).is_err() {
            metrics::counter!("oml_gateway_client_gone_total").increment(1);
        }
    }

    async fn whole(
        &mut self,
        response: reqwest::Response,
        meter: &mut Meter,
        deadline: Instant,
    ) -> Result<(Bytes, SignedReceipt), Failure> {
        let bytes = body(response, deadline).await?;
        let unusable = |cause: &str| UpstreamFailure::Unusable(cause.into());
        let value: Value = serde_json::from_slice(sse::without_mark(&bytes))
            .map_err(|_| unusable("it is not JSON"))?;
        if let Some(said) = error_words(&value) {
            return Err(unusable(&said).into());
        }
        if value.get("choices").and_then(|c| c.get(0)).is_none() {
            return Err(unusable("it has no choices").into());
        }
        meter.text(&self.request.path.answer(&value).unwrap_or_default());
        if let Ok(UsageOnly { usage: Some(usage) }) = serde_json::from_value(value) {
            meter.usage(usage);
        }
        let receipt = self.settle(meter).await?;
        Ok((bytes, receipt))
    }

    /// Passes events on until the upstream ends.
    async fn stream(
        &self,
        mut response: reqwest::Response,
        meter: &mut Meter,
        client: &mut Client,
    ) -> Result<(), UpstreamFailure> {
        let mut splitter = Splitter::default();
        let mut done = false;
        while let Some(chunk) = within(client.deadline, response.chunk()).await? {
            let events = splitter.push(&chunk).map_err(|e| UpstreamFailure::Unusable(e.into()))?;
            for bytes in events {
                let event = Event::parse(&bytes);
                done |= event.is_done();
                if self.note(&event, meter)? {
                    client.send(bytes).await;
                }
            }
        }
        if done { Ok(()) } else { Err(UpstreamFailure::Unusable("the stream was cut".into())) }
    }

    /// Meters an event; returns whether the client gets it.
    fn note(&self, event: &Event, meter: &mut Meter) -> Result<bool, UpstreamFailure> {
        let failed = |said: String| Err(UpstreamFailure::Unusable(said.into()));
        let Ok(value) = serde_json::from_str::<Value>(&event.data) else {
            if event.name == ERROR_EVENT {
                return failed(shown(&event.data));
            }
            return Ok(true);
        };
        if let Some(said) = error_words(&value) {
            return failed(said);
        }
        if event.name == ERROR_EVENT {
            return failed(shown(&event.data));
        }
        if let Some(text) = self.request.path.answer(&value) {
            meter.text(&text);
        }
        let no_choice = value.get("choices").and_then(Value::as_array).is_none_or(Vec::is_empty);
        if let Ok(UsageOnly { usage: Some(usage) }) = serde_json::from_value(value) {
            meter.usage(usage);
            return Ok(self.request.wants_usage || !no_choice);
        }
        Ok(true)
    }

    /// Ends a stream: error if there was one, receipt if anything was served.
    async fn close_stream(
        mut self,
        end: Result<(), UpstreamFailure>,
        meter: &Meter,
        client: &mut Client,
    ) {
        let failed = end.is_err();
        if let Err(failure) = end {
            tracing::warn!(channel = %self.voucher.channel_id, %failure, "upstream stream failed");
            client.fail(&failure.into()).await;
        }
        if failed && !meter.served_anything() {
            return;
        }
        match self.settle(meter).await {
            Ok(receipt) => {
                client.send(sse::write(Some(RECEIPT_EVENT), &oml_payments::encode(&receipt))).await;
            }
            Err(failure) => client.fail(&failure).await,
        }
        if client.events.is_none() {
            metrics::counter!("oml_gateway_client_gone_total").increment(1);
        }
    }

    /// Signs and stores the receipt. Its number is reserved on disk before, and it leaves this host
    /// only after it is stored: a crash leads neither to two receipts with one number nor to one
    /// that the host does not know of.
    async fn settle(&mut self, meter: &Meter) -> Result<SignedReceipt, Failure> {
        let metered = meter.finish(self.accepted.headroom);
        observe(&metered);
        let receipt = Receipt {
            license_id: self.shared.license_id,
            key_epoch: self.number.key_epoch,
            channel_id: self.voucher.channel_id,
            seq: self.number.seq,
            cumulative_requests: self.accepted.request,
            cumulative_tokens: self.accepted.tokens_before.saturating_add(metered.billed),
            served_at: self.served_at,
            request_hash: self.voucher.request_hash,
            response_hash: response_hash(meter.answer()),
        };
        let stored = self.sign_and_store(&receipt).await;
        match stored {
            Ok(signed) => {
                *self.slot = Some(ChannelLedger::after(&signed, &self.voucher));
                Ok(signed)
            }
            Err(failure) => {
                tracing::error!(channel = %receipt.channel_id, seq = receipt.seq, %failure, "receipt not stored");
                // What is in the store is unknown now; the next request reads it again.
                *self.slot = None;
                Err(failure)
            }
        }
    }

    async fn sign_and_store(&self, receipt: &Receipt) -> Result<SignedReceipt, Failure> {
        let signature = receipt.sign(&self.shared.receipts, self.signer.key())?;
        let signed = SignedReceipt::new(receipt, signature);
        self.shared.writer.put_receipt(&signed).await?;
        Ok(signed)
    }
}

/// The client's end of a stream, which may be gone.
#[derive(Debug)]
struct Client {
    events: Option<mpsc::Sender<Bytes>>,
    deadline: Instant,
}

impl Client {
    async fn send(&mut self, bytes: Bytes) {
        let Some(events) = &self.events else { return };
        let sent = tokio::time::timeout_at(self.deadline, events.send(bytes)).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.events = None;
        }
    }

    async fn fail(&mut self, failure: &Failure) {
        self.send(sse::write(None, &failure.body().to_string())).await;
    }
}

/// The upstream's words in an error object, or an error that is a text.
fn error_words(value: &Value) -> Option<String> {
    let error = value.get("error").filter(|error| !error.is_null())?;
    let words = error.get("message").unwrap_or(error);
    Some(words.as_str().map_or_else(|| shown(&words.to_string()), shown))
}

/// The beginning of the upstream's words, without control characters.
fn shown(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(MAX_ERROR_CHARS).collect()
}

fn is_event_stream(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
    kind.and_then(|v| v.to_str().ok()).is_some_and(|v| v.starts_with("text/event-stream"))
}

fn refuse(reply: oneshot::Sender<ClientAnswer>, failure: Failure) {
    tracing::warn!(%failure, "request not served");
    // A client that is gone needs no error.
    let _ = reply.send(ClientAnswer::Failed(failure));
}

fn observe(metered: &Metered) {
    metrics::counter!("oml_gateway_tokens_total", "meter" => "billed").increment(metered.billed);
    metrics::counter!("oml_gateway_tokens_total", "meter" => "own").increment(metered.own.total());
    if let Some(usage) = metered.upstream {
        metrics::counter!("oml_gateway_tokens_total", "meter" => "upstream")
            .increment(usage.total());
    }
    if metered.diverged {
        metrics::counter!("oml_gateway_meters_diverged_total").increment(1);
        tracing::warn!(?metered, "upstream's and own token count are far apart");
    }
}
