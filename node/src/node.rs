//! Puts the parts together: `Node::start(config)`, then run until cancelled.

use crate::api::{self, ServeLimits};
use crate::chain::beacon::{BeaconError, ProofSource, RoundHandler, RoundOrders};
use crate::chain::{AccountSigner, ChainClient, ChainError, Follower, Sender, SenderError};
use crate::config::{ConfigError, NodeConfig};
use crate::context::{NodeContext, RoleError, RoleParts};
use crate::jobs::JobWorker;
use crate::metrics;
use crate::status;
use crate::store::{Store, StoreError};
use crate::tasks::{TaskFailure, Tasks};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Why the node does not run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The chain can't be reached, or is not the one of the addresses file.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Beacon rounds can't be brought.
    #[error(transparent)]
    Beacon(#[from] BeaconError),
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The account can't send.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// A role could not be set up.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The system does not tell about signals.
    #[error("signals: {0}")]
    Signals(#[source] std::io::Error),
    /// A listener could not be opened.
    #[error("can't listen on {address}: {source}; is another program using the port?")]
    Listen {
        /// Address as configured, with its port.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store holds another deployment.
    #[error(
        "the store belongs to deployment {found}, the addresses file names {mine}; use another store.url"
    )]
    OtherDeployment {
        /// Chain id, registry and first block of the store.
        found: String,
        /// Chain id, registry and first block of the endpoint.
        mine: String,
    },
    /// A task stopped the node.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

/// A node whose parts are running.
#[derive(Debug)]
pub struct Node {
    context: NodeContext,
    address: SocketAddr,
}

impl Node {
    /// Opens the store, connects to the chain, wires the roles and starts everything.
    ///
    /// # Errors
    /// [`NodeError`]; whatever was started is stopped again.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        config.validate()?;
        // Before anything is measured.
        metrics::handle();
        let tasks = Tasks::new();
        match Self::assemble(config, tasks.clone()).await {
            Ok(node) => Ok(node),
            Err(error) => {
                tasks.shutdown(Duration::from_secs(5)).await;
                Err(error)
            }
        }
    }

    async fn assemble(config: NodeConfig, tasks: Tasks) -> Result<Self, NodeError> {
        let store = Store::open(&config.store.url).await?;
        let chain = ChainClient::open(&config.chain).await?;
        claim_store(&store, &chain).await?;
        let (follower, heads) = Follower::new(chain.clone(), store.clone(), &config.chain).await?;
        let sender = match &config.signer {
            Some(source) => {
                let key = AccountSigner::of_source(source).await?;
                Some(Sender::new(chain.clone(), store.clone(), key, heads.clone(), &config.chain))
            }
            None => None,
        };
        let reader = chain.reader();
        let config = Arc::new(config);
        let mut parts = RoleParts::default();
        let rounds = match &sender {
            Some(sender) => {
                let (provider, beacon) = (chain.provider().clone(), chain.addresses().beacon);
                let source = ProofSource::new(provider, beacon, &config.chain.drand_endpoints)?;
                let handler = RoundHandler::new(source.clone(), sender.clone(), heads.clone());
                parts.handlers.push(Arc::new(handler));
                Some(RoundOrders::new(source, store.clone()))
            }
            None => None,
        };
        let context = NodeContext { config, store, chain, reader, sender, rounds, heads, tasks };
        let listener = listen(context.config.http.listen).await?;
        let address = listener
            .local_addr()
            .map_err(|source| NodeError::Listen { address: context.config.http.listen, source })?;

        parts.add(crate::licenses::wire(&context)?);
        parts.add(crate::rounds::wire(&context).await?);
        parts.add(crate::redeem::wire(&context)?);
        parts.add(crate::gateway::wire(&context)?);
        parts.add(crate::inference::wire(&context)?);

        start_parts(&context, follower, listener, parts);
        tracing::info!(
            chain = context.chain.chain_id(),
            api = %address,
            account = context.sender.as_ref().map(|sender| sender.address().to_string()),
            roles = ?context.config.roles(),
            store = context.store.engine(),
            "the node runs"
        );
        Ok(Self { context, address })
    }

    /// What roles and tests work with.
    #[must_use]
    pub fn context(&self) -> &NodeContext {
        &self.context
    }

    /// Address of the API, with the port that the system chose if the configuration left it open.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Runs until `cancel` is cancelled or a critical task ends; then stops everything.
    ///
    /// # Errors
    /// [`NodeError::Task`] if a critical task ended on its own.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), NodeError> {
        tokio::select! {
            () = cancel.cancelled() => tracing::info!("stopping"),
            () = self.context.tasks.cancelled() => {}
        }
        self.stop().await
    }

    /// Runs until SIGINT or SIGTERM; a second one ends at once.
    ///
    /// # Errors
    /// As [`Node::run`].
    pub async fn run_until_signal(self) -> Result<(), NodeError> {
        let mut signals = Signals::new().map_err(NodeError::Signals)?;
        tokio::select! {
            name = signals.next() => tracing::info!(signal = name, "stopping; a second signal ends at once"),
            () = self.context.tasks.cancelled() => {}
        }
        tokio::select! {
            stopped = self.stop() => stopped,
            name = signals.next() => {
                tracing::warn!(signal = name, "ending at once; running work is taken up on the next start");
                Ok(())
            }
        }
    }

    async fn stop(self) -> Result<(), NodeError> {
        let grace = Duration::from_secs(self.context.config.http.shutdown_grace_s);
        let left = self.context.tasks.shutdown(grace).await;
        self.context.store.close().await;
        tracing::info!(left, "stopped");
        match self.context.tasks.failure() {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }
}

/// Starts everything that the roles brought.
fn start_parts(context: &NodeContext, follower: Follower, listener: TcpListener, parts: RoleParts) {
    let tasks = &context.tasks;
    tasks.spawn_critical("chain follower", follower.run(tasks.cancel_token()));
    if let Some(sender) = context.sender.clone() {
        tasks.spawn_critical("transaction sender", sender.run(tasks.cancel_token()));
    }
    for handler in parts.handlers {
        let worker = JobWorker::new(context.store.clone(), handler);
        tasks.spawn_critical("job worker", worker.run(tasks.clone()));
    }
    let limits = ServeLimits {
        header_timeout: Duration::from_millis(context.config.http.header_timeout_ms),
        grace: Duration::from_secs(context.config.http.shutdown_grace_s / 2),
        ..ServeLimits::default()
    };
    let router = status::router(context.clone(), parts.routers);
    tasks.spawn_critical("api", api::serve(listener, router, limits, tasks.clone()));
}

async fn listen(address: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(address).await.map_err(|source| NodeError::Listen { address, source })
}

/// A store belongs to one deployment on one chain for ever: rows of two would mix unseen. The first
/// block tells apart local chains that share id and addresses.
async fn claim_store(store: &Store, chain: &ChainClient) -> Result<(), NodeError> {
    let genesis = chain.genesis();
    let registry = chain.addresses().license_registry;
    let mine = format!("{}:{registry}:{genesis}", chain.chain_id());
    store.kv_put_new("deployment", &mine).await?;
    match store.kv_get("deployment").await? {
        Some(found) if found != mine => Err(NodeError::OtherDeployment { found, mine }),
        _ => Ok(()),
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
