//! Events per second of a node that reads a long history, and of a plain follower that reads the
//! same history block by block, in one run against one endpoint in this process.
//!
//! ```text
//! cargo run --release -p oml-node --example bench_backfill -- [EVENTS] [EVENTS_PER_BLOCK]
//! ```
//!
//! The node's reading includes the proof that no log was left out: the header of every block is
//! fetched and held against the logs that came. The plain follower proves nothing.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256, Bloom};
use alloy::providers::{Provider, ProviderBuilder};
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use oml_contracts::beacon::BeaconRecord;
use oml_contracts::chains::local_randao;
use oml_contracts::rpc::abi::LicenseRegistry::UniverseCommitted;
use oml_contracts::{Addresses, EthAddress};
use oml_node::Tasks;
use oml_node::chain::{ChainClient, Follower, Step};
use oml_node::config::NodeConfig;
use oml_node::store::{BlockRef, ChainBatch, EventRow, Store};
use serde_json::{Value, json};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Blocks behind the head that are not final yet.
const DEPTH: u64 = 64;

/// A chain whose every block has the same number of events.
struct History {
    blocks: u64,
    per_block: u64,
}

impl History {
    fn hash(number: u64) -> B256 {
        let mut hash = [0xab; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash.into()
    }

    fn registry() -> Address {
        Address::repeat_byte(0x11)
    }

    /// Logs of a block; the first and those near the head have none.
    fn logs(&self, number: u64) -> Vec<Value> {
        if number == 0 || number + DEPTH > self.blocks {
            return Vec::new();
        }
        let log = |index: u64| {
            let epoch = u32::try_from((number - 1) * self.per_block + index).unwrap_or(u32::MAX);
            let event = UniverseCommitted {
                modelId: B256::repeat_byte(5),
                epoch,
                root: B256::repeat_byte(6),
                personalCount: 32,
                sharedCount: 0,
                seedRound: alloy::primitives::aliases::U48::from(number),
            };
            let data = event.encode_log_data();
            json!({
                "address": Self::registry(), "topics": data.topics(), "data": data.data,
                "blockNumber": format!("{number:#x}"), "blockHash": Self::hash(number),
                "transactionHash": Self::hash(number), "transactionIndex": "0x0",
                "logIndex": format!("{index:#x}"), "removed": false,
            })
        };
        (0..self.per_block).map(log).collect()
    }

    fn header(&self, number: u64) -> Value {
        let mut bloom = Bloom::ZERO;
        for log in self.logs(number) {
            let log: Log = serde_json::from_value(log).unwrap_or_default();
            bloom.accrue_log(&log.inner);
        }
        json!({
            "number": format!("{number:#x}"), "hash": Self::hash(number),
            "parentHash": Self::hash(number.saturating_sub(1)),
            "timestamp": format!("{:#x}", 1_700_000_000 + number * 2), "logsBloom": bloom,
        })
    }

    fn answer(&self, request: &Value) -> Value {
        let params = &request["params"];
        let number = |value: &Value| {
            let hex = value.as_str().and_then(|text| text.strip_prefix("0x"));
            hex.and_then(|hex| u64::from_str_radix(hex, 16).ok())
        };
        let result = match request["method"].as_str().unwrap_or_default() {
            "eth_chainId" => json!("0x7a69"),
            "eth_getCode" => json!("0x01"),
            "eth_getBlockByNumber" => match params[0].as_str() {
                Some("latest") => self.header(self.blocks),
                Some("finalized") => self.header(self.blocks.saturating_sub(DEPTH)),
                _ => self.header(number(&params[0]).unwrap_or_default()),
            },
            "eth_getBlockReceipts" => {
                let block = number(&params[0]).unwrap_or_default();
                json!([{ "blockHash": Self::hash(block), "logs": self.logs(block) }])
            }
            "eth_getLogs" => {
                let filter = &params[0];
                let hash: Option<B256> = serde_json::from_value(filter["blockHash"].clone()).ok();
                let by_hash =
                    hash.map(|hash| u64::from_be_bytes(hash.0[..8].try_into().unwrap_or_default()));
                let from = by_hash.or_else(|| number(&filter["fromBlock"])).unwrap_or_default();
                let to = by_hash.or_else(|| number(&filter["toBlock"])).unwrap_or_default();
                Value::Array((from..=to).flat_map(|block| self.logs(block)).collect())
            }
            _ => Value::Null,
        };
        json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })
    }
}

async fn answer(State(history): State<Arc<History>>, body: Bytes) -> Json<Value> {
    match serde_json::from_slice(&body) {
        Ok(Value::Array(batch)) => {
            Json(batch.iter().map(|request| history.answer(request)).collect())
        }
        Ok(request) => Json(history.answer(&request)),
        Err(_) => Json(Value::Null),
    }
}

fn addresses() -> Addresses {
    let other = EthAddress::new([0x22; 20]);
    Addresses {
        chain_id: 31_337,
        beacon: BeaconRecord { address: other, source: local_randao() },
        license_registry: History::registry().into(),
        collateral_vault: EthAddress::new([0x33; 20]),
        payment_escrow: EthAddress::new([0x44; 20]),
        prover_registry: EthAddress::new([0x55; 20]),
        proofs: EthAddress::new([0x66; 20]),
        rounds: EthAddress::new([0x77; 20]),
        token: None,
        deployed_at_block: 0,
    }
}

/// The node's own follower, from an empty store to the head.
async fn follow(url: &str, store: &Store) -> Result<Duration, Box<dyn Error>> {
    let text = format!("[chain]\nrpc_url = {url:?}\naddresses = \"-\"\nmax_log_range = 500\n");
    let config = NodeConfig::from_toml(&text, "bench")?.chain;
    let client = ChainClient::connect(url, addresses()).await?;
    let mut follower = Follower::new(client, store.clone(), &config).await?.0;
    let start = Instant::now();
    while follower.step().await? != Step::AtHead {}
    Ok(start.elapsed())
}

/// A header, the logs of its hash, and one transaction of the store for each block.
async fn follow_plainly(url: &str, store: &Store, blocks: u64) -> Result<Duration, Box<dyn Error>> {
    let provider = ProviderBuilder::new().connect_http(url.parse()?);
    let start = Instant::now();
    for number in 0..=blocks {
        let tag = BlockNumberOrTag::Number(number);
        let header = oml_node::chain::block_header(&provider, tag).await?.ok_or("no block")?;
        let filter = Filter::new().address(History::registry()).at_block_hash(header.hash);
        let mut events = Vec::new();
        for log in provider.get_logs(&filter).await? {
            UniverseCommitted::decode_log(&log.inner)?;
            let topics: Vec<B256> = log.topics().iter().skip(1).copied().collect();
            let row = EventRow {
                block: number,
                log_index: log.log_index.unwrap_or_default(),
                tx_hash: log.transaction_hash.unwrap_or_default(),
                contract: log.address(),
                name: "UniverseCommitted".to_owned(),
                subject: topics[0],
                topics,
                data: log.data().data.to_vec(),
                timestamp: header.timestamp,
            };
            events.push((row, None));
        }
        let block = BlockRef { number, hash: header.hash, timestamp: header.timestamp };
        store.apply(&ChainBatch { blocks: vec![block], events, window: 256 }).await?;
    }
    Ok(start.elapsed())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let events = arguments.next().transpose()?.unwrap_or(100_000);
    let per_block = arguments.next().transpose()?.unwrap_or(5).max(1);
    let blocks = events.div_ceil(per_block) + DEPTH;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let history = Arc::new(History { blocks, per_block });
    let router = Router::new().route("/", post(answer)).with_state(history);
    let serving = async move { axum::serve(listener, router).await };
    let _server = Tasks::new().spawn_detached("endpoint", serving);
    let folder = tempfile::tempdir()?;
    let store_of = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let (ours, plain) =
        (Store::open(&store_of("ours.db")).await?, Store::open(&store_of("plain.db")).await?);
    let ours_took = follow(&url, &ours).await?;
    let plain_took = follow_plainly(&url, &plain, blocks).await?;
    let model = B256::repeat_byte(5);
    let found = ours.events_named(model, "UniverseCommitted").await?.len();
    let found_plainly = plain.events_named(model, "UniverseCommitted").await?.len();
    if found != found_plainly {
        return Err(format!("{found} events are not the {found_plainly} of the chain").into());
    }
    let per_second = |took: Duration| found as f64 / took.as_secs_f64();
    println!(
        "{}",
        json!({
            "events": found, "blocks": blocks, "events_per_block": per_block,
            "node_events_per_second": per_second(ours_took).round(),
            "plain_events_per_second": per_second(plain_took).round(),
            "ratio_to_plain": plain_took.as_secs_f64() / ours_took.as_secs_f64(),
            "ratio_to_207": per_second(ours_took) / 207.0,
        })
    );
    Ok(())
}
