use crate::chain::TestChain;
use alloy::providers::Provider;
use oml_node::chain::Follower;
use oml_node::chain::Step;
use oml_node::config::ChainConfig;
use oml_node::store::Store;

async fn follower(chain: &TestChain, store: &Store, config: &ChainConfig) -> Follower {
    Follower::new(chain.client().await, store.clone(), config).await.unwrap().0
}

/// Steps until the store is at the head; returns the depth of every unwinding on the way.
async fn catch_up(follower: &mut Follower) -> Vec<u64> {
    let mut unwound = Vec::new();
    for _ in 0..2_000 {
        match follower.step().await.unwrap() {
            Step::AtHead => return unwound,
            Step::Advanced => {}
            Step::Unwound { depth } => unwound.push(depth),
        }
    }
    panic!("the follower did not reach the head");
}

/// The store must say what the chain says, however it got there.
pub(crate) async fn assert_equal(chain: &TestChain, store: &Store) {
    let latest =
        chain.provider.get_block_by_number(Default::default()).await.unwrap().unwrap().header;
    let head = store.head().await.unwrap().unwrap();
    assert_eq!((head.number, head.hash), (latest.number, latest.hash));
    let reader = chain.client().await.reader();
    let epochs = reader.epochs(chain.model).await.unwrap();
    let stored = store.universes(chain.model).await.unwrap();
    assert_eq!(u32::try_from(stored.len()).unwrap(), epochs);
    for row in stored {
        assert_eq!(reader.universe(chain.model, row.epoch).await.unwrap().root, row.root);
    }
    let events = store.events_named(chain.model.into(), "UniverseCommitted").await.unwrap();
    assert_eq!(u32::try_from(events.len()).unwrap(), epochs);
}

#[tokio::test]
async fn finds_reorgs_of_any_depth_inside_the_window() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open("sqlite::memory:").await.unwrap();
    let mut follower = follower(&chain, &store, &chain.config()).await;
    // The deepest reorg must not take the model out as well.
    chain.mine(30).await;
    for (root, depth) in [(1, 1), (2, 5), (3, 20)] {
        chain.add_universe(root).await;
        chain.mine(depth / 2).await;
        catch_up(&mut follower).await;
        assert_equal(&chain, &store).await;
        chain.reorg(depth).await;
        chain.mine(1).await;
        let unwound = catch_up(&mut follower).await;
        assert_eq!(unwound.len(), 1, "depth {depth}: {unwound:?}");
        assert!(unwound[0] >= depth, "depth {depth}: {unwound:?}");
        assert_equal(&chain, &store).await;
        chain.add_universe(root + 10).await;
        catch_up(&mut follower).await;
        assert_equal(&chain, &store).await;
    }
}

#[tokio::test]
async fn finds_a_reorg_that_happened_while_it_was_down() {
    let Some(chain) = TestChain::start().await else { return };
    let url = chain.store_url("offline.db");
    let store = Store::open(&url).await.unwrap();
    chain.add_universe(1).await;
    chain.mine(3).await;
    chain.add_universe(2).await;
    let mut first = follower(&chain, &store, &chain.config()).await;
    catch_up(&mut first).await;
    assert_equal(&chain, &store).await;
    drop(first);
    store.close().await;

    chain.reorg(2).await;
    chain.add_universe(3).await;
    chain.mine(5).await;

    let store = Store::open(&url).await.unwrap();
    let mut second = follower(&chain, &store, &chain.config()).await;
    assert_eq!(catch_up(&mut second).await.len(), 1);
    assert_equal(&chain, &store).await;
}

#[tokio::test]
async fn reads_everything_again_after_a_reorg_deeper_than_its_window() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open("sqlite::memory:").await.unwrap();
    let config = ChainConfig { window: 8, ..chain.config() };
    let mut follower = follower(&chain, &store, &config).await;
    chain.mine(20).await;
    chain.add_universe(1).await;
    chain.mine(10).await;
    chain.add_universe(2).await;
    catch_up(&mut follower).await;
    assert_equal(&chain, &store).await;
    assert!(store.window().await.unwrap().len() <= 9);
    chain.reorg(30).await;
    chain.add_universe(3).await;
    assert_eq!(catch_up(&mut follower).await.len(), 1);
    assert_equal(&chain, &store).await;
}

#[tokio::test]
async fn fills_gaps_and_uses_ranges_for_final_blocks() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open("sqlite::memory:").await.unwrap();
    let config = ChainConfig { max_log_range: 50, ..chain.config() };
    let mut follower = follower(&chain, &store, &config).await;
    chain.add_universe(1).await;
    catch_up(&mut follower).await;
    for root in 2..5 {
        chain.mine(70).await;
        chain.add_universe(root).await;
    }
    let heads = catch_up(&mut follower).await;
    assert_eq!(heads, Vec::<u64>::new());
    assert_equal(&chain, &store).await;
    let universe = store.universe(chain.model, 2).await.unwrap().unwrap();
    let events = store.events_named(chain.model.into(), "UniverseCommitted").await.unwrap();
    let event = &events[2];
    assert_eq!(event.block, universe.block);
    let block = chain.provider.get_block_by_number(event.block.into()).await.unwrap().unwrap();
    assert_eq!(event.timestamp, block.header.timestamp);
}

#[tokio::test]
async fn a_head_is_announced_after_its_rows_are_stored() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open("sqlite::memory:").await.unwrap();
    let (follower, mut heads) =
        Follower::new(chain.client().await, store.clone(), &chain.config()).await.unwrap();
    let tasks = oml_node::Tasks::new();
    tasks.spawn_critical("follower", follower.run(tasks.cancel_token()));
    for root in 1..6 {
        chain.add_universe(root).await;
        let number = chain.provider.get_block_number().await.unwrap();
        let limit = std::time::Duration::from_secs(20);
        let wait = heads.wait_for(|head| head.number >= number);
        tokio::time::timeout(limit, wait).await.unwrap().unwrap();
        assert_eq!(store.universes(chain.model).await.unwrap().len(), usize::from(root));
    }
    assert_eq!(tasks.shutdown(std::time::Duration::from_secs(5)).await, 0);
    assert_eq!(tasks.failure(), None);
}

#[tokio::test]
async fn an_endpoint_of_another_chain_is_refused_by_name() {
    let Some(chain) = TestChain::start().await else { return };
    let mut addresses = chain.addresses;
    addresses.chain_id = 1;
    let error = oml_node::chain::ChainClient::connect(&chain.anvil.endpoint(), addresses)
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("serves chain 31337, the addresses file is for chain 1"), "{text}");
    let mut addresses = chain.addresses;
    addresses.collateral_vault = oml_contracts::EthAddress::new([0x77; 20]);
    let error = oml_node::chain::ChainClient::connect(&chain.anvil.endpoint(), addresses)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("(CollateralVault) on chain 31337"), "{error}");
}
