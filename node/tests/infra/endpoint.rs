//! An endpoint in front of a local chain, with the faults of real ones.

use crate::chain::TestChain;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use oml_node::Tasks;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What an endpoint does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It has no pending block and no fee history.
    Sparse,
    /// Every third block that is asked for by a number near the head is not there: another server
    /// answers, which is that many blocks behind.
    LacksBlocks(u64),
    /// It refuses log queries of more blocks than this.
    LogCap(u64),
    /// Headers lack a field.
    Without(&'static str),
    /// A field of headers is null.
    Null(&'static str),
    /// Its newest block is this one.
    Lags(u64),
    /// It serves a chain with this id.
    OtherChain(u64),
    /// It serves a chain with the same id and another first block.
    OtherGenesis,
    /// It sends a page for people.
    WebPage,
    /// It is out of order.
    Down,
    /// It answers so many requests a second.
    RateLimit(u64),
    /// It refuses batches of more requests than this.
    BatchCap(usize),
    /// Log queries find nothing.
    OmitsLogs,
    /// The same, and it has no receipts of whole blocks.
    OmitsLogsWithoutBlockReceipts,
    /// Log queries find nothing, and receipts have no logs either.
    OmitsLogsAndReceipts,
    /// Log queries find only the last log.
    OmitsAllButOneLog,
    /// From this block on it shows others.
    Forked(u64),
}

/// The endpoint. Ends with the test.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    upstream: String,
    client: reqwest::Client,
    state: Arc<Mutex<EndpointState>>,
}

struct EndpointState {
    fault: Fault,
    asked: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    /// The present second, and the requests in it.
    second: Option<(Instant, u64)>,
}

impl Endpoint {
    pub(crate) async fn start(chain: &TestChain, fault: Fault) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state =
            EndpointState { fault, asked: BTreeMap::new(), refused: BTreeMap::new(), second: None };
        let endpoint = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            upstream: chain.anvil.endpoint(),
            client: reqwest::Client::new(),
            state: Arc::new(Mutex::new(state)),
        };
        let router = Router::new().fallback(post(answer)).with_state(endpoint.clone());
        let serving = async move { axum::serve(listener, router).await };
        Tasks::new().spawn_detached("endpoint", serving);
        endpoint
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.state.lock().unwrap().fault = fault;
    }

    /// How often a method was asked for.
    pub(crate) fn asked(&self, method: &str) -> u64 {
        self.state.lock().unwrap().asked.get(method).copied().unwrap_or_default()
    }

    /// How often a method was refused.
    pub(crate) fn refused(&self, method: &str) -> u64 {
        self.state.lock().unwrap().refused.get(method).copied().unwrap_or_default()
    }

    /// Counts a request; returns the present fault and the number of the request.
    fn count(&self, method: &str) -> (Fault, u64) {
        let mut state = self.state.lock().unwrap();
        let count = state.asked.entry(method.to_owned()).or_default();
        *count += 1;
        let count = *count;
        (state.fault.clone(), count)
    }

    /// Whether a limited endpoint answers so many requests more in this second.
    fn has_room(&self, requests: u64, most: u64) -> bool {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let fresh = state.second.is_none_or(|(start, _)| now.duration_since(start).as_secs() >= 1);
        let (start, used) = if fresh { (now, 0) } else { state.second.unwrap() };
        let has_room = used + requests <= most;
        state.second = Some((start, used + if has_room { requests } else { 0 }));
        if !has_room {
            *state.refused.entry("any".to_owned()).or_default() += 1;
        }
        has_room
    }

    async fn ask(&self, request: &Value) -> Value {
        let answer = self.client.post(&self.upstream).json(request).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn head(&self) -> u64 {
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": [] });
        number(&self.ask(&request).await["result"]).unwrap()
    }

    fn refuse(&self, request: &Value, code: i64, message: &str) -> Value {
        let method = request["method"].as_str().unwrap().to_owned();
        *self.state.lock().unwrap().refused.entry(method).or_default() += 1;
        let error = json!({ "code": code, "message": message });
        json!({ "jsonrpc": "2.0", "id": request["id"], "error": error })
    }

    async fn one(&self, request: Value) -> Value {
        let method = request["method"].as_str().unwrap().to_owned();
        let (fault, _) = self.count(&method);
        let params = &request["params"];
        let null = json!({ "jsonrpc": "2.0", "id": request["id"], "result": null });
        let block = (method == "eth_getBlockByNumber").then(|| number(&params[0]));
        match (fault, block) {
            (Fault::Sparse, _) if method == "eth_feeHistory" => {
                self.refuse(&request, -32601, "the method eth_feeHistory does not exist")
            }
            (Fault::Sparse, _)
                if params.as_array().is_some_and(|params| params.contains(&json!("pending"))) =>
            {
                self.refuse(&request, -32000, "pending state is not available")
            }
            (Fault::LacksBlocks(behind), Some(Some(asked)))
                if asked + behind > self.head().await
                    && self.count("near the head").1.is_multiple_of(3) =>
            {
                null
            }
            (Fault::LogCap(cap), _) if log_blocks(params).is_some_and(|blocks| blocks > cap) => {
                self.refuse(&request, -32602, &format!("query exceeds max block range {cap}"))
            }
            (Fault::Lags(newest), Some(None)) if params[0] == "latest" => {
                let mut request = request.clone();
                request["params"][0] = json!(format!("{newest:#x}"));
                self.ask(&request).await
            }
            (Fault::Lags(newest), Some(Some(asked))) if asked > newest => null,
            (Fault::Without(field), Some(_)) => {
                let mut answer = self.ask(&request).await;
                answer["result"].as_object_mut().unwrap().remove(field);
                answer
            }
            (Fault::Null(field), Some(_)) => {
                let mut answer = self.ask(&request).await;
                answer["result"][field] = Value::Null;
                answer
            }
            (Fault::OtherChain(id), _) if method == "eth_chainId" => {
                json!({ "jsonrpc": "2.0", "id": request["id"], "result": format!("{id:#x}") })
            }
            (Fault::OmitsLogs | Fault::OmitsLogsAndReceipts, _) if method == "eth_getLogs" => {
                json!({ "jsonrpc": "2.0", "id": request["id"], "result": [] })
            }
            (Fault::OmitsLogsWithoutBlockReceipts, _) if method == "eth_getLogs" => {
                json!({ "jsonrpc": "2.0", "id": request["id"], "result": [] })
            }
            (Fault::OmitsLogsWithoutBlockReceipts, _) if method == "eth_getBlockReceipts" => {
                self.refuse(&request, -32601, "the method eth_getBlockReceipts does not exist")
            }
            (Fault::OmitsAllButOneLog, _) if method == "eth_getLogs" => {
                let mut answer = self.ask(&request).await;
                let logs = answer["result"].as_array_mut().unwrap();
                *logs = logs.pop().into_iter().collect();
                answer
            }
            (Fault::OmitsLogsAndReceipts, _) if method == "eth_getBlockReceipts" => {
                let mut answer = self.ask(&request).await;
                for receipt in answer["result"].as_array_mut().unwrap() {
                    receipt["logs"] = json!([]);
                }
                answer
            }
            (Fault::Forked(from), Some(_)) => {
                let mut answer = self.ask(&request).await;
                if number(&answer["result"]["number"]).is_some_and(|number| number >= from) {
                    answer["result"]["hash"] = json!(format!("0x{}", "66".repeat(32)));
                }
                answer
            }
            // Its blocks are others too, whatever their numbers.
            (Fault::OtherChain(_) | Fault::OtherGenesis, Some(_)) => {
                let mut answer = self.ask(&request).await;
                answer["result"]["hash"] = json!(format!("0x{}", "77".repeat(32)));
                answer
            }
            _ => self.ask(&request).await,
        }
    }
}

async fn answer(State(endpoint): State<Endpoint>, body: Bytes) -> Response {
    let fault = endpoint.state.lock().unwrap().fault.clone();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let requests = request.as_array().map_or(1, Vec::len);
    match fault {
        Fault::WebPage => return Html("<html>down</html>").into_response(),
        Fault::Down => return (StatusCode::SERVICE_UNAVAILABLE, "out of order").into_response(),
        Fault::RateLimit(most) if !endpoint.has_room(requests as u64, most) => {
            return (StatusCode::TOO_MANY_REQUESTS, "slow down").into_response();
        }
        Fault::BatchCap(most) if requests > most => {
            let error = json!({ "code": -32000, "message": "the batch is too large" });
            let answer = json!({ "jsonrpc": "2.0", "id": null, "error": error });
            return axum::Json(answer).into_response();
        }
        _ => {}
    }
    let Value::Array(requests) = request else {
        return axum::Json(endpoint.one(request).await).into_response();
    };
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        answers.push(endpoint.one(request).await);
    }
    axum::Json(answers).into_response()
}

fn number(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// Blocks of a log query over a range.
fn log_blocks(params: &Value) -> Option<u64> {
    let (from, to) = (number(&params[0]["fromBlock"])?, number(&params[0]["toBlock"])?);
    Some(to - from + 1)
}
