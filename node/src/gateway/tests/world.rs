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
use oml_contracts::{
    Amount, ChannelId, EthAddress, LicenseId, ModelId, Salt, ServingKey, ServingKeys,
};
use oml_payments::{ByteEstimate, PayerChannel, PayerSession, Price};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{self, ServeLimits};
use crate::chain::{ChainError, ChannelStatus, ChannelView};
use crate::config::{GatewayConfig, HostConfig};
use crate::gateway::server::{GatewayDeps, serve_on};
use crate::gateway::source::LicenseSource;
use crate::ledger::{LedgerReader, LedgerWriter, MemoryLedger, ServedLicense};
use crate::signing::{RingConfig, key_file_name};
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
    /// Streams these bytes.
    Streams(&'static str),
    /// Answers with this body, in this coding.
    Answers(&'static str, &'static str),
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
        Mode::Answers(coding, body) => {
            return ([(header::CONTENT_ENCODING, coding)], body).into_response();
        }
        Mode::Streams(bytes) => {
            return ([(header::CONTENT_TYPE, "text/event-stream")], bytes).into_response();
        }
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
    pub(super) keys: Mutex<ServingKeys>,
    pub(super) channel: Mutex<ChannelView>,
    pub(super) known: ChannelId,
}

#[async_trait]
impl LicenseSource for Chain {
    async fn license(&self) -> Result<ServedLicense, ChainError> {
        Ok(*self.license.lock().unwrap())
    }

    async fn serving_keys(&self) -> Result<Arc<ServingKeys>, ChainError> {
        Ok(Arc::new(self.keys.lock().unwrap().clone()))
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
    /// Holds key files, signing history and boot marks.
    pub(super) folder: tempfile::TempDir,
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

pub(super) const SERVING: u8 = 0x5e;

pub(super) fn account(byte: u8) -> EthAddress {
    EthAddress::of_key(SigningKey::from_slice(&[byte; 32]).unwrap().verifying_key())
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
            proofs: EthAddress::new([0xc4; 20]),
            license_id: LicenseId::new([0x1c; 32]),
            model_id: ModelId::new([0x3d; 32]),
            serving_keys: ServingKeys::first(account(SERVING), NOW - 1_000),
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
            status: ChannelStatus::Open,
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
                keys: Mutex::new(channel.serving_keys.clone()),
                channel: Mutex::new(view),
                known: channel.id(),
            }),
            ledger: Arc::default(),
            channel,
            url: String::new(),
            cancel,
            tasks,
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(world.folder.path().join("keys")).unwrap();
        world.hold_key(SERVING);
        world.with_gateway(upstream_at).await
    }

    async fn with_gateway(mut self, upstream_at: SocketAddr) -> Self {
        let (listener, address) = open_port().await;
        let config = GatewayConfig {
            license: self.channel.license_id,
            listen: address,
            upstream: format!("http://{upstream_at}/v1"),
            upstream_model: Some("real-name".to_owned()),
            serving_key: None,
            serving_key_dir: Some(self.folder.path().join("keys")),
            tokenizer: None,
            default_max_tokens: 16,
            max_tokens_cap: 100,
            max_concurrent: 2,
            max_body_bytes: 4_096,
            upstream_timeout_s: 1,
        };
        let host = HostConfig {
            signing_history: self.folder.path().join("history"),
            boot_marks: Some(self.folder.path().join("marks")),
            ..HostConfig::default()
        };
        let deps = GatewayDeps {
            model_id: self.channel.model_id,
            escrow: self.channel.voucher_domain(),
            receipts: self.channel.receipt_domain(),
            writer: Arc::clone(&self.ledger) as Arc<dyn LedgerWriter>,
            reader: Arc::clone(&self.ledger) as Arc<dyn LedgerReader>,
            source: Arc::clone(&self.chain) as Arc<dyn LicenseSource>,
            ring: RingConfig::of(&host, &config).unwrap(),
            counter: Arc::new(ByteEstimate),
            max_unsettled: Amount::MAX,
        };
        let cancel = self.cancel.clone();
        self.tasks.spawn_detached("gateway", serve_on(listener, config, deps, cancel));
        self.url = format!("http://{address}");
        self
    }

    pub(super) fn session(&self) -> PayerSession {
        PayerSession::new(self.channel.clone(), payer_key(), &self.url)
            .unwrap()
            .with_chain_time(NOW)
    }

    /// Puts a key into the host's key directory.
    pub(super) fn hold_key(&self, byte: u8) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join("keys").join(key_file_name(account(byte)));
        std::fs::write(&path, hex::encode([byte; 32])).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Names the next serving key, as the contract does.
    pub(super) fn rotate(&self, byte: u8) {
        let mut keys = self.chain.keys.lock().unwrap();
        let mut all: Vec<ServingKey> = keys.iter().map(|(_, key)| *key).collect();
        if let Some(last) = all.last_mut() {
            last.until = Some(NOW + 3_600);
        }
        all.push(ServingKey { signer: account(byte), from: NOW, until: None, revoked: false });
        *keys = ServingKeys::new(all);
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
