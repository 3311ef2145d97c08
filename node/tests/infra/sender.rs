use crate::chain::TestChain;
use alloy::primitives::{Address, B256, ChainId, Signature};
use alloy::providers::Provider;
use alloy::providers::ext::AnvilApi;
use alloy::signers::Signer;
use alloy::signers::local::PrivateKeySigner;
use oml_node::Tasks;
use oml_node::chain::{
    AccountSigner, ChainClient, Follower, Head, Intent, IntentStatus, Sender, SenderError,
};
use oml_node::config::ChainConfig;
use oml_node::store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

const LIMIT: Duration = Duration::from_secs(20);

/// A running follower and sender over one store.
struct Running {
    tasks: Tasks,
    store: Store,
    sender: Sender,
    heads: watch::Receiver<Head>,
}

impl Running {
    async fn start(chain: &TestChain, store: Store, config: &ChainConfig) -> Self {
        Self::start_as(chain, store, config, chain.key(0)).await
    }

    async fn start_as(
        chain: &TestChain,
        store: Store,
        config: &ChainConfig,
        account: impl Into<AccountSigner>,
    ) -> Self {
        let client: ChainClient = chain.client().await;
        let (follower, heads) = Follower::new(client.clone(), store.clone(), config).await.unwrap();
        let sender = Sender::new(client, store.clone(), account, heads.clone(), config);
        let tasks = Tasks::new();
        tasks.spawn_critical("follower", follower.run(tasks.cancel_token()));
        tasks.spawn_critical("sender", sender.clone().run(tasks.cancel_token()));
        Self { tasks, store, sender, heads }
    }

    async fn stop(self) {
        assert_eq!(self.tasks.shutdown(LIMIT).await, 0);
        assert_eq!(self.tasks.failure(), None);
    }

    async fn until(&self, key: &str, what: impl Fn(&IntentStatus) -> bool) -> IntentStatus {
        let mut last = None;
        for _ in 0..400 {
            let status = self.sender.status(key).await.unwrap().unwrap();
            if what(&status) {
                return status;
            }
            last = Some(status);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{key} stayed {last:?}");
    }
}

fn universe(chain: &TestChain, key: &str, root: u8) -> Intent {
    let to: Address = chain.addresses.license_registry.into();
    Intent::call(key, to, &chain.commit_universe(root), format!("commit universe {root}"))
}

async fn nonce(chain: &TestChain) -> u64 {
    chain.provider.get_transaction_count(chain.owner.into()).await.unwrap()
}

#[tokio::test]
async fn the_same_intent_many_times_is_one_transaction() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open(&chain.store_url("one.db")).await.unwrap();
    let node = Running::start(&chain, store, &chain.config()).await;
    let before = nonce(&chain).await;
    let submits = (0..8).map(|_| node.sender.submit(universe(&chain, "universe:1", 1)));
    for outcome in futures::future::join_all(submits).await {
        outcome.unwrap();
    }
    let status = node.sender.wait("universe:1", LIMIT).await.unwrap();
    assert!(status.took_effect(), "{status:?}");
    assert!(node.sender.submit(universe(&chain, "universe:1", 1)).await.unwrap().took_effect());
    assert_eq!(nonce(&chain).await, before + 1);
    let taken = node.sender.submit(universe(&chain, "universe:1", 2)).await.unwrap_err();
    assert!(matches!(taken, SenderError::KeyTaken { .. }), "{taken}");

    let submits =
        (2..10).map(|n| node.sender.submit(universe(&chain, &format!("universe:{n}"), n)));
    for outcome in futures::future::join_all(submits).await {
        outcome.unwrap();
    }
    for n in 2..10 {
        let status = node.sender.wait(&format!("universe:{n}"), LIMIT).await.unwrap();
        assert!(status.took_effect(), "{n}: {status:?}");
    }
    assert_eq!(nonce(&chain).await, before + 9);

    chain.mine(70).await;
    let done = node.until("universe:1", IntentStatus::is_final).await;
    assert!(matches!(done, IntentStatus::Done { .. }), "{done:?}");
    node.stop().await;
}

#[tokio::test]
async fn a_call_that_would_revert_is_not_sent_and_names_the_reason() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open("sqlite::memory:").await.unwrap();
    let node = Running::start(&chain, store, &chain.config()).await;
    let before = nonce(&chain).await;
    let error = node.sender.submit(universe(&chain, "bad", 0)).await.unwrap_err();
    assert!(error.to_string().contains("LicenseRegistry_EmptyRoot"), "{error}");
    assert!(matches!(error, SenderError::WouldRevert { .. }));
    assert_eq!(node.sender.status("bad").await.unwrap(), None);
    assert_eq!(nonce(&chain).await, before);
    let mut heads = node.heads.clone();
    heads.wait_for(|head| head.timestamp > 0).await.unwrap();
    let late = universe(&chain, "late", 1).with_deadline(1);
    assert!(matches!(node.sender.submit(late).await, Err(SenderError::TooLate { .. })));
    node.stop().await;
}

#[tokio::test]
async fn a_restart_sends_the_stored_bytes_again() {
    let Some(chain) = TestChain::start().await else { return };
    let url = chain.store_url("restart.db");
    let store = Store::open(&url).await.unwrap();
    let node = Running::start(&chain, store, &chain.config()).await;
    chain.provider.anvil_set_auto_mine(false).await.unwrap();
    node.sender.submit(universe(&chain, "universe:1", 1)).await.unwrap();
    let sent = node.store.attempts("universe:1").await.unwrap();
    let store = node.store.clone();
    node.stop().await;
    store.close().await;
    chain.provider.anvil_drop_all_transactions().await.unwrap();
    chain.provider.anvil_set_auto_mine(true).await.unwrap();
    chain.mine(1).await;

    let store = Store::open(&url).await.unwrap();
    let node = Running::start(&chain, store, &chain.config()).await;
    let status = node.sender.wait("universe:1", LIMIT).await.unwrap();
    let IntentStatus::Mined { tx_hash, succeeded: true, .. } = status else {
        panic!("{status:?}");
    };
    assert_eq!(tx_hash, sent[0].tx_hash);
    assert_eq!(node.store.attempts("universe:1").await.unwrap().len(), 1);
    node.stop().await;
}

#[tokio::test]
async fn a_transaction_that_a_reorg_removed_is_sent_again() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open(&chain.store_url("reorg.db")).await.unwrap();
    let node = Running::start(&chain, store, &chain.config()).await;
    node.sender.submit(universe(&chain, "universe:1", 1)).await.unwrap();
    let first = node.sender.wait("universe:1", LIMIT).await.unwrap();
    assert!(first.took_effect());
    let before = nonce(&chain).await;
    chain.reorg(1).await;
    chain.mine(1).await;
    let reader = chain.client().await.reader();
    let mut came_back = false;
    for _ in 0..400 {
        let used = nonce(&chain).await;
        came_back = used == before && reader.epochs(chain.model).await.unwrap() == 1;
        if came_back {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(came_back, "the transaction did not come back");
    let again = node.until("universe:1", IntentStatus::took_effect).await;
    assert_ne!(first, again, "it is in another block");
    assert_eq!(node.store.universes(chain.model).await.unwrap().len(), 1);
    node.stop().await;
}

#[tokio::test]
async fn a_stuck_transaction_gets_higher_fees_under_its_nonce() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open(&chain.store_url("bump.db")).await.unwrap();
    let config = ChainConfig { resubmit_after_s: 1, ..chain.config() };
    let node = Running::start(&chain, store, &config).await;
    let before = nonce(&chain).await;
    chain.provider.anvil_set_auto_mine(false).await.unwrap();
    node.sender.submit(universe(&chain, "universe:1", 1)).await.unwrap();
    let mut attempts = Vec::new();
    for _ in 0..200 {
        attempts = node.store.attempts("universe:1").await.unwrap();
        if attempts.len() >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(attempts.len() >= 3, "{} attempts", attempts.len());
    for (newer, older) in attempts.iter().zip(attempts.iter().skip(1)) {
        assert!(newer.max_fee > older.max_fee && newer.tip > older.tip);
    }
    chain.mine(1).await;
    chain.provider.anvil_set_auto_mine(true).await.unwrap();
    assert!(node.sender.wait("universe:1", LIMIT).await.unwrap().took_effect());
    assert_eq!(nonce(&chain).await, before + 1);
    node.stop().await;
}

/// A key that somebody else holds, who is away at times.
struct HeldElsewhere {
    key: PrivateKeySigner,
    presence: Arc<Presence>,
}

#[derive(Default)]
struct Presence {
    is_away: AtomicBool,
    refusals: AtomicUsize,
}

#[async_trait::async_trait]
impl Signer for HeldElsewhere {
    async fn sign_hash(&self, hash: &B256) -> alloy::signers::Result<Signature> {
        if self.presence.is_away.load(Ordering::SeqCst) {
            self.presence.refusals.fetch_add(1, Ordering::SeqCst);
            return Err(alloy::signers::Error::other("away"));
        }
        self.key.sign_hash(hash).await
    }

    fn address(&self) -> Address {
        self.key.address()
    }

    fn chain_id(&self) -> Option<ChainId> {
        None
    }

    fn set_chain_id(&mut self, _chain_id: Option<ChainId>) {}
}

/// Whoever holds a key remotely can be away; before, one refusal to sign ended the node's sender.
#[tokio::test]
async fn a_signer_that_is_away_is_asked_again() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open(&chain.store_url("away.db")).await.unwrap();
    let config = ChainConfig { resubmit_after_s: 1, ..chain.config() };
    let presence = Arc::new(Presence::default());
    let account = HeldElsewhere { key: chain.key(0), presence: Arc::clone(&presence) };
    let node = Running::start_as(&chain, store, &config, account).await;
    let before = nonce(&chain).await;

    presence.is_away.store(true, Ordering::SeqCst);
    let refused = node.sender.submit(universe(&chain, "universe:1", 1)).await.unwrap_err();
    assert!(matches!(refused, SenderError::Signing(_)), "{refused}");
    assert_eq!(node.sender.status("universe:1").await.unwrap(), None);

    presence.is_away.store(false, Ordering::SeqCst);
    chain.provider.anvil_set_auto_mine(false).await.unwrap();
    node.sender.submit(universe(&chain, "universe:1", 1)).await.unwrap();
    presence.is_away.store(true, Ordering::SeqCst);
    for _ in 0..200 {
        if presence.refusals.load(Ordering::SeqCst) >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(presence.refusals.load(Ordering::SeqCst) >= 3, "it was not asked again");
    assert_eq!(node.store.attempts("universe:1").await.unwrap().len(), 1);
    assert_eq!(node.tasks.failure(), None);

    presence.is_away.store(false, Ordering::SeqCst);
    chain.mine(1).await;
    chain.provider.anvil_set_auto_mine(true).await.unwrap();
    assert!(node.sender.wait("universe:1", LIMIT).await.unwrap().took_effect());
    assert_eq!(nonce(&chain).await, before + 1);
    node.stop().await;
}

#[tokio::test]
async fn a_late_transaction_is_given_up_and_its_nonce_freed() {
    let Some(chain) = TestChain::start().await else { return };
    let store = Store::open(&chain.store_url("late.db")).await.unwrap();
    let node = Running::start(&chain, store, &chain.config()).await;
    let mut heads = node.heads.clone();
    let now = heads.wait_for(|head| head.timestamp > 0).await.unwrap().timestamp;
    let before = nonce(&chain).await;
    chain.provider.anvil_set_auto_mine(false).await.unwrap();
    let late = universe(&chain, "late", 1).with_deadline(now + 100);
    node.sender.submit(late).await.unwrap();
    chain.provider.anvil_drop_all_transactions().await.unwrap();
    chain.provider.anvil_increase_time(200).await.unwrap();
    chain.mine(1).await;
    let mut cancelled = false;
    for _ in 0..200 {
        let attempts = node.store.attempts("late").await.unwrap();
        cancelled = attempts.first().is_some_and(|attempt| attempt.cancels);
        if cancelled {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(cancelled, "the nonce was not freed");
    chain.provider.anvil_set_auto_mine(true).await.unwrap();
    chain.mine(70).await;
    let end = node.until("late", IntentStatus::is_final).await;
    assert!(
        matches!(&end, IntentStatus::Dropped { reason } if reason.contains("deadline")),
        "{end:?}"
    );
    assert_eq!(nonce(&chain).await, before + 1);
    assert_eq!(chain.client().await.reader().epochs(chain.model).await.unwrap(), 0);
    node.sender.submit(universe(&chain, "next", 2)).await.unwrap();
    assert!(node.sender.wait("next", LIMIT).await.unwrap().took_effect());
    node.stop().await;
}
