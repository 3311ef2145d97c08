//! Puts the parts together: `Node::start(config)`, then run until cancelled.

use crate::chain::{ChainClient, ChainError, Head, Reader, Sender, SenderError};
use crate::config::{Config, ConfigError};
use crate::jobs::JobHandler;
use crate::store::{Store, StoreError};
use crate::tasks::{TaskFailure, Tasks};
use std::sync::Arc;
use tokio::sync::watch;

/// Why the node does not run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sender.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// A role could not be set up.
    #[error("{role}: {cause}")]
    Role {
        /// Which.
        role: &'static str,
        /// Why, and what to do.
        cause: String,
    },
    /// A listener could not be opened.
    #[error("can't listen on {address}: {cause}; is another program using the port?")]
    Listen {
        /// Address.
        address: std::net::SocketAddr,
        /// Why.
        cause: String,
    },
    /// A task stopped the node.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

/// What every role gets. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NodeContext {
    /// Configuration.
    pub config: Arc<Config>,
    /// Store.
    pub store: Store,
    /// Chain.
    pub chain: ChainClient,
    /// Typed reads at the latest block.
    pub reader: Reader,
    /// Sends transactions; absent where no signer is configured.
    pub sender: Option<Sender>,
    /// Newest head whose rows are committed.
    pub heads: watch::Receiver<Head>,
    /// Starts tasks.
    pub tasks: Tasks,
}

impl NodeContext {
    /// The sender, or an error that says which role needs one.
    ///
    /// # Errors
    /// [`NodeError::Role`] if no signer is configured.
    pub fn require_sender(&self, role: &'static str) -> Result<Sender, NodeError> {
        self.sender.clone().ok_or_else(|| NodeError::Role {
            role,
            cause: "this role sends transactions; add a [signer] section with a keystore or private_key_env"
                .to_owned(),
        })
    }
}

/// What roles contribute; the node starts it after all roles are wired.
#[derive(Debug, Default)]
pub struct RoleParts {
    /// Routes of the node's own API, merged into one router.
    pub routers: Vec<axum::Router>,
    /// Job handlers, one per kind.
    pub handlers: Vec<Arc<dyn JobHandler>>,
}
