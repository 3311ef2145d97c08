//! The way of a request to one endpoint: kept to its rate, watched, and counted.

use super::health::Health;
use super::rate::Rate;
use crate::chain::endpoint::EndpointFailure;
use crate::config::EndpointUrl;
use alloy::providers::WsConnect;
use alloy::pubsub::{PubSubConnect, PubSubFrontend};
use alloy::transports::http::{Client, Http};
use alloy::transports::{RpcError, TransportError, TransportErrorKind, TransportFut};
use alloy_json_rpc::{RequestPacket, Response, ResponsePacket, ResponsePayload};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower::Service;

/// Longest time for one request: a little less than whoever asks waits, so that it is this
/// endpoint's failure and no nameless one.
const PATIENCE: Duration = Duration::from_secs(14);
/// Words with which endpoints say in an error of JSON-RPC that they were asked too often. The code
/// -32005 alone also stands for a log query that asks for too much.
const TOO_OFTEN: [&str; 6] = [
    "rate limit",
    "too many requests",
    "requests per second",
    "request rate",
    "compute units per second",
    "throttled",
];

/// One endpoint as a transport. Clones share its health, its rate and its connection.
#[derive(Clone, Debug)]
pub(super) struct Watched(Arc<Watch>);

#[derive(Debug)]
struct Watch {
    shown: String,
    connection: Connection,
    health: Mutex<Health>,
    rate: Mutex<Rate>,
}

#[derive(Clone, Debug)]
enum Connection {
    Http(Http<Client>),
    WebSocket(WsConnect, Arc<tokio::sync::Mutex<Option<PubSubFrontend>>>),
}

impl Watched {
    /// Opens no connection yet.
    pub(super) fn new(url: &EndpointUrl) -> Self {
        let connection = if url.is_websocket() {
            // A connection that breaks is opened again by the next request.
            let connect = WsConnect::new(url.secret().as_str()).with_max_retries(0);
            Connection::WebSocket(connect, Arc::default())
        } else {
            Connection::Http(Http::new(url.secret().clone()))
        };
        let (health, rate) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Watch { shown: url.to_string(), connection, health, rate }))
    }

    pub(super) fn shown(&self) -> &str {
        &self.0.shown
    }

    pub(super) fn health(&self) -> MutexGuard<'_, Health> {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn rate(&self) -> MutexGuard<'_, Rate> {
        self.0.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request in its turn. What the endpoint does instead of answering comes back as an
    /// [`EndpointFailure`], which shows no URL.
    pub(super) async fn send(
        self,
        request: RequestPacket,
    ) -> Result<ResponsePacket, TransportError> {
        let requests = u32::try_from(request.len()).unwrap_or(u32::MAX);
        let is_batch = request.as_batch().is_some();
        let wait = self.rate().reserve(requests, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let sent = tokio::time::timeout(PATIENCE, self.0.connection.send(request)).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(_) => {
                self.0.connection.close().await;
                Err(failure(EndpointFailure::Slow { seconds: PATIENCE.as_secs() }))
            }
        };
        match self.judge(answer, requests)? {
            // One error for a whole batch: it takes none, or none as large.
            ResponsePacket::Single(Response {
                payload: ResponsePayload::Failure(error), ..
            }) if is_batch => Err(RpcError::ErrorResp(error)),
            packet => Ok(packet),
        }
    }

    /// Notes that an answer did not come in the time that there was.
    pub(super) fn slow(&self, waited: Duration) {
        let failure = EndpointFailure::Slow { seconds: waited.as_secs() };
        self.failed(&failure);
    }

    fn judge(
        &self,
        answer: Result<ResponsePacket, TransportError>,
        requests: u32,
    ) -> Result<ResponsePacket, TransportError> {
        match answer {
            Ok(packet) if asked_too_often(&packet) => {
                let said = packet.first_error_message().unwrap_or_default().to_owned();
                self.too_often(None, &said);
                Ok(packet)
            }
            Ok(packet) => {
                self.count("answered");
                self.rate().answered(requests, Instant::now());
                if self.health().answered() {
                    tracing::info!(endpoint = self.shown(), "the endpoint answers again");
                }
                Ok(packet)
            }
            Err(error @ (RpcError::Transport(_) | RpcError::DeserError { .. })) => {
                let retry_after =
                    error.as_transport_err().and_then(TransportErrorKind::retry_after);
                let seen = EndpointFailure::from(error);
                match &seen {
                    EndpointFailure::TooManyRequests { said } => self.too_often(retry_after, said),
                    refused if refused.is_refusal() => self.count("refused"),
                    other => self.failed(other),
                }
                Err(failure(seen))
            }
            Err(other) => Err(other),
        }
    }

    fn too_often(&self, retry_after: Option<Duration>, said: &str) {
        self.count("limited");
        let mut rate = self.rate();
        rate.refused(retry_after, Instant::now());
        let per_second = rate.per_second();
        drop(rate);
        let endpoint = self.shown();
        tracing::warn!(
            endpoint,
            said,
            per_second,
            "the endpoint was asked too often; slowing down"
        );
    }

    fn failed(&self, failure: &EndpointFailure) {
        self.count("failed");
        let said = failure.to_string();
        let rest = self.health().failed(said.clone(), Instant::now());
        tracing::warn!(
            endpoint = self.shown(),
            said,
            rests_s = rest.as_secs(),
            "the endpoint gave no answer"
        );
    }

    fn count(&self, outcome: &'static str) {
        let endpoint = self.shown().to_owned();
        metrics::counter!(
            "oml_endpoint_requests_total", "endpoint" => endpoint, "outcome" => outcome
        )
        .increment(1);
    }
}

impl Connection {
    async fn send(&self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        match self {
            Self::Http(http) => http.clone().call(request).await,
            Self::WebSocket(connect, open) => {
                let mut open = open.lock().await;
                let frontend = match &*open {
                    Some(frontend) => frontend.clone(),
                    None => open.insert(connect.clone().into_service().await?).clone(),
                };
                drop(open);
                let answer = frontend.send_packet(request).await;
                if matches!(&answer, Err(RpcError::Transport(TransportErrorKind::BackendGone))) {
                    self.close().await;
                }
                answer
            }
        }
    }

    async fn close(&self) {
        if let Self::WebSocket(_, open) = self {
            *open.lock().await = None;
        }
    }
}

impl Service<RequestPacket> for Watched {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

fn failure(failure: EndpointFailure) -> TransportError {
    TransportErrorKind::custom(failure)
}

/// Whether an answer is an error that says that the endpoint was asked too often.
pub(super) fn asked_too_often(packet: &ResponsePacket) -> bool {
    packet.iter_errors().any(|error| {
        let said = error.message.to_lowercase();
        error.code == 429 || TOO_OFTEN.iter().any(|words| said.contains(words))
    })
}
