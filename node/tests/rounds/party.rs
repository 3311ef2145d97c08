//! The services of one node, without its API and its configuration file.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use oml_node::Tasks;
use oml_node::chain::Follower;
use oml_node::chain::beacon::{ProofSource, RoundHandler, RoundOrders};
use oml_node::chain::{ChainClient, Head, Sender};
use oml_node::config::{ChainConfig, ProverConfig, QueryLimits};
use oml_node::jobs::{JobHandler, JobWorker};
use oml_node::licenses::LicenseService;
use oml_node::rounds::{
    AskHandler, HandOutHandler, InboxReach, OwnerDuty, ProverDuty, RoundSecret, RoundService,
    SeatHabits, Universes, prover_inbox,
};
use oml_node::store::Store;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::world::{OWNER, PAYER, PROVERS, World};

pub(crate) struct Party {
    tasks: Tasks,
    dir: TempDir,
    pub(crate) store: Store,
    pub(crate) router: Router,
}

/// What the owner's words follow from.
pub(crate) fn secret() -> RoundSecret {
    RoundSecret::new([9; 32])
}

struct Parts {
    tasks: Tasks,
    dir: TempDir,
    store: Store,
    chain: ChainClient,
    sender: Sender,
    heads: watch::Receiver<Head>,
    beacon: RoundOrders,
}

impl Parts {
    async fn start(world: &World, account: usize, dir: TempDir) -> Self {
        let url = format!("sqlite:{}", dir.path().join("node.db").display());
        let store = Store::open(&url).await.unwrap();
        let chain = world.client().await;
        let config = chain_config(world);
        let (follower, heads) = Follower::new(chain.clone(), store.clone(), &config).await.unwrap();
        let tasks = Tasks::new();
        tasks.spawn_critical("follower", follower.run(tasks.cancel_token()));
        let key = world.keys[account].clone();
        let sender = Sender::new(chain.clone(), store.clone(), key, heads.clone(), &config);
        tasks.spawn_critical("sender", sender.clone().run(tasks.cancel_token()));
        let source =
            ProofSource::new(chain.provider().clone(), chain.addresses().beacon, &[]).unwrap();
        let beacon = RoundOrders::new(source.clone(), store.clone());
        let parts = Self { tasks, dir, store, chain, sender, heads, beacon };
        let handler = RoundHandler::new(source, parts.sender.clone(), parts.heads.clone());
        parts.work("beacon", Arc::new(handler));
        parts
    }

    fn work(&self, name: &'static str, handler: Arc<dyn JobHandler>) {
        let worker = JobWorker::new(self.store.clone(), handler);
        self.tasks.spawn_critical(name, worker.run(self.tasks.clone()));
    }

    fn act(&self, owner: Option<OwnerDuty>, prover: Option<ProverDuty>) {
        let (chain, store) = (self.chain.clone(), self.store.clone());
        let service = RoundService::new(chain, store, self.beacon.clone(), owner, prover);
        let run = service.run(self.heads.clone(), self.tasks.cancel_token());
        self.tasks.spawn_critical("rounds", run);
    }

    fn into_party(self, router: Router) -> Party {
        Party { tasks: self.tasks, dir: self.dir, store: self.store, router }
    }
}

fn fresh() -> TempDir {
    tempfile::tempdir().unwrap()
}

impl Party {
    /// The owner's node; another account pays for its seals.
    pub(crate) async fn owner(world: &World) -> Self {
        Self::owner_in(world, fresh()).await
    }

    /// An owner's node that goes on with a store, or has lost it.
    pub(crate) async fn owner_in(world: &World, dir: TempDir) -> Self {
        let parts = Parts::start(world, OWNER, dir).await;
        let place = (world.universe.model(), world.universe.epoch());
        let universes = Arc::new(Universes::from([(place, Arc::clone(&world.universe))]));
        let (chain, store) = (parts.chain.clone(), parts.store.clone());
        let key = world.keys[PAYER].clone();
        let config = chain_config(world);
        let payer = Sender::new(chain.clone(), store.clone(), key, parts.heads.clone(), &config);
        parts.tasks.spawn_critical("payer", payer.clone().run(parts.tasks.cancel_token()));
        let handler = HandOutHandler::new(
            store.clone(),
            chain.clone(),
            parts.heads.clone(),
            Arc::clone(&universes),
            secret(),
            InboxReach::Private,
        );
        parts.work("hand-outs", Arc::new(handler.unwrap()));
        let duty = OwnerDuty::new(chain, store, parts.sender.clone(), payer, universes, secret());
        parts.act(Some(duty), None);
        let licenses = LicenseService::new(
            parts.chain.clone(),
            parts.store.clone(),
            parts.sender.clone(),
            parts.beacon.clone(),
            vec![place],
        );
        let run = licenses.run(parts.heads.clone(), parts.tasks.cancel_token());
        parts.tasks.spawn_critical("licenses", run);
        parts.into_party(Router::new())
    }

    pub(crate) async fn prover(world: &World, place: usize) -> Self {
        Self::prover_in(world, place, fresh()).await
    }

    /// A prover that goes on with the store of an earlier one.
    pub(crate) async fn prover_in(world: &World, place: usize, dir: TempDir) -> Self {
        let parts = Parts::start(world, PROVERS[place], dir).await;
        let config = ProverConfig {
            encryption_key_file: "unused".into(),
            allow_private_endpoints: true,
            query_model: "default".to_owned(),
            ask_spread_s: Some(2),
            withdraw_from_seats: 1,
            query: QueryLimits::default(),
        };
        let domain = parts.chain.addresses().round_domain();
        let key = world.encryption[place].clone();
        let (store, heads) = (parts.store.clone(), parts.heads.clone());
        let me = parts.sender.address();
        let chain = parts.chain.clone();
        let router = prover_inbox(store.clone(), chain, heads.clone(), me, key.clone(), domain);
        let canaries = [world.rpc_url.clone()];
        let handler = AskHandler::new(store.clone(), heads, config.clone(), key, domain, &canaries);
        parts.work("asking", Arc::new(handler.unwrap()));
        let rules = parts.chain.reader().round_rules().await.unwrap();
        let (chain, sender) = (parts.chain.clone(), parts.sender.clone());
        let habits = SeatHabits {
            spread: config.ask_spread_s,
            withdraw_from_seats: config.withdraw_from_seats,
        };
        parts.act(None, Some(ProverDuty::new(chain, store, sender, rules, habits)));
        parts.into_party(router)
    }

    /// Stops everything; the store stays in the returned directory.
    pub(crate) async fn stop(self) -> TempDir {
        self.tasks.shutdown(Duration::from_secs(5)).await;
        assert_eq!(self.tasks.failure(), None);
        self.store.close().await;
        self.dir
    }
}

fn chain_config(world: &World) -> ChainConfig {
    ChainConfig {
        max_head_age_s: None,
        rpc_url: world.rpc_url.clone(),
        further_rpc_urls: Vec::new(),
        addresses: "unused".into(),
        poll_interval_ms: 250,
        start_block: None,
        window: 64,
        finality_depth: 5,
        max_log_range: 1_000,
        resubmit_after_s: 10,
        drand_endpoints: Vec::new(),
        max_fee_per_gas: 500_000_000_000,
    }
}
