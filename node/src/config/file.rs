//! The sections that every node has, and the file they are read from.

use super::endpoint_url::{EndpointUrl, EndpointUrlError};
use super::error::ConfigError;
use super::roles::{HostConfig, OwnerConfig, PrivateKeySource, ProverConfig};
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Everything that a node is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Endpoint and contracts.
    pub chain: ChainConfig,
    /// Where state is kept.
    #[serde(default)]
    pub store: StoreConfig,
    /// Account that sends transactions; a node without one only watches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<PrivateKeySource>,
    /// The node's own API.
    #[serde(default)]
    pub http: HttpConfig,
    /// Role of a model owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerConfig>,
    /// Role of a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostConfig>,
    /// Role of a prover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prover: Option<ProverConfig>,
}

/// Endpoint and contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// URL of the endpoint that speaks JSON-RPC, over HTTP or WebSocket.
    pub rpc_url: String,
    /// Further endpoints of the same chain: asked where the first one fails, and for a second
    /// opinion before money moves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_rpc_urls: Vec<String>,
    /// Addresses file of the deployment.
    pub addresses: PathBuf,
    /// Pause between two looks at the head, in milliseconds.
    #[serde(default = "defaults::poll_interval_ms")]
    pub poll_interval_ms: u64,
    /// First block to read; the deployment's block if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_block: Option<u64>,
    /// Blocks kept to recognise reorgs; a deeper one makes the node read everything again.
    #[serde(default = "defaults::window")]
    pub window: u64,
    /// Treat a block this deep as final where the endpoint has no `finalized` block.
    #[serde(default = "defaults::finality_depth")]
    pub finality_depth: u64,
    /// Largest range of one log query; shrinks by itself where the endpoint refuses.
    #[serde(default = "defaults::max_log_range")]
    pub max_log_range: u64,
    /// Oldest head with which the node calls itself ready, in seconds: behind it the endpoint
    /// lags, or the chain stands still. Ten minutes if absent, and without a limit on local chains,
    /// which make a block only for a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_head_age_s: Option<u64>,
    /// Pause before a transaction that is in no block is sent again with higher fees, in seconds.
    #[serde(default = "defaults::resubmit_after_s")]
    pub resubmit_after_s: u64,
    /// Relays of the drand network that the deployment's beacon follows: URLs of its chain, all
    /// asked at once. Those of drand itself if none are given; not used where the beacon is RANDAO.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drand_endpoints: Vec<String>,
    /// Most that the node pays per gas, in wei; twice that near a deadline.
    #[serde(default = "defaults::max_fee_per_gas")]
    pub max_fee_per_gas: u64,
}

/// Where state is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite:PATH`, or `postgres://user:password@host/database`.
    pub url: String,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { url: "sqlite:oml-node.db".to_owned() }
    }
}

/// The node's own API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address of the API; `/metrics`, `/status` and the owner's questions are served here.
    pub listen: SocketAddr,
    /// Time a client has to send its request headers, in milliseconds.
    pub header_timeout_ms: u64,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// Time that running requests and tasks have when the node stops, in seconds.
    pub shutdown_grace_s: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            header_timeout_ms: 10_000,
            max_body_bytes: 1 << 20,
            shutdown_grace_s: 20,
        }
    }
}

mod defaults {
    pub(super) const fn poll_interval_ms() -> u64 {
        1_000
    }
    pub(super) const fn window() -> u64 {
        256
    }
    pub(super) const fn finality_depth() -> u64 {
        64
    }
    pub(super) const fn max_log_range() -> u64 {
        5_000
    }
    pub(super) const fn resubmit_after_s() -> u64 {
        24
    }
    pub(super) const fn max_fee_per_gas() -> u64 {
        500_000_000_000
    }
}

impl ChainConfig {
    /// All endpoints, the preferred one first.
    ///
    /// # Errors
    /// The first text that is no URL of an endpoint.
    pub fn endpoints(&self) -> Result<Vec<EndpointUrl>, EndpointUrlError> {
        let all = [&self.rpc_url].into_iter().chain(&self.further_rpc_urls);
        all.map(|url| EndpointUrl::parse(url)).collect()
    }
}

impl NodeConfig {
    /// Roles that are switched on.
    #[must_use]
    pub fn roles(&self) -> Vec<&'static str> {
        let mut roles = Vec::new();
        if self.owner.is_some() {
            roles.push("owner");
        }
        if self.host.is_some() {
            roles.push("host");
        }
        if self.prover.is_some() {
            roles.push("prover");
        }
        roles
    }

    /// Reads `path` and the environment, and validates.
    ///
    /// # Errors
    /// [`ConfigError`], which names the value, the cause and what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::from_toml(&text, &path.display().to_string())
    }

    /// Reads TOML text and the environment, and validates. `origin` names the text in errors.
    ///
    /// # Errors
    /// As [`NodeConfig::load`].
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let config: Self = Figment::new()
            .merge(Toml::string(text))
            .merge(Env::prefixed("OML__").split("__"))
            .extract()
            .map_err(|source| ConfigError::Invalid {
                origin: origin.to_owned(),
                source: Box::new(source),
            })?;
        config.validate()?;
        Ok(config)
    }
}
