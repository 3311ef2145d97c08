//! The gateway end to end, against an upstream that misbehaves on demand.

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
use oml_contracts::hash::{key_hash, plain_request_hash, response_hash};
use oml_contracts::{ChannelId, Salt};
use oml_payments::{
    ByteEstimate, MeteredRequest, PayerChannel, PayerError, PayerSession, Price, ReceiptProblem,
    ServedPath, VOUCHER_HEADER,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::server::{GatewayDeps, serve_on};
use super::source::LicenseSource;
use crate::chain::{ChainError, ChannelView};
use crate::config::PrivateKeySource;
use crate::ledger::{LedgerReader, LedgerWriter, MemoryLedger, ServedLicense};

/// Chain time of every request.
const NOW: u64 = 1_700_000_000;

/// What the upstream does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
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

struct Upstream {
    mode: Mutex<Mode>,
    requests: Mutex<Vec<Value>>,
    pieces: AtomicUsize,
}

const PIECES: [&str; 4] = ["Hel", "lo ", "wor", "ld!"];

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
struct Chain {
    license: Mutex<ServedLicense>,
    channel: Mutex<ChannelView>,
    known: ChannelId,
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

struct World {
    upstream: Arc<Upstream>,
    chain: Arc<Chain>,
    ledger: Arc<MemoryLedger>,
    channel: PayerChannel,
    url: String,
    cancel: CancellationToken,
    tasks: Tasks,
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.tasks.cancel();
    }
}

fn payer_key() -> SigningKey {
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
    async fn start() -> Self {
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

    fn session(&self) -> PayerSession {
        PayerSession::new(self.channel, payer_key(), &self.url).unwrap().with_chain_time(NOW)
    }

    fn set(&self, mode: Mode) {
        *self.upstream.mode.lock().unwrap() = mode;
    }

    fn counts(&self) -> (usize, usize) {
        let vouchers = self.ledger.vouchers.lock().unwrap().len();
        (vouchers, self.ledger.receipts.lock().unwrap().len())
    }

    async fn until_receipts(&self, count: usize) {
        for _ in 0..200 {
            if self.counts().1 >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} receipts instead of {count}", self.counts().1);
    }
}

fn streamed(prompt: &str) -> Value {
    json!({"model": "m", "prompt": prompt, "max_tokens": 20, "stream": true})
}

#[tokio::test]
async fn whole_answers_are_metered_and_receipted() {
    let world = World::start().await;
    let mut session = world.session();
    for number in 1..=3 {
        let done = session.complete("m", "a prompt of some length", 20).await.unwrap();
        assert_eq!(done.text, "Hello world!");
        assert_eq!(done.tokens, 9, "the upstream's count");
        assert_eq!(done.receipt.seq, number);
        assert_eq!(done.receipt.cumulative_tokens, 9 * number);
        assert_eq!(done.receipt.response_hash, response_hash("Hello world!"));
    }
    let messages = json!([{"role": "user", "content": "hi"}]);
    assert_eq!(session.chat("m", messages, 20).await.unwrap().text, "Hello world!");
    assert_eq!(world.counts(), (4, 4));
    let sent = world.upstream.requests.lock().unwrap();
    assert_eq!(sent[0]["model"], "real-name");
    assert_eq!(sent[0]["max_tokens"], 20);
}

#[tokio::test]
async fn streams_pass_through_and_end_with_the_receipt() {
    let world = World::start().await;
    let mut session = world.session();
    let mut pieces = Vec::new();
    let done = session
        .request(ServedPath::Completions, streamed("prompt"), &mut |text| {
            pieces.push(text.to_owned())
        })
        .await
        .unwrap();
    assert_eq!(pieces, PIECES);
    assert_eq!((done.text.as_str(), done.tokens), ("Hello world!", 9));
    assert_eq!(world.upstream.requests.lock().unwrap()[0]["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn a_client_sees_the_bytes_of_the_upstream() {
    let world = World::start().await;
    for (options, usage_chunks) in [(json!(null), 0), (json!({"include_usage": true}), 1)] {
        let mut session = world.session();
        session.resume().await.unwrap();
        let mut body = streamed("prompt");
        body["stream_options"] = options;
        let state = *session.state();
        let hash = MeteredRequest::parse(
            ServedPath::Completions,
            body.to_string().as_bytes(),
            &TokenLimits { default_max_tokens: 16, max_tokens_cap: 100 },
        )
        .unwrap()
        .hash(world.channel.model_id);
        let mut voucher = state.next_voucher(&world.channel, 100, hash).unwrap();
        voucher.cumulative_amount = Amount::new(1_000 * u128::from(voucher.cumulative_requests));
        let signed = world.channel.sign(&voucher, &payer_key()).unwrap();
        let response = reqwest::Client::new()
            .post(format!("{}/v1/completions", world.url))
            .header(VOUCHER_HEADER, oml_payments::encode(&signed))
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        let events: Vec<&str> = text.split_inclusive("\n\n").collect();
        for (event, piece) in events.iter().zip(PIECES) {
            assert_eq!(*event, format!("data: {}\n\n", json!({"choices": [{"text": piece}]})));
        }
        assert_eq!(events.len(), 4 + usage_chunks + 2, "{text}");
        assert_eq!(events[4 + usage_chunks], "data: [DONE]\n\n");
        assert!(events[5 + usage_chunks].starts_with("event: oml-receipt\ndata: "));
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_still_metered() {
    let world = World::start().await;
    world.set(Mode::Slow);
    let mut session = world.session();
    let seen = tokio::sync::Notify::new();
    let mut tell = |_: &str| seen.notify_one();
    tokio::select! {
        answer = session.request(ServedPath::Completions, streamed("prompt"), &mut tell) => {
            panic!("the whole answer came: {answer:?}")
        }
        () = seen.notified() => {}
    }
    world.until_receipts(1).await;
    let receipt = world.ledger.receipts.lock().unwrap()[0].clone();
    assert_eq!(receipt.cumulative_tokens, 9, "all tokens are metered");
    assert_eq!(receipt.response_hash, response_hash("Hello world!"));
    assert_eq!(world.upstream.pieces.load(Ordering::SeqCst), 6, "the upstream was read to its end");
    // The next request finds the receipt that did not arrive.
    world.set(Mode::Works);
    let done = session.complete("m", "another prompt", 20).await.unwrap();
    assert_eq!(done.receipt.seq, 2);
    assert_eq!(session.receipts().len(), 2);
}

#[tokio::test]
async fn what_the_upstream_does_not_serve_is_not_charged() {
    let world = World::start().await;
    let mut session = world.session();
    for (mode, status) in
        [(Mode::Fails, 502), (Mode::Refuses, 400), (Mode::NotJson, 502), (Mode::NeverAnswers, 504)]
    {
        world.set(mode);
        let error = session.complete("m", "prompt", 20).await.unwrap_err();
        assert!(
            matches!(error, PayerError::Refused { status: s, .. } if s == status),
            "{mode:?}: {error}"
        );
    }
    world.set(Mode::CutsAtOnce);
    let error = session.request(ServedPath::Completions, streamed("prompt"), &mut |_| {}).await;
    assert!(matches!(error, Err(PayerError::Refused { .. })), "{error:?}");
    assert_eq!(world.counts(), (5, 0), "vouchers are kept, receipts are not made");
    world.set(Mode::Works);
    let done = session.complete("m", "prompt", 20).await.unwrap();
    assert_eq!((done.receipt.seq, done.receipt.cumulative_tokens), (1, 9));
    // The voucher of the receipt is the last of the six with this count.
    let paid = crate::ledger::newest_paid(world.ledger.as_ref(), world.channel.id()).await;
    assert_eq!(paid.unwrap().unwrap().1, done.voucher);
}

#[tokio::test]
async fn a_cut_stream_is_charged_for_what_came() {
    let world = World::start().await;
    world.set(Mode::Cuts);
    let mut session = world.session();
    let done =
        session.request(ServedPath::Completions, streamed("prompt"), &mut |_| {}).await.unwrap();
    // Own count: 2 tokens of prompt and 2 of "Hello ", four bytes each.
    assert_eq!((done.text.as_str(), done.tokens), ("Hello ", 4));
}

#[tokio::test]
async fn unpaid_requests_learn_the_price() {
    let world = World::start().await;
    let send = |body: Value, voucher: Option<String>| {
        let mut request = reqwest::Client::new()
            .post(format!("{}/v1/completions", world.url))
            .body(body.to_string());
        if let Some(voucher) = voucher {
            request = request.header(VOUCHER_HEADER, voucher);
        }
        async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<Value>().await.unwrap())
        }
    };
    let body = json!({"prompt": "four", "max_tokens": 20});
    let (status, answer) = send(body.clone(), None).await;
    assert_eq!(status, 402);
    assert_eq!(answer["error"], "voucher_missing");
    assert_eq!(answer["price"]["perRequest"], "10");
    assert_eq!(answer["required"]["cumulativeTokens"], 21);
    assert_eq!(answer["required"]["cumulativeAmount"], "52");
    assert_eq!(answer["chainId"], 31_337);
    let (status, answer) = send(body.clone(), Some("!".to_owned())).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_voucher")));
    let (status, answer) = send(json!({"prompt": "four", "n": 2}), None).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_request")));
    let huge = json!({"prompt": "x".repeat(5_000)}).to_string();
    let response = reqwest::Client::new()
        .post(format!("{}/v1/completions", world.url))
        .body(huge)
        .send()
        .await;
    assert_eq!(response.unwrap().status(), 413);
    assert_eq!(world.counts(), (0, 0));
    assert!(world.upstream.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_replayed_voucher_buys_nothing() {
    let world = World::start().await;
    let mut session = world.session();
    let done = session.complete("m", "prompt", 20).await.unwrap();
    let body = json!({"model": "m", "prompt": "prompt", "max_tokens": 20, "temperature": 0});
    let replay = reqwest::Client::new()
        .post(format!("{}/v1/completions", world.url))
        .header(VOUCHER_HEADER, oml_payments::encode(&done.voucher))
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(replay.status(), 402);
    assert_eq!(replay.json::<Value>().await.unwrap()["error"], "wrong_sequence");
    assert_eq!(world.upstream.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn one_request_a_channel_and_few_altogether() {
    let world = World::start().await;
    world.set(Mode::Slow);
    let (mut first, mut second) = (world.session(), world.session());
    let mut ignore = |_: &str| {};
    let run = first.request(ServedPath::Completions, streamed("prompt"), &mut ignore);
    let late = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        // The second session knows nothing of the first one's request.
        second.request(ServedPath::Completions, streamed("prompt"), &mut |_| {}).await
    };
    let (run, late) = tokio::join!(run, late);
    assert_eq!(run.unwrap().receipt.seq, 1);
    let error = late.unwrap_err();
    assert!(error.to_string().contains("payer"), "{error}");
    assert_eq!(world.counts(), (1, 1), "no voucher of the second session was used");
}

#[tokio::test]
async fn nothing_is_served_that_the_ledger_cannot_keep() {
    let world = World::start().await;
    world.ledger.broken.store(true, Ordering::SeqCst);
    let error = world.session().complete("m", "prompt", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::Refused { status: 503, .. }), "{error}");
    assert!(world.upstream.requests.lock().unwrap().is_empty(), "no voucher, no upstream");
}

#[tokio::test]
async fn ended_licenses_and_thawing_channels_are_not_served() {
    let world = World::start().await;
    world.chain.channel.lock().unwrap().thaw_end = 5;
    let error = world.session().complete("m", "prompt", 20).await.unwrap_err();
    assert!(error.to_string().contains("channel_thawing"), "{error}");
    world.chain.license.lock().unwrap().expires_at = 1_700_000_000;
    let error = world.session().complete("m", "prompt", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::Refused { status: 403, .. }), "{error}");
}

#[tokio::test]
async fn a_payer_does_not_believe_another_key() {
    let mut world = World::start().await;
    world.channel.serving_key = EthAddress::new([7; 20]);
    let error = world.session().complete("m", "prompt", 20).await.unwrap_err();
    assert!(
        matches!(&error, PayerError::Receipt { problem: ReceiptProblem::WrongSigner { .. }, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_budget_and_a_log_outlive_the_session() {
    let world = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("channel.jsonl");
    let mut session = world.session().with_log(&path).await.unwrap();
    let first = session.complete("m", "prompt", 20).await.unwrap();
    drop(session);
    let mut session = world.session().with_log(&path).await.unwrap();
    assert_eq!(session.state().requests, 1);
    let second = session.complete("m", "prompt", 20).await.unwrap();
    assert_eq!(second.receipt.seq, 2);
    assert!(second.voucher.cumulative_amount > first.voucher.cumulative_amount);
    let budget = second.voucher.cumulative_amount;
    let mut session = world.session().with_log(&path).await.unwrap().with_budget(budget);
    let error = session.complete("m", "prompt", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::Budget { .. }), "{error}");
    // Without the log, the gateway's receipt is where to go on.
    let mut session = world.session();
    session.resume().await.unwrap();
    assert_eq!(session.complete("m", "prompt", 20).await.unwrap().receipt.seq, 3);
    let other = PayerChannel { salt: Salt::new([9; 32]), ..world.channel };
    let session = PayerSession::new(other, payer_key(), &world.url).unwrap();
    assert!(matches!(session.with_log(&path).await, Err(PayerError::Log(_))));
}

#[tokio::test]
async fn a_plain_question_whose_answer_was_lost_is_not_asked_again() {
    let world = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("channel.jsonl");
    let mut session = world.session().with_log(&path).await.unwrap().asking_plainly();
    session.complete("m", "first", 20).await.unwrap();
    let served = session.complete("m", "second", 20).await.unwrap();
    assert_eq!(
        served.receipt.request_hash,
        plain_request_hash(world.channel.model_id, key_hash("second"))
    );
    // The program died after its second voucher.
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[5].contains(r#""kind":"answer""#), "channel, two times voucher, answer, receipt");
    std::fs::write(&path, lines[..5].join("\n") + "\n").unwrap();

    let mut session = world.session().with_log(&path).await.unwrap().asking_plainly();
    let error = session.complete("m", "second", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::AnswerLost { seq: 2 }), "{error}");
    assert_eq!(world.counts().1, 2, "nothing was served twice");
    assert_eq!(session.receipts().last(), Some(&served.receipt), "the receipt is kept");
    assert_eq!(session.complete("m", "third", 20).await.unwrap().receipt.seq, 3);

    let body = json!({"prompt": "hi", "temperature": 0.5});
    let refused = session.request(ServedPath::Completions, body, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, PayerError::NotPlain), "{refused}");
}

/// A key that is asked as a chat has the hash that its voucher would have.
#[test]
fn a_question_and_its_request_have_one_text() {
    let question = oml_prover::model::Prompt::of_user(oml_prover::model::Api::Chat, "hi");
    let body = json!({"messages": [{"role": "user", "content": "hi"}]}).to_string();
    let limits = TokenLimits { default_max_tokens: 16, max_tokens_cap: 100 };
    let request = MeteredRequest::parse(ServedPath::Chat, body.as_bytes(), &limits).unwrap();
    assert_eq!(question.text(), request.prompt);
}
