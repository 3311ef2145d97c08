//! Beacon rounds on a local chain: brought once, whoever lies, crashes or comes second.

use crate::chain::TestChain;
use alloy::primitives::{Address, Bytes, address};
use alloy::providers::Provider;
use alloy::providers::ext::AnvilApi;
use oml_contracts::beacon::{BeaconSource, Bn254Key, DrandNetwork};
use oml_node::Tasks;
use oml_node::chain::beacon::{
    BeaconError, DrandFault, ProofSource, RoundHandler, RoundOrders, RoundStep,
};
use oml_node::chain::{BeaconValue, Follower, Head, Sender};
use oml_node::jobs::JobWorker;
use oml_node::store::Store;
use oml_relay::{Relay, RelayKey, Schedule};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

const LIMIT: Duration = Duration::from_secs(20);
const MARGIN: u32 = 30;
/// Contract of EIP-2935, which keeps the hashes of 8,191 blocks.
const HISTORY: Address = address!("0000F90827F1C53a10cb7A02335B175320002935");

/// A drand network of one process, and what runs beside the test.
struct Network {
    tasks: Tasks,
    key: RelayKey,
    schedule: Schedule,
}

impl Network {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let schedule = Schedule { genesis: now - 100_000, period: 1 };
        Self { tasks: Tasks::new(), key: RelayKey::from_seed([7; 32]).unwrap(), schedule }
    }

    fn source(&self) -> BeaconSource {
        BeaconSource::DrandEvmnet(DrandNetwork {
            public_key: Bn254Key::new(self.key.public_key()),
            genesis: self.schedule.genesis,
            period: 1,
            margin: MARGIN,
        })
    }

    /// A chain whose clock is late, so that it can be set forward while every round is out.
    async fn chain(&self) -> Option<TestChain> {
        TestChain::start_with(self.source(), 10_000).await
    }

    async fn relay(&self) -> String {
        self.relay_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    async fn relay_at(&self, at: SocketAddr) -> String {
        let relay = Relay::listen(at, self.key.clone(), self.schedule).await.unwrap();
        let url = relay.url();
        self.tasks.spawn_detached("relay", relay.serve());
        url
    }

    /// A server that answers every request with these bytes; with none, it never answers.
    async fn liar(&self, answer: Vec<u8>) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(answer);
        let tasks = self.tasks.clone();
        self.tasks.spawn_detached("liar", async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                tasks.spawn_detached("lie", async move {
                    let mut request = [0; 4_096];
                    let _ = stream.read(&mut request).await;
                    if answer.is_empty() {
                        std::future::pending::<()>().await;
                    }
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        url
    }

    /// The six ways to lie: all of them are asked beside the honest relay.
    async fn liars(&self, round: u64) -> Vec<String> {
        let stranger = RelayKey::from_seed([8; 32]).unwrap();
        let said = |signature: [u8; 64]| {
            let body = serde_json::json!({ "round": round, "signature": hex::encode(signature) });
            ok(body.to_string().as_bytes())
        };
        vec![
            self.liar(said(self.key.sign(round + 1))).await,
            self.liar(said(stranger.sign(round))).await,
            self.liar(ok(b"<html>captive portal</html>")).await,
            self.liar(ok(&vec![b'['; 10 << 20])).await,
            self.liar(Vec::new()).await,
            self.liar(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_vec()).await,
        ]
    }
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Follower, sender and the worker that brings rounds, over one store.
struct Running {
    tasks: Tasks,
    store: Store,
    orders: RoundOrders,
    heads: watch::Receiver<Head>,
}

impl Running {
    async fn start(chain: &TestChain, account: usize, store: Store, relays: &[String]) -> Self {
        let (client, config) = (chain.client().await, chain.config());
        let (follower, heads) =
            Follower::new(client.clone(), store.clone(), &config).await.unwrap();
        let key = chain.key(account);
        let sender = Sender::new(client.clone(), store.clone(), key, heads.clone(), &config);
        let tasks = Tasks::new();
        tasks.spawn_critical("follower", follower.run(tasks.cancel_token()));
        tasks.spawn_critical("sender", sender.clone().run(tasks.cancel_token()));
        let source = proofs(chain, relays);
        let orders = RoundOrders::new(source.clone(), store.clone());
        let handler = RoundHandler::new(source, sender, heads.clone());
        let worker = JobWorker::new(store.clone(), Arc::new(handler));
        tasks.spawn_critical("rounds", worker.run(tasks.clone()));
        Self { tasks, store, orders, heads }
    }

    async fn stop(self) {
        assert_eq!(self.tasks.shutdown(LIMIT).await, 0);
        assert_eq!(self.tasks.failure(), None);
        self.store.close().await;
    }
}

fn proofs(chain: &TestChain, relays: &[String]) -> ProofSource {
    ProofSource::new(chain.provider.clone(), chain.addresses.beacon, relays).unwrap()
}

async fn store(chain: &TestChain, name: &str) -> Store {
    Store::open(&chain.store_url(name)).await.unwrap()
}

/// Commits a universe, and returns the round that its seed waits for.
async fn committed(chain: &TestChain) -> u64 {
    chain.add_universe(1).await;
    let universe = chain.client().await.reader().universe(chain.model, 0).await.unwrap();
    universe.seed_round
}

/// Sets the chain's clock past the margin.
async fn pass_margin(chain: &TestChain) {
    chain.provider.anvil_increase_time(u64::from(MARGIN) + 2).await.unwrap();
    chain.mine(1).await;
}

async fn until_ready(chain: &TestChain, round: u64) -> [u8; 32] {
    let proofs = proofs(chain, &["http://127.0.0.1:1".to_owned()]);
    for _ in 0..400 {
        if let BeaconValue::Ready(value) = proofs.value(round).await.unwrap() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("round {round} was not brought");
}

async fn nonce(chain: &TestChain, account: usize) -> u64 {
    let account: Address = chain.key(account).address();
    chain.provider.get_transaction_count(account).await.unwrap()
}

#[tokio::test]
async fn lying_relays_cost_nothing_beside_an_honest_one() {
    let network = Network::new();
    let Some(chain) = network.chain().await else { return };
    let round = committed(&chain).await;
    let mut relays = network.liars(round).await;
    relays.push(network.relay().await);
    let node = Running::start(&chain, 1, store(&chain, "liars.db").await, &relays).await;
    let mut heads = node.heads.clone();
    let head = *heads.wait_for(|head| head.number > 0).await.unwrap();
    let step = |head: &Head| node.orders.step(round, BeaconValue::Pending, head);
    assert_eq!(step(&head), RoundStep::Wait);

    pass_margin(&chain).await;
    let due = *heads.wait_for(|head| step(head) == RoundStep::Bring).await.unwrap();
    assert!(due.timestamp > head.timestamp);
    // As many subjects as like wait for one round.
    for _ in 0..5 {
        node.orders.order(round).await.unwrap();
    }
    assert_eq!(until_ready(&chain, round).await, network.key.randomness(round));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(nonce(&chain, 1).await, 1, "one transaction, whoever lied");
    node.stop().await;
}

#[tokio::test]
async fn liars_alone_are_named_and_nothing_is_sent() {
    let network = Network::new();
    let Some(chain) = network.chain().await else { return };
    let round = committed(&chain).await;
    pass_margin(&chain).await;
    let relays = network.liars(round).await;
    let error = proofs(&chain, &relays).proof(round).await.unwrap_err();
    let BeaconError::NoSignature { refused, .. } = &error else { panic!("{error}") };
    let fault =
        |place: usize| &refused.iter().find(|relay| relay.url == relays[place]).unwrap().fault;
    assert!(matches!(fault(0), DrandFault::Refused { .. }), "another round's: {}", fault(0));
    assert!(matches!(fault(1), DrandFault::Refused { .. }), "another key's: {}", fault(1));
    assert!(matches!(fault(2), DrandFault::NotDrand(_)), "{}", fault(2));
    assert!(matches!(fault(3), DrandFault::TooLong { .. }), "{}", fault(3));
    assert!(matches!(fault(4), DrandFault::Unreachable(_)), "silence: {}", fault(4));
    assert!(matches!(fault(5), DrandFault::Status(500)), "{}", fault(5));

    // A node that hears only them goes on trying, and sends nothing.
    let node = Running::start(&chain, 1, store(&chain, "alone.db").await, &relays[..3]).await;
    node.orders.order(round).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(nonce(&chain, 1).await, 0);
    let value = proofs(&chain, &relays).value(round).await.unwrap();
    assert_eq!(value, BeaconValue::Pending, "what can't be fetched is never a value");
    node.stop().await;
}

#[tokio::test]
async fn two_nodes_at_once_bring_one_value() {
    let network = Network::new();
    let Some(chain) = network.chain().await else { return };
    let relays = [network.relay().await];
    let round = committed(&chain).await;
    pass_margin(&chain).await;
    let first = Running::start(&chain, 1, store(&chain, "first.db").await, &relays).await;
    let second = Running::start(&chain, 2, store(&chain, "second.db").await, &relays).await;
    let (one, two) = tokio::join!(first.orders.order(round), second.orders.order(round));
    one.and(two).unwrap();
    assert_eq!(until_ready(&chain, round).await, network.key.randomness(round));
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Whoever is second sends nothing, or brings what is there already.
    assert!(nonce(&chain, 1).await <= 1 && nonce(&chain, 2).await <= 1);
    let log = chain.provider.get_logs(&brought(&chain)).await.unwrap();
    assert_eq!(log.len(), 1, "brought once");
    first.stop().await;
    second.stop().await;
}

fn brought(chain: &TestChain) -> alloy::rpc::types::Filter {
    let address: Address = chain.addresses.beacon.address.into();
    alloy::rpc::types::Filter::new().address(address).from_block(0)
}

#[tokio::test]
async fn a_restart_before_the_proof_or_before_the_block_sends_once() {
    let network = Network::new();
    let Some(chain) = network.chain().await else { return };
    // Nobody listens there yet.
    let port = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let relays = [format!("http://{port}")];
    let round = committed(&chain).await;
    pass_margin(&chain).await;
    let node = Running::start(&chain, 1, store(&chain, "restart.db").await, &relays).await;
    node.orders.order(round).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    node.stop().await;
    assert_eq!(nonce(&chain, 1).await, 0);

    // The proof is there, and the transaction is stored, but in no block when the node stops.
    network.relay_at(port).await;
    chain.provider.anvil_set_auto_mine(false).await.unwrap();
    let node = Running::start(&chain, 1, store(&chain, "restart.db").await, &relays).await;
    let key = format!("beacon/{}/{round}", chain.addresses.beacon.address);
    let mut sent = Vec::new();
    for _ in 0..200 {
        sent = node.store.attempts(&key).await.unwrap();
        if !sent.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sent.len(), 1, "the job went on after the restart");
    node.stop().await;
    chain.provider.anvil_drop_all_transactions().await.unwrap();
    chain.provider.anvil_set_auto_mine(true).await.unwrap();
    chain.mine(1).await;

    let node = Running::start(&chain, 1, store(&chain, "restart.db").await, &relays).await;
    node.orders.order(round).await.unwrap();
    assert_eq!(until_ready(&chain, round).await, network.key.randomness(round));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(nonce(&chain, 1).await, 1);
    assert_eq!(node.store.attempts(&key).await.unwrap().len(), 1, "the same bytes");
    node.stop().await;
}

#[tokio::test]
async fn a_block_is_brought_by_its_header_and_grows_stale() {
    let Some(chain) = TestChain::start().await else { return };
    let round = committed(&chain).await;
    chain.mine(5).await;
    let node = Running::start(&chain, 1, store(&chain, "randao.db").await, &[]).await;
    node.orders.order(round).await.unwrap();
    let value = until_brought(&chain, round).await;
    let block = chain.provider.get_block_by_number(round.into()).await.unwrap().unwrap();
    assert_eq!(value, block.header.mix_hash, "the block's RANDAO");
    node.stop().await;

    // The next block's value nobody brings in time; without the history of EIP-2935, which anvil
    // takes minutes to fill, that is 256 blocks.
    let proofs = proofs(&chain, &[]);
    chain.provider.anvil_set_code(HISTORY, Bytes::new()).await.unwrap();
    chain.mine(300).await;
    assert_eq!(proofs.value(round + 1).await.unwrap(), BeaconValue::Stale);
    let refused = proofs.proof(round + 1).await.unwrap_err();
    assert!(matches!(refused, BeaconError::RefusedHeader { .. }), "{refused}");
    assert_eq!(proofs.value(round).await.unwrap(), BeaconValue::Ready(value), "kept for ever");
}

async fn until_brought(chain: &TestChain, round: u64) -> [u8; 32] {
    let proofs = proofs(chain, &[]);
    for _ in 0..400 {
        if let BeaconValue::Ready(value) = proofs.value(round).await.unwrap() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("block {round} was not brought");
}
