//! The endpoint over HTTP.

use super::budget::SpendingLimits;
use super::guard::{self, Caller};
use super::journal::SpendingJournal;
use super::paying::{PaidOrder, Paying, ReplyPart};
use super::refusal::EndpointRefusal;
use crate::error::{BoxError, FailureKind, HintExt as _, Result, fail};
use crate::money::Currency;
use bytes::Bytes;
use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderMap};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use oml_contracts::Amount;
use oml_payments::{PayerSession, ServedPath};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

/// Longest request, in bytes.
const MAX_BODY: usize = 4 << 20;

type Body = UnsyncBoxBody<Bytes, BoxError>;

/// How an endpoint spends.
#[derive(Clone, Debug)]
pub struct PayingOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// API key that clients must give; needed where others than this machine can reach it.
    pub key: Option<String>,
    /// Base URL of the host's gateway.
    pub gateway: String,
    /// What may be promised at most.
    pub limits: SpendingLimits,
    /// The most to promise on the channel in all: its deposit, or less.
    pub ceiling: Amount,
    /// Currency of the channel.
    pub currency: Currency,
    /// Where spending is noted.
    pub journal: PathBuf,
    /// The most that vouchers have promised on the channel, as its log says; where the log is lost,
    /// the largest amount. It bounds a request in which an endpoint was stopped.
    pub signed: Amount,
}

/// A local OpenAI endpoint that pays on one channel.
#[derive(Debug)]
pub struct PayingEndpoint {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    paying: Arc<Mutex<Paying>>,
    http: reqwest::Client,
    gateway: String,
    key: Option<String>,
    /// Requests that are paid for now, whose clients may have left.
    running: Mutex<JoinSet<()>>,
}

impl PayingEndpoint {
    /// Listens, and takes the channel for this process.
    ///
    /// # Errors
    /// The address is taken, or reachable by others without a key; another process pays on the
    /// channel; the journal is damaged.
    pub async fn open(session: PayerSession, options: PayingOptions) -> Result<Self> {
        if !options.listen.ip().is_loopback() && options.key.is_none() {
            return Err(fail(
                format!("{} can be reached by others, who could spend", options.listen),
                "listen on 127.0.0.1, or set the key that clients must give (OML_PROXY_KEY)",
                FailureKind::Failed,
            ));
        }
        let journal = SpendingJournal::open(&options.journal, options.signed)?;
        let listener = TcpListener::bind(options.listen).await.hint(
            format!("the endpoint can't listen on {}", options.listen),
            "choose another address with --listen; port 0 takes any that is free",
            FailureKind::Failed,
        )?;
        let PayingOptions { limits, ceiling, currency, gateway, key, .. } = options;
        let paying = Paying { session, journal, limits, currency, ceiling, distrusted: None };
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let http = http.hint("no HTTP client could be made", "", FailureKind::Failed)?;
        let gateway = gateway.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        let paying = Arc::new(Mutex::new(paying));
        let running = Mutex::new(JoinSet::new());
        let shared = Arc::new(Shared { paying, http, gateway, key, running });
        Ok(Self { listener, shared })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stop` is over; a request that runs then is answered and paid to its end.
    ///
    /// # Errors
    /// No more connections can be taken.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) -> Result<()> {
        let (stopping, stopped) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => {
                    let (stream, _) = accepted?;
                    let (shared, stopped) = (Arc::clone(&self.shared), stopped.clone());
                    connections.spawn(connection(stream, shared, stopped));
                }
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.listener);
        drop(stopping);
        while connections.join_next().await.is_some() {}
        // Of clients that have left, too.
        let mut running = self.shared.running.lock().await;
        while running.join_next().await.is_some() {}
        Ok(())
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.respond(request).await) }
    });
    let served =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        _ = stopped.changed() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client left");
    }
}

impl Shared {
    async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        let answered = match (request.method(), request.uri().path()) {
            (&Method::POST, "/v1/chat/completions") => self.paid(ServedPath::Chat, request).await,
            (&Method::POST, "/v1/completions") => self.paid(ServedPath::Completions, request).await,
            (&Method::GET, "/v1/models") => self.models(&request).await,
            (method, path) => Err(EndpointRefusal::NoRoute(format!("{method} {path}"))),
        };
        answered.unwrap_or_else(|refusal| refused(&refusal))
    }

    /// The gateway's list of models, which costs nothing.
    async fn models(&self, request: &Request<Incoming>) -> Result<Response<Body>, EndpointRefusal> {
        let caller = Caller { content_type: Some("application/json"), ..caller(request.headers()) };
        guard::check(&caller, self.key.as_deref())?;
        let asked = self.http.get(format!("{}/v1/models", self.gateway)).send().await;
        let answer = asked.map_err(EndpointRefusal::Unreachable)?;
        let status = answer.status().as_u16();
        let kind = answer.headers().get(header::CONTENT_TYPE);
        let kind =
            kind.and_then(|kind| kind.to_str().ok()).unwrap_or("application/json").to_owned();
        let body = answer.bytes().await.map_err(EndpointRefusal::Unreachable)?;
        Ok(response(status, &kind, whole(body)))
    }

    async fn paid(
        &self,
        path: ServedPath,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, EndpointRefusal> {
        guard::check(&caller(request.headers()), self.key.as_deref())?;
        let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|_| EndpointRefusal::Body(MAX_BODY))?.to_bytes();
        let order = PaidOrder::read(path, body)?;
        // Whoever leaves while others are served has spent nothing.
        let mut paying = Arc::clone(&self.paying).lock_owned().await;
        let (reply, parts) = mpsc::unbounded_channel();
        let mut running = self.running.lock().await;
        while running.try_join_next().is_some() {}
        running.spawn(async move { paying.answer(&order, &reply).await });
        drop(running);
        answer(parts).await
    }
}

/// Streams as soon as the answer is one; else waits for all of it, so that nothing is answered
/// whose receipt is wrong.
async fn answer(
    mut parts: UnboundedReceiver<ReplyPart>,
) -> Result<Response<Body>, EndpointRefusal> {
    let (mut kind, mut body) = (String::new(), Vec::new());
    while let Some(part) = parts.recv().await {
        match part {
            ReplyPart::Kind(said) if said.starts_with("text/event-stream") => {
                return Ok(response(200, &said, streamed(parts)));
            }
            ReplyPart::Kind(said) => kind = said,
            ReplyPart::Bytes(bytes) => body.extend_from_slice(&bytes),
            ReplyPart::Refused(refusal) => return Err(*refusal),
            ReplyPart::Whole => return Ok(response(200, &kind, whole(body.into()))),
        }
    }
    Err(EndpointRefusal::Broken)
}

/// Parts as they come. An answer that is not whole is broken off, so that no client takes it for
/// whole; where the stream says itself that it was cut, it ends as it came.
fn streamed(parts: UnboundedReceiver<ReplyPart>) -> Body {
    let frames = stream::unfold(parts, |mut parts| async move {
        let frame = match parts.recv().await {
            Some(ReplyPart::Bytes(bytes)) => Ok(Frame::data(bytes)),
            Some(ReplyPart::Kind(_)) => Ok(Frame::data(Bytes::new())),
            Some(ReplyPart::Whole) => return None,
            Some(ReplyPart::Refused(refusal)) if refusal.is_said_in_stream() => return None,
            Some(ReplyPart::Refused(refusal)) => Err(BoxError::from(refusal)),
            None => Err(BoxError::from(EndpointRefusal::Broken)),
        };
        Some((frame, parts))
    });
    StreamBody::new(frames).boxed_unsync()
}

fn caller(headers: &HeaderMap) -> Caller<'_> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Caller {
        host: text(header::HOST),
        // One that can't be read is one all the same.
        origin: headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?")),
        content_type: text(header::CONTENT_TYPE),
        authorization: text(header::AUTHORIZATION),
    }
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn response(status: u16, kind: &str, body: Body) -> Response<Body> {
    let built = Response::builder().status(status).header(header::CONTENT_TYPE, kind).body(body);
    built.unwrap_or_else(|_| Response::new(whole(Bytes::new())))
}

fn refused(refusal: &EndpointRefusal) -> Response<Body> {
    let (status, _) = refusal.status();
    let mut response = response(status, "application/json", whole(refusal.body().into()));
    // OpenAI's clients try again by themselves, and each try would be paid for.
    response.headers_mut().insert("x-should-retry", header::HeaderValue::from_static("false"));
    response
}
