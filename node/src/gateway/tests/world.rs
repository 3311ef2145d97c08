//! A gateway between a payer and an upstream that misbehaves on demand.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes as AxumBytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use k256::ecdsa::SigningKey;
use oml_contracts::{Amount, ChannelId, EthAddress, LicenseId, ModelId, Salt};
use oml_payments::{ByteEstimate, PayerChannel, PayerSession, Price};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{self, ServeLimits};
use crate::chain::{ChainError, ChannelView};
use crate::config::{GatewayConfig, PrivateKeySource};
use crate::gateway::server::{GatewayDeps, serve_on};
use crate::gateway::source::LicenseSource;
use crate::ledger::{LedgerReader, LedgerWriter, MemoryLedger, ServedLicense};
use crate::tasks::Tasks;

/// Chain time of every request.
pub(super) const NOW: u64 = 1_700_000_000;

/// What the upstream does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Works,
    /// Streams two pieces, then breaks the connection.
    Cuts,
    /// Breaks before the first piece.
    CutsAtOnce,
    Fails,
    Refuses,
    NotJson,
    NeverAnswers,
    /// One piece every 50 ms.
    Slow,
}

pub(super) struct Upstream {
    pub(super) mode: Mutex<Mode>,
    pub(super) requests: Mutex<Vec<Value>>,
    pub(super) pieces: AtomicUsize,
}

pub(super) const PIECES: [&str; 4] = ["Hel", "lo ", "wor", "ld!"];

async fn upstream(State(state): State<Arc<Upstream>>, body: AxumBytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let stream = body["stream"] == json!(true);
    let chat = body.get("messages").is_some();
    state.requests.lock().unwrap().push(body);
    let mode = *state.mode.lock().unwrap();
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9});
    match mode {
        Mode::Fails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mode::Refuses => {
            let error = json!({"error": {"message": "prompt too long"}}).to_string();
            return (StatusCode::BAD_REQUEST, error).into_response();
        }
        Mode::NotJson => return "<html>".into_response(),
        Mode::NeverAnswers => {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        _ => {}
    }
    if !stream {
        let text = PIECES.concat();
        let choice = if chat {
            json!({"index": 0, "message": {"role": "assistant", "content": text}})
        } else {
            json!({"index": 0, "text": text})
        };
        return axum::Json(json!({"choices": [choice], "usage": usage})).into_response();
    }
    let mut events: Vec<Result<String, std::io::Error>> = PIECES
        .iter()
        .map(|piece| Ok(format!("data: {}\n\n", json!({"choices": [{"text": piece}]}))))
        .collect();
    events.push(Ok(format!("data: {}\n\n", json!({"choices": [], "usage": usage}))));
    events.push(Ok("data: [DONE]\n\n".to_owned()));
    let broken = || Err(std::io::Error::other("broken"));
    match mode {
        Mode::Cuts => events.splice(2.., [broken()]).for_each(drop),
        Mode::CutsAtOnce => events = vec![Ok(": hello\n\n".to_owned()), broken()],
        _ => {}
    }
    let slow = mode == Mode::Slow;
    let events = futures::stream::unfold(
        (events.into_iter(), state),
        move |(mut events, state)| async move {
            let event = events.next()?;
            // What was sent before an error must have left the upstream's buffers.
            if slow || event.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            state.pieces.fetch_add(1, Ordering::SeqCst);
            Some((event, (events, state)))
        },
    );
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

#[derive(Debug)]
pub(super) struct Chain {
    pub(super) license: Mutex<ServedLicense>,
    pub(super) channel: Mutex<ChannelView>,
    pub(super) known: ChannelId,
}

#[async_trait]
impl LicenseSource for Chain {
    async fn license(&self) -> Result<ServedLicense, ChainError> {
        Ok(*self.license.lock().unwrap())
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelView>, ChainError> {
        Ok((id == self.known).then(|| *self.channel.lock().unwrap()))
    }

    fn now(&self) -> u64 {
        NOW
    }
}

pub(super) struct World {
    pub(super) upstream: Arc<Upstream>,
    pub(super) chain: Arc<Chain>,
    pub(super) ledger: Arc<MemoryLedger>,
    pub(super) channel: PayerChannel,
    pub(super) url: String,
    pub(super) cancel: CancellationToken,
    pub(super) tasks: Tasks,
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.tasks.cancel();
    }
}

pub(super) fn payer_key() -> SigningKey {
    SigningKey::from_slice(&[0x11; 32]).unwrap()
}

fn serving_key() -> SigningKey {
    SigningKey::from_slice(&[0x5e; 32]).unwrap()
}

async fn open_port() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

impl World {
    pub(super) async fn start() -> Self {
        let price = Price {
            currency: EthAddress::ZERO,
            per_request: Amount::new(10),
            per_thousand_tokens: Amount::new(2_000),
        };
        let channel = PayerChannel {
            chain_id: 31_337,
            escrow: EthAddress::new([0xe5; 20]),
            challenge_manager: EthAddress::new([0xc4; 20]),
            license_id: LicenseId::new([0x1c; 32]),
            model_id: ModelId::new([0x3d; 32]),
            serving_key: EthAddress::of_key(serving_key().verifying_key()),
            payer: EthAddress::of_key(payer_key().verifying_key()),
            signer: EthAddress::ZERO,
            salt: Salt::new([1; 32]),
            price,
        };
        let license = ServedLicense {
            license_id: channel.license_id,
            active: true,
            expires_at: u64::MAX,
            price,
            collateral: Amount::new(1 << 40),
            min_collateral_ratio_bps: 10_000,
        };
        let view = ChannelView {
            deposited: Amount::new(1_000_000),
            claimed: Amount::ZERO,
            thaw_end: 0,
            is_open: true,
        };
        let state = Arc::new(Upstream {
            mode: Mutex::new(Mode::Works),
            requests: Mutex::default(),
            pieces: AtomicUsize::new(0),
        });
        let tasks = Tasks::new();
        let cancel = CancellationToken::new();
        let router = Router::new()
            .route("/v1/completions", post(upstream))
            .route("/v1/chat/completions", post(upstream))
            .with_state(Arc::clone(&state));
        let (listener, upstream_at) = open_port().await;
        let limits = ServeLimits { grace: Duration::ZERO, ..ServeLimits::default() };
        tasks.spawn_detached(
            "upstream",
            api::serve(listener, router, limits, Tasks::under(&cancel)),
        );
        let world = Self {
            upstream: state,
            chain: Arc::new(Chain {
                license: Mutex::new(license),
                channel: Mutex::new(view),
                known: channel.id(),
            }),
            ledger: Arc::default(),
            channel,
            url: String::new(),
            cancel,
            tasks,
        };
        world.with_gateway(upstream_at).await
    }

    async fn with_gateway(mut self, upstream_at: SocketAddr) -> Self {
        let (listener, address) = open_port().await;
        let config = GatewayConfig {
            license: self.channel.license_id,
            listen: address,
            upstream: format!("http://{upstream_at}/v1"),
            upstream_model: Some("real-name".to_owned()),
            serving_key: PrivateKeySource::default(),
            tokenizer: None,
            default_max_tokens: 16,
            max_tokens_cap: 100,
            max_concurrent: 2,
            max_body_bytes: 4_096,
            upstream_timeout_s: 1,
        };
        let deps = GatewayDeps {
            model_id: self.channel.model_id,
            escrow: self.channel.voucher_domain(),
            receipts: self.channel.receipt_domain(),
            writer: Arc::clone(&self.ledger) as Arc<dyn LedgerWriter>,
            reader: Arc::clone(&self.ledger) as Arc<dyn LedgerReader>,
            source: Arc::clone(&self.chain) as Arc<dyn LicenseSource>,
            serving_key: serving_key(),
            counter: Arc::new(ByteEstimate),
            max_unsettled: Amount::MAX,
        };
        let cancel = self.cancel.clone();
        self.tasks.spawn_detached("gateway", serve_on(listener, config, deps, cancel));
        self.url = format!("http://{address}");
        self
    }

    pub(super) fn session(&self) -> PayerSession {
        PayerSession::new(self.channel, payer_key(), &self.url).unwrap().with_chain_time(NOW)
    }

    pub(super) fn set(&self, mode: Mode) {
        *self.upstream.mode.lock().unwrap() = mode;
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        let vouchers = self.ledger.vouchers.lock().unwrap().len();
        (vouchers, self.ledger.receipts.lock().unwrap().len())
    }

    pub(super) async fn until_receipts(&self, count: usize) {
        for _ in 0..200 {
            if self.counts().1 >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} receipts instead of {count}", self.counts().1);
    }
}

pub(super) fn streamed(prompt: &str) -> Value {
    json!({"model": "m", "prompt": prompt, "max_tokens": 20, "stream": true})
}
