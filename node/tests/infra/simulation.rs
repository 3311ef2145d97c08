//! Random histories: blocks, events, reorgs, restarts, and an endpoint that fails. Whatever
//! happened, the store must end up equal to the chain. A failing seed is repeated with
//! `OML_SEED=<seed>`.

use crate::chain::TestChain;
use crate::follower::assert_equal;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use oml_node::Tasks;
use oml_node::chain::{ChainClient, Follower};
use oml_node::chain::{FollowError, Step};
use oml_node::config::ChainConfig;
use oml_node::store::Store;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::{Arc, Mutex};

/// An endpoint in front of the chain that fails as endpoints do.
#[derive(Clone)]
struct Flaky {
    upstream: String,
    client: reqwest::Client,
    faults: Arc<Mutex<Faults>>,
}

struct Faults {
    random: StdRng,
    /// Of 100 requests.
    failing: u32,
    /// Longest range of a log query.
    log_range: u64,
    seen: u32,
}

async fn forward(State(flaky): State<Flaky>, body: Bytes) -> Response {
    let fault = {
        let mut faults = flaky.faults.lock().unwrap();
        let fails = faults.random.random_range(0..100) < faults.failing;
        faults.seen += u32::from(fails);
        fails.then(|| faults.random.random_range(0..4))
    };
    match fault {
        Some(0) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(1) => return StatusCode::TOO_MANY_REQUESTS.into_response(),
        Some(2) => return "<html>maintenance</html>".into_response(),
        Some(_) => return error(-32_000, "header not found"),
        None => {}
    }
    let request: serde_json::Value = serde_json::from_slice(&body).unwrap();
    if request["method"] == "eth_getLogs" {
        let number = |key: &str| {
            let hex = request["params"][0][key].as_str()?.trim_start_matches("0x");
            u64::from_str_radix(hex, 16).ok()
        };
        let most = flaky.faults.lock().unwrap().log_range;
        if let (Some(from), Some(to)) = (number("fromBlock"), number("toBlock"))
            && to - from >= most
        {
            return error(-32_005, "query exceeds max block range");
        }
    }
    let answer =
        flaky.client.post(&flaky.upstream).body(body).header("content-type", "application/json");
    answer.send().await.unwrap().bytes().await.unwrap().into_response()
}

fn error(code: i64, message: &str) -> Response {
    let error = serde_json::json!({ "code": code, "message": message });
    axum::Json(serde_json::json!({ "jsonrpc": "2.0", "id": 0, "error": error })).into_response()
}

struct World {
    chain: TestChain,
    endpoint: String,
    config: ChainConfig,
    url: String,
    store: Store,
    follower: Follower,
}

impl World {
    async fn restart(&mut self) {
        self.store.close().await;
        self.store = Store::open(&self.url).await.unwrap();
        self.follower = follower(&self.endpoint, &self.chain, &self.store, &self.config).await;
    }

    /// Follows through failures for at most `steps`; returns whether it reached the head.
    async fn follow(&mut self, steps: u32) -> bool {
        for _ in 0..steps {
            match self.follower.step().await {
                Ok(Step::AtHead) => return true,
                Ok(_) | Err(FollowError::Chain(_)) => {}
                Err(FollowError::Store(error)) => panic!("{error}"),
            }
        }
        false
    }
}

async fn follower(
    endpoint: &str,
    chain: &TestChain,
    store: &Store,
    config: &ChainConfig,
) -> Follower {
    for _ in 0..500 {
        if let Ok(client) = ChainClient::connect(endpoint, chain.addresses).await {
            return Follower::new(client, store.clone(), config).await.unwrap().0;
        }
    }
    panic!("the endpoint never worked");
}

async fn history(seed: u64) {
    let Some(chain) = TestChain::start().await else { return };
    let mut random = StdRng::seed_from_u64(seed);
    chain.mine(80).await;
    let faults = Faults {
        random: StdRng::seed_from_u64(seed ^ 1),
        failing: *[0, 5, 20].get(random.random_range(0..3)).unwrap(),
        log_range: *[1, 10, 1_000].get(random.random_range(0..3)).unwrap(),
        seen: 0,
    };
    let flaky = Flaky {
        upstream: chain.anvil.endpoint(),
        client: reqwest::Client::new(),
        faults: Arc::new(Mutex::new(faults)),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let tasks = Tasks::new();
    let router = Router::new().route("/", post(forward)).with_state(flaky.clone());
    tasks.spawn_detached("endpoint", async move { axum::serve(listener, router).await });

    let url = chain.store_url("simulation.db");
    let store = Store::open(&url).await.unwrap();
    let window = *[8, 32, 256].get(random.random_range(0..3)).unwrap();
    let config = ChainConfig { window, ..chain.config() };
    let follower = follower(&endpoint, &chain, &store, &config).await;
    let mut world = World { chain, endpoint, config, url, store, follower };
    let mut root = 0;
    for _ in 0..40 {
        match random.random_range(0..10) {
            0..=2 => world.chain.mine(random.random_range(1..20)).await,
            3..=5 => {
                root += 1;
                world.chain.add_universe(root).await;
            }
            6 => world.chain.reorg(random.random_range(1..40)).await,
            7 => world.restart().await,
            _ => {
                let steps = random.random_range(1..6);
                world.follow(steps).await;
            }
        }
    }
    assert!(world.follow(20_000).await, "seed {seed}: the head was never reached");
    // A same-height reorg is seen by its hash, so one more look must change nothing.
    while !world.follow(100).await {}
    assert_equal(&world.chain, &world.store).await;
    let seen = flaky.faults.lock().unwrap().seen;
    eprintln!("seed {seed}: {root} universes, window {window}, {seen} failed requests");
    tasks.shutdown(std::time::Duration::from_secs(5)).await;
}

#[tokio::test]
async fn random_histories_end_equal_to_the_chain() {
    let seeds = match std::env::var("OML_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..6).collect(),
    };
    for seed in seeds {
        history(seed).await;
    }
}
