//! What every role gets from the node, and what it gives back.

use crate::chain::beacon::RoundOrders;
use crate::chain::{ChainClient, Head, Reader, Sender};
use crate::config::NodeConfig;
use crate::jobs::JobHandler;
use crate::store::Store;
use crate::tasks::Tasks;
use std::sync::Arc;
use tokio::sync::watch;

/// Why a role can't be set up, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// It sends transactions, and no account is configured.
    #[error(
        "{role}: this role sends transactions; add a [signer] section with a keystore or private_key_env"
    )]
    NoSigner {
        /// Section of the configuration that asks for the role.
        role: &'static str,
    },
    /// One of its parts does not start.
    #[error("{role}: {source}")]
    Failed {
        /// Section of the configuration that asks for the role.
        role: &'static str,
        /// What the part says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl RoleError {
    pub(crate) fn new(
        role: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { role, source: source.into() }
    }
}

/// What every role gets. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NodeContext {
    /// What the node was told.
    pub config: Arc<NodeConfig>,
    /// What survives a restart.
    pub store: Store,
    /// Provider and addresses of the chain that the node follows.
    pub chain: ChainClient,
    /// Typed reads at the latest block.
    pub reader: Reader,
    /// Sends transactions; absent where no signer is configured.
    pub sender: Option<Sender>,
    /// Orders beacon rounds to be brought; absent where nothing can be sent.
    pub rounds: Option<RoundOrders>,
    /// Newest head whose rows are committed.
    pub heads: watch::Receiver<Head>,
    /// Starts what runs beside the caller, and stops it with the node.
    pub tasks: Tasks,
}

impl NodeContext {
    /// The sender, or an error that says which role needs one.
    ///
    /// # Errors
    /// [`RoleError::NoSigner`].
    pub(crate) fn require_sender(&self, role: &'static str) -> Result<Sender, RoleError> {
        self.sender.clone().ok_or(RoleError::NoSigner { role })
    }

    /// The orders of beacon rounds, or an error that says which role needs a signer for them.
    ///
    /// # Errors
    /// [`RoleError::NoSigner`].
    pub(crate) fn require_rounds(&self, role: &'static str) -> Result<RoundOrders, RoleError> {
        self.rounds.clone().ok_or(RoleError::NoSigner { role })
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

impl RoleParts {
    pub(crate) fn add(&mut self, other: Self) {
        self.routers.extend(other.routers);
        self.handlers.extend(other.handlers);
    }
}
