//! Follower, sender and node on endpoints that lack, refuse or confuse something.

use crate::chain::TestChain;
use crate::endpoint::{Endpoint, Fault};
use crate::follower::assert_equal;
use alloy::primitives::Address;
use alloy::signers::local::PrivateKeySigner;
use oml_node::chain::{
    ChainClient, ChainError, FollowError, Follower, Intent, IntentStatus, Sender, Step,
};
use oml_node::config::ChainConfig;
use oml_node::store::Store;
use oml_node::{Node, NodeConfig, Tasks};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A chain, an endpoint in front of it, and a follower through it.
struct World {
    chain: TestChain,
    endpoint: Endpoint,
    store: Store,
    follower: Follower,
}

impl World {
    async fn start(config: impl FnOnce(ChainConfig) -> ChainConfig) -> Option<Self> {
        let chain = TestChain::start().await?;
        let endpoint = Endpoint::start(&chain, Fault::None).await;
        let client = ChainClient::connect(&endpoint.url, chain.addresses).await.unwrap();
        let store = Store::open("sqlite::memory:").await.unwrap();
        let config = config(chain.config());
        let follower = Follower::new(client, store.clone(), &config).await.unwrap().0;
        Some(Self { chain, endpoint, store, follower })
    }

    /// Steps until the head; returns the errors on the way. A reorg fails the test.
    async fn catch_up(&mut self) -> Vec<FollowError> {
        let mut errors = Vec::new();
        for _ in 0..2_000 {
            match self.follower.step().await {
                Ok(Step::AtHead) => return errors,
                Ok(Step::Advanced) => {}
                Ok(Step::Unwound { depth }) => panic!("{depth} blocks were unwound"),
                Err(error) => errors.push(error),
            }
        }
        panic!("the follower did not reach the head: {errors:?}");
    }

    async fn caught_up(&mut self) {
        assert!(self.catch_up().await.is_empty());
        assert_equal(&self.chain, &self.store).await;
    }
}

/// 13 reorgs of one block were seen in 20 s, and rows unwound and read again.
#[tokio::test]
async fn a_block_that_is_not_there_yet_is_asked_for_again_and_is_no_reorg() {
    let Some(mut world) = World::start(|config| config).await else { return };
    world.caught_up().await;
    world.endpoint.set(Fault::LacksBlocks(2));
    let mut asked_again = 0;
    for root in 1..20 {
        world.chain.add_universe(root).await;
        for error in world.catch_up().await {
            assert!(matches!(error, FollowError::Chain(ChainError::Missing { .. })), "{error}");
            asked_again += 1;
        }
    }
    assert!(asked_again > 0);
    world.endpoint.set(Fault::None);
    world.caught_up().await;
}

/// The range was halved with growing pauses, and about every third query was refused for ever.
#[tokio::test]
async fn a_cap_of_log_queries_is_learnt_at_once_and_kept() {
    let Some(mut world) = World::start(|config| config).await else { return };
    world.endpoint.set(Fault::LogCap(10));
    for root in 1..4 {
        world.chain.add_universe(root).await;
        world.chain.mine(100).await;
    }
    // 5,000 blocks down to 9, without a pause and without an error.
    assert_eq!(world.follower.step().await.unwrap(), Step::Advanced);
    let refused = world.endpoint.refused("eth_getLogs");
    assert!((1..=10).contains(&refused), "{refused}");
    world.caught_up().await;
    for root in 4..6 {
        world.chain.add_universe(root).await;
        world.chain.mine(100).await;
        world.caught_up().await;
    }
    assert_eq!(world.endpoint.refused("eth_getLogs"), refused);
}

/// The node never became ready where one of these was left out or null.
#[tokio::test]
async fn header_fields_that_nobody_needs_may_be_left_out_or_null() {
    let Some(mut world) = World::start(|config| config).await else { return };
    let fields = [
        "sha3Uncles",
        "difficulty",
        "totalDifficulty",
        "mixHash",
        "nonce",
        "miner",
        "logsBloom",
        "size",
        "stateRoot",
        "receiptsRoot",
        "transactionsRoot",
        "extraData",
        "gasLimit",
        "gasUsed",
        "baseFeePerGas",
        "withdrawals",
        "withdrawalsRoot",
        "uncles",
        "transactions",
    ];
    world.chain.mine(70).await;
    for (root, field) in (1_u8..).zip(fields) {
        for fault in [Fault::Without(field), Fault::Null(field)] {
            world.endpoint.set(fault.clone());
            let connected = ChainClient::connect(&world.endpoint.url, world.chain.addresses).await;
            connected.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            world.chain.add_universe(root).await;
            let errors = world.catch_up().await;
            assert!(errors.is_empty(), "{fault:?}: {errors:?}");
            world.chain.reorg(1).await;
            world.chain.mine(1).await;
            while world.follower.step().await.unwrap() != Step::AtHead {}
        }
    }
    world.endpoint.set(Fault::None);
    world.caught_up().await;
}

#[tokio::test]
async fn transactions_need_no_pending_block_and_no_fee_history() {
    let Some(World { chain, endpoint, store, follower }) = World::start(|config| config).await
    else {
        return;
    };
    endpoint.set(Fault::Sparse);
    let client = ChainClient::connect(&endpoint.url, chain.addresses).await.unwrap();
    drop(follower);
    let config = chain.config();
    let (follower, heads) = Follower::new(client.clone(), store.clone(), &config).await.unwrap();
    let key: PrivateKeySigner = chain.key(0);
    let sender = Sender::new(client, store.clone(), key, heads, &config);
    let tasks = Tasks::new();
    tasks.spawn_critical("follower", follower.run(tasks.cancel_token()));
    tasks.spawn_critical("sender", sender.clone().run(tasks.cancel_token()));
    let to: Address = chain.addresses.license_registry.into();
    for root in 1..4 {
        let key = format!("universe {root}");
        let intent = Intent::call(&key, to, &chain.commit_universe(root), "commit a universe");
        sender.submit(intent).await.unwrap();
        let status = sender.wait(&key, Duration::from_secs(20)).await.unwrap();
        assert!(matches!(status, IntentStatus::Mined { succeeded: true, .. }), "{status:?}");
    }
    assert!(endpoint.refused("eth_feeHistory") > 0);
    assert!(endpoint.refused("eth_estimateGas") > 0);
    assert!(endpoint.refused("eth_getTransactionCount") > 0);
    assert_eq!(tasks.shutdown(Duration::from_secs(20)).await, 0);
}

/// On another chain every nonce of the account looks unused, or used by somebody else.
#[tokio::test]
async fn nothing_is_sent_or_given_up_while_another_chain_answers() {
    let Some(World { chain, endpoint, store, mut follower }) = World::start(|config| config).await
    else {
        return;
    };
    let client = ChainClient::connect(&endpoint.url, chain.addresses).await.unwrap();
    while follower.step().await.unwrap() != Step::AtHead {}
    let config = chain.config();
    let (mut follower, heads) =
        Follower::new(client.clone(), store.clone(), &config).await.unwrap();
    let sender = Sender::new(client, store.clone(), chain.key(0), heads, &config);
    let to: Address = chain.addresses.license_registry.into();
    let intent = Intent::call("universe", to, &chain.commit_universe(1), "commit a universe");
    endpoint.set(Fault::OtherChain(1));
    chain.mine(1).await;
    follower.step().await.unwrap_err();
    let refused = sender.submit(intent.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("serves chain 1"), "{refused}");
    assert_eq!(sender.status("universe").await.unwrap(), None);
    endpoint.set(Fault::None);
    while follower.step().await.unwrap() != Step::AtHead {}
    sender.submit(intent).await.unwrap();
}

/// The index was dropped, an old head announced, and claims were sent from that past.
#[tokio::test]
async fn an_endpoint_far_behind_changes_nothing() {
    let small = |config| ChainConfig { window: 16, finality_depth: 8, ..config };
    let Some(mut world) = World::start(small).await else { return };
    world.chain.add_universe(1).await;
    let old = world.chain.addresses.deployed_at_block + 1;
    world.chain.mine(100).await;
    world.chain.add_universe(2).await;
    world.caught_up().await;
    world.endpoint.set(Fault::Lags(old));
    for _ in 0..3 {
        let error = world.follower.step().await.unwrap_err();
        assert!(matches!(error, FollowError::Chain(ChainError::Behind { .. })), "{error}");
    }
    assert_eq!(world.store.universes(world.chain.model).await.unwrap().len(), 2);
    world.endpoint.set(Fault::None);
    world.chain.add_universe(3).await;
    world.caught_up().await;
}

/// All rows were deleted, and the node said that it was ready.
#[tokio::test]
async fn another_chain_at_run_time_changes_nothing() {
    let Some(mut world) = World::start(|config| config).await else { return };
    world.chain.add_universe(1).await;
    world.chain.mine(5).await;
    world.caught_up().await;
    for fault in [Fault::OtherChain(1), Fault::OtherGenesis] {
        world.endpoint.set(fault.clone());
        for _ in 0..3 {
            let error = world.follower.step().await.unwrap_err();
            let expected = matches!(
                (&fault, &error),
                (Fault::OtherChain(1), FollowError::Chain(ChainError::WrongChain { found: 1, .. }))
                    | (Fault::OtherGenesis, FollowError::Chain(ChainError::OtherGenesis { .. }))
            );
            assert!(expected, "{fault:?}: {error}");
        }
        assert_eq!(world.store.universes(world.chain.model).await.unwrap().len(), 1);
        world.endpoint.set(Fault::None);
        world.caught_up().await;
    }
}

/// A running node through an endpoint.
pub(crate) struct RunningNode {
    pub(crate) base: String,
    cancel: CancellationToken,
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl RunningNode {
    pub(crate) async fn start(chain: &TestChain, url: &str, more: &str) -> Self {
        let text = format!(
            "[chain]\nrpc_url = {url:?}\naddresses = {:?}\npoll_interval_ms = 20\n{more}\n\
             [store]\nurl = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n",
            chain.folder.path().join("addresses.json"),
            chain.store_url("node.db"),
        );
        let node = Node::start(NodeConfig::from_toml(&text, "test").unwrap()).await.unwrap();
        let base = format!("http://{}", node.local_addr());
        let cancel = CancellationToken::new();
        Tasks::new().spawn_detached("node", node.run(cancel.clone()));
        Self { base, cancel }
    }

    /// Waits until the node is ready, or says this of why it is not.
    pub(crate) async fn until(&self, problem: Option<&str>) -> String {
        let mut text = String::new();
        for _ in 0..400 {
            let answer = reqwest::get(format!("{}/readyz", self.base)).await.unwrap();
            let ready = answer.status().is_success();
            text = answer.text().await.unwrap();
            if ready == problem.is_none() && text.contains(problem.unwrap_or_default()) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never {problem:?}: {text}");
    }
}

#[tokio::test]
async fn a_node_is_not_ready_while_another_chain_answers() {
    let Some(chain) = TestChain::start().await else { return };
    let endpoint = Endpoint::start(&chain, Fault::None).await;
    let node = RunningNode::start(&chain, &endpoint.url, "").await;
    node.until(None).await;
    endpoint.set(Fault::OtherChain(1));
    node.until(Some("serves chain 1, the addresses file is for chain 31337")).await;
    endpoint.set(Fault::None);
    chain.mine(1).await;
    node.until(None).await;
    endpoint.set(Fault::OtherGenesis);
    node.until(Some("begins with block 0x7777")).await;
    endpoint.set(Fault::WebPage);
    node.until(Some("an HTML page came instead of a JSON-RPC answer: <html>down</html>")).await;
    endpoint.set(Fault::None);
    node.until(None).await;
}

#[tokio::test]
async fn a_node_is_not_ready_while_its_head_is_old() {
    let Some(chain) = TestChain::start().await else { return };
    chain.mine(1).await;
    let node = RunningNode::start(&chain, &chain.anvil.endpoint(), "max_head_age_s = 2").await;
    node.until(None).await;
    node.until(Some("more than the 2 s of chain.max_head_age_s")).await;
    chain.mine(1).await;
    node.until(None).await;
}
