//! The services of one node, without its API and its configuration file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use oml_node::Tasks;
use oml_node::cases::CheckHandler;
use oml_node::cases::{CaseReader, CaseService, Duties, Universes, questions_router};
use oml_node::chain::Follower;
use oml_node::chain::beacon::{ProofSource, RoundHandler, RoundOrders};
use oml_node::chain::{ChainClient, Head, Sender};
use oml_node::config::{ChainConfig, ProverConfig, QueryLimits};
use oml_node::jobs::JobWorker;
use oml_node::licenses::LicenseService;
use oml_node::store::Store;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::world::{HOST, OWNER, PROVERS, World};

pub(crate) struct Party {
    tasks: Tasks,
    dir: TempDir,
    pub(crate) store: Store,
    pub(crate) router: Router,
}

struct Parts {
    tasks: Tasks,
    dir: TempDir,
    store: Store,
    chain: ChainClient,
    sender: Sender,
    heads: watch::Receiver<Head>,
    reader: CaseReader,
    rounds: RoundOrders,
}

impl Parts {
    async fn start(world: &World, account: usize, dir: TempDir) -> Self {
        let url = format!("sqlite:{}", dir.path().join("node.db").display());
        let store = Store::open(&url).await.unwrap();
        let chain = world.client().await;
        let config = chain_config(world);
        let (follower, heads) = Follower::new(chain.clone(), store.clone(), &config).await.unwrap();
        let key = world.keys[account].clone();
        let sender = Sender::new(chain.clone(), store.clone(), key, heads.clone(), &config);
        let tasks = Tasks::new();
        tasks.spawn_critical("follower", follower.run(tasks.cancel_token()));
        tasks.spawn_critical("sender", sender.clone().run(tasks.cancel_token()));
        let reader = CaseReader::new(store.clone(), chain.clone()).await.unwrap();
        let source =
            ProofSource::new(chain.provider().clone(), chain.addresses().beacon, &[]).unwrap();
        let rounds = RoundOrders::new(source.clone(), store.clone());
        let handler = RoundHandler::new(source, sender.clone(), heads.clone());
        let worker = JobWorker::new(store.clone(), Arc::new(handler));
        tasks.spawn_critical("rounds", worker.run(tasks.clone()));
        Self { tasks, dir, store, chain, sender, heads, reader, rounds }
    }

    fn act(&self, duties: Duties, universes: Arc<Universes>) {
        let service = CaseService::new(
            self.reader.clone(),
            self.sender.clone(),
            self.rounds.clone(),
            duties,
            universes,
        );
        let run = service.run(self.heads.clone(), self.tasks.cancel_token());
        self.tasks.spawn_critical("cases", run);
    }

    fn into_party(self, router: Router) -> Party {
        Party { tasks: self.tasks, dir: self.dir, store: self.store, router }
    }
}

fn fresh() -> TempDir {
    tempfile::tempdir().unwrap()
}

impl Party {
    pub(crate) async fn owner(world: &World) -> Self {
        let parts = Parts::start(world, OWNER, fresh()).await;
        let place = (world.universe.model(), world.universe.epoch());
        let universes = Arc::new(Universes::from([(place, Arc::clone(&world.universe))]));
        let duties = Duties { owner: true, prover: false, host: false, decoys: Some(4) };
        parts.act(duties, Arc::clone(&universes));
        let licenses = LicenseService::new(
            parts.chain.clone(),
            parts.store.clone(),
            parts.sender.clone(),
            parts.rounds.clone(),
            vec![place],
        );
        let run = licenses.run(parts.heads.clone(), parts.tasks.cancel_token());
        parts.tasks.spawn_critical("licenses", run);
        let router = questions_router(
            parts.reader.clone(),
            parts.chain.clone(),
            parts.store.clone(),
            parts.heads.clone(),
            universes,
        );
        parts.into_party(router)
    }

    pub(crate) async fn host(world: &World) -> Self {
        let parts = Parts::start(world, HOST, fresh()).await;
        parts.act(Duties { owner: false, prover: false, host: true, decoys: None }, Arc::default());
        parts.into_party(Router::new())
    }

    pub(crate) async fn prover(world: &World, place: usize, owner_url: &str) -> Self {
        Self::prover_in(world, place, owner_url, fresh()).await
    }

    /// A prover that goes on with the store of an earlier one.
    pub(crate) async fn prover_in(
        world: &World,
        place: usize,
        owner_url: &str,
        dir: TempDir,
    ) -> Self {
        let parts = Parts::start(world, PROVERS[place], dir).await;
        let config = ProverConfig {
            owner_endpoints: BTreeMap::from([(world.universe.model(), owner_url.to_owned())]),
            encryption_key_file: "unused".into(),
            allow_private_endpoints: true,
            query_model: "default".to_owned(),
            query: QueryLimits::default(),
        };
        let handler = CheckHandler::new(
            parts.store.clone(),
            parts.heads.clone(),
            config,
            world.encryption[place].clone(),
            world.rpc_url.clone(),
        );
        let worker = JobWorker::new(parts.store.clone(), Arc::new(handler.unwrap()));
        parts.tasks.spawn_critical("worker", worker.run(parts.tasks.clone()));
        let duties = Duties { owner: false, prover: true, host: false, decoys: None };
        parts.act(duties, Arc::default());
        parts.into_party(Router::new())
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
        rpc_url: world.rpc_url.clone(),
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
