//! The endpoint before a gateway of our own, which answers, lies or breaks off as it is told, and
//! signs receipts with the license's serving key.

use super::*;
use crate::money::Currency;
use k256::ecdsa::SigningKey;
use oml_contracts::hash::response_hash;
use oml_contracts::{
    Amount, EthAddress, LicenseId, ModelId, Receipt, Salt, ServingKeys, Signable as _,
};
use oml_payments::{
    EvidenceLog, LogEntry, PayerChannel, PayerSession, PaymentRequired, Price, RequiredVoucher,
    SignedReceipt, SignedVoucher, VOUCHER_HEADER, decode, encode,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// What a stream consists of: line ends of every kind, comments, events of other names, and an
/// answer in letters of several bytes.
const STREAM: &str = ": hello\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Grü\"}}]}\n\n\
    event: ping\ndata:  {\"x\" : 1}\n\nid: 7\rdata: {\"choices\":[{\"delta\":{\"content\":\"ße\"}}]}\
    \r\rdata: [DONE]\n\n";

/// What the gateway does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acts {
    Streams,
    /// The same, until it has sent half of the answer and the client is gone.
    StreamsSlowly,
    Answers,
    /// Signs another answer than it gives.
    Lies,
    BreaksOff,
    /// Asks for a higher voucher whatever it gets.
    AsksForMore,
}

#[derive(Debug)]
struct Gateway {
    acts: Acts,
    vouchers: Vec<SignedVoucher>,
    bodies: Vec<Vec<u8>>,
}

fn serving_key() -> SigningKey {
    SigningKey::from_slice(&[0x5e; 32]).unwrap()
}

fn payer_key() -> SigningKey {
    SigningKey::from_slice(&[0x11; 32]).unwrap()
}

fn channel() -> PayerChannel {
    PayerChannel {
        chain_id: 1,
        escrow: EthAddress::new([0xe5; 20]),
        proofs: EthAddress::new([0xc4; 20]),
        license_id: LicenseId::new([0x1c; 32]),
        model_id: ModelId::new([0x3d; 32]),
        serving_keys: ServingKeys::first(EthAddress::of_key(serving_key().verifying_key()), 500),
        payer: EthAddress::of_key(payer_key().verifying_key()),
        signer: EthAddress::ZERO,
        salt: Salt::ZERO,
        price: Price {
            currency: EthAddress::ZERO,
            per_request: Amount::new(1_000),
            per_thousand_tokens: Amount::new(1_000_000),
        },
    }
}

/// Starts a gateway, which ends with the tests.
fn gateway(acts: Acts) -> (String, Arc<Mutex<Gateway>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let gateway = Gateway { acts, vouchers: Vec::new(), bodies: Vec::new() };
    let gateway = Arc::new(Mutex::new(gateway));
    let shared = Arc::clone(&gateway);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || serve(stream, &shared));
        }
    });
    (url, gateway)
}

/// Answers one request.
fn serve(mut stream: TcpStream, gateway: &Mutex<Gateway>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let (mut length, mut voucher) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            VOUCHER_HEADER => voucher = decode(value.trim().as_bytes()).ok(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if first.starts_with("GET /v1/models") {
        return whole(&mut stream, 200, "", "{\"object\":\"list\"}");
    }
    if first.starts_with("GET") {
        return whole(&mut stream, 404, "", "{}");
    }
    let voucher: SignedVoucher = voucher.unwrap();
    let (acts, served) = {
        let mut gateway = gateway.lock().unwrap();
        gateway.vouchers.push(voucher.clone());
        gateway.bodies.push(body);
        (gateway.acts, u64::try_from(gateway.vouchers.len()).unwrap())
    };
    match acts {
        Acts::BreaksOff => None,
        Acts::AsksForMore => whole(&mut stream, 402, "", &more(&voucher)),
        Acts::Answers | Acts::Lies => {
            let said = if acts == Acts::Lies { "another answer" } else { "hello" };
            let receipt = encode(&receipt(&voucher, said, served));
            let body = "{\"choices\": [{\"message\":{\"content\":\"hello\"}}] }";
            whole(&mut stream, 200, &format!("x-oml-receipt: {receipt}\r\n"), body)
        }
        Acts::Streams | Acts::StreamsSlowly => {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
            stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
            for part in STREAM.as_bytes().chunks(7) {
                stream.write_all(part).ok()?;
                if acts == Acts::StreamsSlowly {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            }
            let receipt = encode(&receipt(&voucher, "Grüße", served));
            let event = format!("event: oml-receipt\ndata: {receipt}\n\n");
            stream.write_all(event.as_bytes()).ok()
        }
    }
}

fn whole(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> Option<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all((head + body).as_bytes()).ok()
}

fn receipt(voucher: &SignedVoucher, said: &str, number: u64) -> SignedReceipt {
    let receipt = Receipt {
        license_id: channel().license_id,
        key_epoch: 0,
        channel_id: channel().id(),
        seq: number,
        cumulative_requests: voucher.cumulative_requests,
        cumulative_tokens: voucher.cumulative_requests * 5,
        served_at: 1_000,
        request_hash: voucher.request_hash,
        response_hash: response_hash(said),
    };
    let signature = receipt.sign(&channel().receipt_domain(), &serving_key()).unwrap();
    SignedReceipt::new(&receipt, signature)
}

/// An answer 402 that counts more tokens than the voucher pays.
fn more(voucher: &SignedVoucher) -> String {
    let required = RequiredVoucher {
        cumulative_requests: voucher.cumulative_requests,
        cumulative_tokens: voucher.cumulative_tokens + 50,
        cumulative_amount: Amount::new(voucher.cumulative_amount.get() + 50_000),
        request_hash: voucher.request_hash,
        prompt_tokens: voucher.cumulative_tokens + 50 - 8,
        max_tokens: 8,
    };
    let answer = PaymentRequired {
        error: "tokens_too_low".to_owned(),
        message: "more".to_owned(),
        price: channel().price,
        license_id: channel().license_id,
        escrow: channel().escrow,
        chain_id: 1,
        required: Some(required),
        deposited: None,
    };
    serde_json::to_string(&answer).unwrap()
}

fn usdc() -> Currency {
    Currency::new(EthAddress::new([7; 20]), "USDC", 6)
}

/// A running endpoint.
struct Running {
    url: String,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinSet<crate::error::Result<()>>,
}

impl Running {
    async fn start(dir: &Path, gateway: &str, limits: SpendingLimits) -> Self {
        Self::with_key(dir, gateway, limits, None).await
    }

    async fn with_key(
        dir: &Path,
        gateway: &str,
        limits: SpendingLimits,
        key: Option<&str>,
    ) -> Self {
        let session = PayerSession::new(channel(), payer_key(), gateway).unwrap();
        let session = session.with_log(&log(dir)).await.unwrap();
        let endpoint = PayingEndpoint::open(session, options(dir, gateway, limits, key)).await;
        let endpoint = endpoint.unwrap();
        let url = format!("http://{}", endpoint.address().unwrap());
        let (stop, stopped) = oneshot::channel();
        let mut served = tokio::task::JoinSet::new();
        served.spawn(endpoint.serve(async {
            let _ = stopped.await;
        }));
        Self { url, stop, served }
    }

    /// Stops it as Ctrl-C does, and waits for what runs.
    async fn stop(mut self) {
        self.stop.send(()).unwrap();
        self.served.join_next().await.unwrap().unwrap().unwrap();
    }

    async fn ask(&self, model: &str) -> (u16, Value) {
        let response = self.post(&body(model).to_string()).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    fn post(&self, body: &str) -> reqwest::RequestBuilder {
        reqwest::Client::new()
            .post(format!("{}/v1/chat/completions", self.url))
            .header("content-type", "application/json")
            .body(body.to_owned())
    }
}

fn body(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 8 })
}

fn options(dir: &Path, gateway: &str, limits: SpendingLimits, key: Option<&str>) -> PayingOptions {
    PayingOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        key: key.map(str::to_owned),
        gateway: gateway.to_owned(),
        limits,
        ceiling: Amount::new(1_000_000),
        currency: usdc(),
        journal: journal_of(&dir.join("channel.json")),
        signed: Amount::ZERO,
    }
}

fn log(dir: &Path) -> PathBuf {
    dir.join("channel.payments.jsonl")
}

fn spending(dir: &Path) -> Vec<SpentRequest> {
    spent(&journal_of(&dir.join("channel.json")), Amount::ZERO).unwrap()
}

/// The bytes of client and server are those of each other, and the receipt is kept.
#[tokio::test]
async fn bytes_pass_both_ways_unchanged_and_are_paid_for() {
    let dir = tempfile::tempdir().unwrap();
    let (url, gateway) = gateway(Acts::Streams);
    let endpoint = Running::start(dir.path(), &url, SpendingLimits::default()).await;
    let asked = " { \"stream\" : true, \"model\":\"m\",\n\"messages\":[{\"content\":\"\\u0068i\",\
                 \"role\":\"user\"}], \"max_tokens\":8, \"x\": 1.50 }";
    let response = endpoint.post(asked).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.bytes().await.unwrap(), STREAM.as_bytes());
    assert_eq!(gateway.lock().unwrap().bodies, [asked.as_bytes()]);

    gateway.lock().unwrap().acts = Acts::Answers;
    let response = endpoint.post(&body("m").to_string()).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text, "{\"choices\": [{\"message\":{\"content\":\"hello\"}}] }");
    let models = reqwest::get(format!("{}/v1/models", endpoint.url)).await.unwrap();
    assert_eq!(models.text().await.unwrap(), "{\"object\":\"list\"}");
    endpoint.stop().await;

    let kept = EvidenceLog::read(&log(dir.path())).await.unwrap();
    let receipts = kept.iter().filter(|entry| matches!(entry, LogEntry::Receipt(_))).count();
    assert_eq!(receipts, 2);
    let rows = spending(dir.path());
    let promised = gateway.lock().unwrap().vouchers[1].cumulative_amount;
    assert_eq!((rows.len(), rows[1].request, rows[1].promised), (2, Some(2), promised));
    assert_eq!(rows[0].amount.get() + rows[1].amount.get(), promised.get());
    let table = csv(&rows, &usdc());
    assert!(table.lines().nth(1).unwrap().contains(",m,paid,1,5,0.0"), "{table}");
}

#[tokio::test]
async fn budgets_hold_over_restarts_and_nothing_is_sent_beyond_them() {
    let dir = tempfile::tempdir().unwrap();
    let (url, gateway) = gateway(Acts::Answers);
    let asked = || gateway.lock().unwrap().vouchers.len();
    let small = SpendingLimits { per_request: Some(Amount::new(500)), ..Default::default() };
    let endpoint = Running::start(dir.path(), &url, small).await;
    let (status, said) = endpoint.ask("m").await;
    assert_eq!((status, said["error"]["code"].as_str()), (402, Some("budget_exceeded")));
    assert!(said["error"]["message"].as_str().unwrap().contains("leaves 0.0005 USDC"), "{said}");
    endpoint.stop().await;
    assert_eq!(asked(), 0);

    let limits = || SpendingLimits {
        per_day: Some(Amount::new(40_000)),
        per_model: BTreeMap::from([("large".to_owned(), Amount::new(20_000))]),
        per_request: None,
    };
    let endpoint = Running::start(dir.path(), &url, limits()).await;
    let (status, _) = endpoint.ask("large").await;
    assert_eq!((status, asked()), (200, 1));
    let (status, said) = endpoint.ask("large").await;
    assert!(said.to_string().contains("the model's budget of the day"), "{status} {said}");
    endpoint.stop().await;
    // Another process on the same day.
    let endpoint = Running::start(dir.path(), &url, limits()).await;
    assert_eq!((endpoint.ask("large").await.0, asked()), (402, 1));
    let mut last = 200;
    for _ in 0..20 {
        last = endpoint.ask("small").await.0;
    }
    assert_eq!(last, 402);
    endpoint.stop().await;
    let total: u128 = spending(dir.path()).iter().map(|one| one.amount.get()).sum();
    let promised = gateway.lock().unwrap().vouchers.last().unwrap().cumulative_amount.get();
    assert!(total == promised && promised <= 40_000, "{total} {promised}");
}

/// A host that signs another answer than it gave gets one request, and no more.
#[tokio::test]
async fn a_lying_host_is_paid_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let (url, gateway) = gateway(Acts::Lies);
    let endpoint = Running::start(dir.path(), &url, SpendingLimits::default()).await;
    let (status, said) = endpoint.ask("m").await;
    assert_eq!((status, said["error"]["code"].as_str()), (502, Some("receipt_refused")));
    gateway.lock().unwrap().acts = Acts::Answers;
    let (status, said) = endpoint.ask("m").await;
    assert_eq!((status, said["error"]["code"].as_str()), (502, Some("host_distrusted")));
    endpoint.stop().await;
    assert_eq!(gateway.lock().unwrap().vouchers.len(), 1);
    // What was promised counts, and the receipt is kept as evidence.
    let rows = spending(dir.path());
    assert_eq!(rows[0].outcome, SpentOutcome::Failed);
    assert!(!rows[0].amount.is_zero());
    let kept = EvidenceLog::read(&log(dir.path())).await.unwrap();
    assert!(kept.iter().any(|entry| matches!(entry, LogEntry::Receipt(_))));
}

/// A gateway that asks for ever more gets no voucher above the budget, and each counts.
#[tokio::test]
async fn a_greedy_or_broken_gateway_gets_no_more_than_the_budget() {
    let dir = tempfile::tempdir().unwrap();
    let (url, gateway) = gateway(Acts::AsksForMore);
    let limits =
        SpendingLimits { per_request: Some(Amount::new(100_000)), ..SpendingLimits::default() };
    let endpoint = Running::start(dir.path(), &url, limits).await;
    let (status, said) = endpoint.ask("m").await;
    assert!(status == 402 || status == 502, "{status} {said}");
    gateway.lock().unwrap().acts = Acts::BreaksOff;
    let (status, said) = endpoint.ask("m").await;
    assert_eq!((status, said["error"]["code"].as_str()), (502, Some("gateway_unreachable")));
    endpoint.stop().await;
    let rows = spending(dir.path());
    assert!(rows.iter().all(|row| row.amount.get() <= 100_000), "{rows:?}");
    let highest = gateway.lock().unwrap().vouchers.iter().map(|v| v.cumulative_amount).max();
    assert_eq!(rows.iter().map(|row| row.promised).max(), highest);
}

/// Programs with the key may spend; pages of a browser may not, nor who has no key.
#[tokio::test]
async fn strangers_spend_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (url, gateway) = gateway(Acts::Answers);
    let limits = SpendingLimits::default();
    let endpoint = Running::with_key(dir.path(), &url, limits, Some("secret")).await;
    let text = body("m").to_string();
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status();
    assert_eq!(status(endpoint.post(&text)).await, 401);
    let keyed = || endpoint.post(&text).bearer_auth("secret");
    assert_eq!(status(keyed().header("origin", "https://evil.example")).await, 403);
    assert_eq!(status(endpoint.post(&text).header("host", "evil.example")).await, 401);
    let form = reqwest::Client::new().post(format!("{}/v1/chat/completions", endpoint.url));
    let form = form.header("content-type", "text/plain").bearer_auth("secret").body(text.clone());
    assert_eq!(status(form).await, 403);
    assert_eq!(status(reqwest::Client::new().get(format!("{}/v2", endpoint.url))).await, 404);
    assert_eq!(gateway.lock().unwrap().vouchers.len(), 0);
    assert_eq!(status(endpoint.post("{\"messages\": 1}").bearer_auth("secret")).await, 400);
    assert_eq!(status(keyed()).await, 200);
    // A second process on the channel would sign over the first one's promises.
    let session = PayerSession::new(channel(), payer_key(), &url).unwrap();
    let second = options(dir.path(), &url, SpendingLimits::default(), None);
    let error = PayingEndpoint::open(session, second).await.unwrap_err().to_string();
    assert!(error.contains("another process pays on this channel"), "{error}");
    endpoint.stop().await;
    let session = PayerSession::new(channel(), payer_key(), &url).unwrap();
    let open = PayingOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..options(dir.path(), &url, SpendingLimits::default(), None)
    };
    let error = PayingEndpoint::open(session, open).await.unwrap_err().to_string();
    assert!(error.contains("can be reached by others"), "{error}");
}

/// A client that leaves in the middle has promised: its receipt is kept, and stopping waits for it.
#[tokio::test]
async fn who_leaves_early_still_gets_a_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let (url, _gateway) = gateway(Acts::StreamsSlowly);
    let endpoint = Running::start(dir.path(), &url, SpendingLimits::default()).await;
    let mut response = endpoint.post(&body("m").to_string()).send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    endpoint.stop().await;
    let rows = spending(dir.path());
    assert_eq!((rows.len(), rows[0].outcome), (1, SpentOutcome::Paid));
}
