//! Several endpoints of one chain, of which some fail, lag, lie, or serve another chain.

use crate::chain::TestChain;
use crate::endpoint::{Endpoint, Fault};
use crate::endpoints::RunningNode;
use crate::follower::assert_equal;
use oml_node::chain::{ChainClient, ChainError, FollowError, Follower, Step};
use oml_node::config::ChainConfig;
use oml_node::store::Store;
use std::time::Duration;

/// A chain, endpoints in front of it, and a follower through them.
struct World {
    chain: TestChain,
    endpoints: Vec<Endpoint>,
    store: Store,
    follower: Follower,
}

impl World {
    /// With `blocks` blocks, of which the first has an event.
    async fn start(faults: &[Fault], blocks: u64) -> Option<Self> {
        let chain = TestChain::start().await?;
        chain.add_universe(1).await;
        chain.mine(blocks).await;
        let mut endpoints = Vec::new();
        for fault in faults {
            endpoints.push(Endpoint::start(&chain, fault.clone()).await);
        }
        let config = ChainConfig {
            rpc_url: endpoints[0].url.clone(),
            further_rpc_urls: endpoints[1..].iter().map(|one| one.url.clone()).collect(),
            ..chain.config()
        };
        let client = ChainClient::open(&config).await.unwrap();
        let store = Store::open("sqlite::memory:").await.unwrap();
        let follower = Follower::new(client, store.clone(), &config).await.unwrap().0;
        Some(Self { chain, endpoints, store, follower })
    }

    /// Steps until the head, past failures. A reorg fails the test.
    async fn caught_up(&mut self) -> Vec<FollowError> {
        let mut errors = Vec::new();
        for _ in 0..500 {
            match self.follower.step().await {
                Ok(Step::AtHead) => {
                    let latest = self.chain.provider_head().await;
                    if self.store.head().await.unwrap().is_some_and(|head| head.number == latest) {
                        assert_equal(&self.chain, &self.store).await;
                        return errors;
                    }
                }
                Ok(Step::Advanced) => {}
                Ok(Step::Unwound { depth }) => panic!("{depth} blocks were unwound"),
                Err(error) => errors.push(error),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the follower did not reach the head: {errors:?}");
    }
}

/// Further endpoints as the configuration names them.
fn further(endpoints: &[&Endpoint]) -> String {
    let urls: Vec<&str> = endpoints.iter().map(|one| one.url.as_str()).collect();
    format!("further_rpc_urls = {urls:?}")
}

#[tokio::test]
async fn one_endpoint_takes_over_from_another_without_a_reorg() {
    let faults = [Fault::None, Fault::None];
    let Some(mut world) = World::start(&faults, 70).await else { return };
    assert!(world.caught_up().await.is_empty());
    for (root, down, fault) in
        [(2, 0, Fault::Down), (3, 1, Fault::WebPage), (4, 0, Fault::LacksBlocks(3))]
    {
        world.endpoints[down].set(fault);
        world.endpoints[1 - down].set(Fault::None);
        world.chain.add_universe(root).await;
        world.caught_up().await;
    }
    // An endpoint that was down at the start is used once it is up.
    let Some(mut world) = World::start(&[Fault::Down, Fault::None], 5).await else { return };
    world.caught_up().await;
    world.endpoints[1].set(Fault::Down);
    world.endpoints[0].set(Fault::None);
    world.chain.add_universe(2).await;
    world.caught_up().await;
}

#[tokio::test]
async fn an_endpoint_that_lags_is_left_for_one_that_does_not() {
    let faults = [Fault::None, Fault::None];
    let Some(mut world) = World::start(&faults, 5).await else { return };
    world.caught_up().await;
    world.endpoints[0].set(Fault::Lags(world.chain.provider_head().await));
    world.chain.mine(20).await;
    world.chain.add_universe(2).await;
    // Lag is measured by a survey, which follows a failure or a while.
    world.endpoints[0].set(Fault::Down);
    world.caught_up().await;
    world.endpoints[0].set(Fault::Lags(1));
    world.chain.add_universe(3).await;
    assert!(world.caught_up().await.is_empty());
}

#[tokio::test]
async fn endpoints_that_contradict_each_other_change_nothing_and_are_named() {
    let faults = [Fault::None, Fault::None];
    let Some(mut world) = World::start(&faults, 80).await else { return };
    let fork = world.chain.addresses.deployed_at_block;
    world.endpoints[1].set(Fault::Forked(fork));
    let error = world.follower.step().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, FollowError::Chain(ChainError::Contradicted(_))), "{text}");
    assert!(world.endpoints.iter().all(|one| text.contains(&one.url)), "{text}");
    assert!(world.store.head().await.unwrap().is_none());
    world.endpoints[1].set(Fault::None);
    world.caught_up().await;
}

/// A fork below what was final is no reorg as long as a second endpoint knows better, or says
/// nothing.
#[tokio::test]
async fn one_endpoint_alone_takes_back_nothing_that_was_final() {
    let faults = [Fault::None, Fault::None];
    let Some(mut world) = World::start(&faults, 80).await else { return };
    world.caught_up().await;
    let head = world.store.head().await.unwrap();
    world.endpoints[0].set(Fault::Forked(2));
    world.endpoints[1].set(Fault::Down);
    world.chain.mine(1).await;
    for _ in 0..5 {
        let error = world.follower.step().await.unwrap_err();
        assert!(
            matches!(
                error,
                FollowError::Chain(
                    ChainError::UnconfirmedReorg { .. } | ChainError::Contradicted(_)
                )
            ),
            "{error}"
        );
    }
    assert_eq!(world.store.head().await.unwrap(), head);
}

#[tokio::test]
async fn the_majority_says_which_chain_it_is() {
    let faults = [Fault::None, Fault::None, Fault::None];
    let Some(mut world) = World::start(&faults, 80).await else { return };
    world.endpoints[0].set(Fault::Forked(2));
    assert!(world.caught_up().await.is_empty());
}

#[tokio::test]
async fn a_limit_of_requests_is_learnt_and_kept() {
    let Some(mut world) = World::start(&[Fault::None], 30).await else { return };
    world.endpoints[0].set(Fault::RateLimit(40));
    world.caught_up().await;
    for root in 2..6 {
        world.chain.mine(10).await;
        world.chain.add_universe(root).await;
        world.caught_up().await;
    }
    let refused = world.endpoints[0].refused("any");
    let asked = world.endpoints[0].asked("eth_getBlockByNumber");
    // How well it is used is a matter of time, which `chain/endpoints/rate.rs` tests without any.
    assert!(refused >= 1 && refused < asked, "{refused} of {asked}");
}

#[tokio::test]
async fn a_batch_that_is_refused_is_asked_for_in_parts() {
    for most in [10, 1] {
        let Some(mut world) = World::start(&[Fault::BatchCap(most)], 150).await else { return };
        assert!(world.caught_up().await.is_empty());
    }
}

/// Five seconds of empty answers lost events for ever, and the node said that it was ready.
#[tokio::test]
async fn a_log_that_an_endpoint_leaves_out_is_found_in_the_receipts() {
    for fault in [Fault::OmitsLogs, Fault::OmitsLogsWithoutBlockReceipts, Fault::OmitsAllButOneLog]
    {
        // In final blocks, and near the head.
        let Some(mut world) = World::start(std::slice::from_ref(&fault), 80).await else { return };
        let errors = world.caught_up().await;
        assert!(errors.is_empty(), "{fault:?}: {errors:?}");
        world.chain.add_two_universes(2).await;
        let errors = world.caught_up().await;
        assert!(errors.is_empty(), "{fault:?}: {errors:?}");
        assert!(world.endpoints[0].asked("eth_getBlockReceipts") > 0);
    }
}

#[tokio::test]
async fn an_endpoint_that_leaves_out_logs_everywhere_is_found_by_the_bloom_filter() {
    let Some(mut world) = World::start(&[Fault::OmitsLogsAndReceipts], 80).await else { return };
    for _ in 0..3 {
        let error = world.follower.step().await.unwrap_err();
        let expected = matches!(error, FollowError::Chain(ChainError::LogsOmitted { .. }));
        assert!(expected, "{error}");
    }
    world.endpoints[0].set(Fault::None);
    world.caught_up().await;
    world.endpoints[0].set(Fault::OmitsLogsAndReceipts);
    world.chain.add_universe(2).await;
    let error = world.follower.step().await.unwrap_err();
    assert!(matches!(error, FollowError::Chain(ChainError::LogsOmitted { .. })), "{error}");
    // With a second endpoint nothing is lost, and the first is not asked any more.
    let faults = [Fault::OmitsLogsAndReceipts, Fault::None];
    let Some(mut world) = World::start(&faults, 80).await else { return };
    assert_eq!(world.caught_up().await.len(), 1);
    let asked = world.endpoints[0].asked("eth_getLogs");
    world.chain.add_universe(2).await;
    assert!(world.caught_up().await.is_empty());
    assert_eq!(world.endpoints[0].asked("eth_getLogs"), asked);
}

#[tokio::test]
async fn a_websocket_is_an_endpoint_too() {
    let Some(chain) = TestChain::start().await else { return };
    chain.add_universe(1).await;
    let down = Endpoint::start(&chain, Fault::Down).await;
    let node = RunningNode::start(&chain, &chain.anvil.ws_endpoint(), &further(&[&down])).await;
    node.until(None).await;
    chain.add_universe(2).await;
    node.until(None).await;
    let status = reqwest::get(format!("{}/status", node.base)).await.unwrap();
    let status: serde_json::Value = status.json().await.unwrap();
    let endpoints = status["endpoints"].as_array().unwrap();
    assert_eq!(endpoints[0]["endpoint"], chain.anvil.ws_endpoint());
    assert_eq!((&endpoints[0]["current"], &endpoints[0]["usable"]), (&true.into(), &true.into()));
    assert_eq!(endpoints[1]["usable"], false);
    assert!(endpoints[1]["last_failure"].as_str().unwrap().contains("HTTP 503: out of order"));
}

#[tokio::test]
async fn a_node_is_not_ready_while_one_endpoint_serves_another_chain_or_fork() {
    let Some(chain) = TestChain::start().await else { return };
    chain.mine(80).await;
    let (good, bad) =
        (Endpoint::start(&chain, Fault::None).await, Endpoint::start(&chain, Fault::None).await);
    for fault in [Fault::OtherChain(5), Fault::OtherGenesis, Fault::Forked(3)] {
        bad.set(fault.clone());
        let node = RunningNode::start(&chain, &good.url, &further(&[&bad])).await;
        let text = node.until(Some(bad.url.as_str())).await;
        let said = match fault {
            Fault::OtherChain(_) => "serves chain 5, the addresses file is for chain 31337",
            Fault::OtherGenesis => "begins with block 0x7777",
            _ => "which is final, is 0x6666",
        };
        assert!(text.contains(said), "{fault:?}: {text}");
    }
}

#[tokio::test]
async fn nobody_is_told_what_is_secret_in_a_url() {
    let Some(chain) = TestChain::start().await else { return };
    let limited = Endpoint::start(&chain, Fault::None).await;
    let url = format!("{}/v3/SECRET?key=SECRET", limited.url);
    let node = RunningNode::start(&chain, &url, "").await;
    node.until(None).await;
    for (fault, said) in [(Fault::Down, "HTTP 503"), (Fault::OtherChain(7), "serves chain 7")] {
        limited.set(fault);
        let text = node.until(Some(said)).await;
        let status = reqwest::get(format!("{}/status", node.base)).await.unwrap();
        let status = status.text().await.unwrap();
        assert!(!text.contains("SECRET") && !status.contains("SECRET"), "{text} {status}");
    }
}
