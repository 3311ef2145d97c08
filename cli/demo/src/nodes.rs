//! Configuration files of the demo's nodes.

use crate::ports::local;
use crate::scenario::Scenario;
use eyre::Result;
use oml_client::files::{self, LicenseFile};
use oml_contracts::{Amount, ModelId};
use oml_node::config::{
    ChainConfig, GatewayConfig, HostConfig, HttpConfig, NodeConfig, OwnerConfig, OwnerRoundsConfig,
    PrivateKeySource, ProverConfig, RedeemConfig, StoreConfig, UniverseConfig,
};
use std::path::{Path, PathBuf};

/// What a host's node is given.
#[derive(Clone, Debug)]
pub(crate) struct HostNode<'a> {
    /// License under which it serves.
    pub(crate) license: &'a LicenseFile,
    /// Model server behind the gateway.
    pub(crate) upstream: &'a str,
    /// Port of its own API.
    pub(crate) port: u16,
    /// Port of the gateway.
    pub(crate) gateway_port: u16,
    /// Seconds after which it claims; never if none are given.
    pub(crate) redeem_after: Option<u64>,
}

impl Scenario {
    /// Configuration of the owner's node, which holds the universe.
    pub(crate) fn owner_node(
        &self,
        model: ModelId,
        universe: &Path,
        key_file: &Path,
        port: u16,
    ) -> Result<PathBuf> {
        let mut config = self.node("owner", port)?;
        config.owner = Some(OwnerConfig {
            universes: vec![UniverseConfig {
                model,
                epoch: 0,
                dir: universe.to_owned(),
                key_file: key_file.to_owned(),
            }],
            copies: Some(self.sealed_copies()),
            rounds: Some(OwnerRoundsConfig {
                secret: self.rounds_secret(),
                payer: Some(self.key_source("sealer")?),
                allow_private_inboxes: true,
            }),
        });
        self.write("owner", &config)
    }

    /// A host's secret key, to which its copy is sealed.
    pub(crate) fn copy_key(&self, host: &str) -> PathBuf {
        self.dir.join(format!("{host}.copy-key"))
    }

    /// Where the owner puts sealed copies.
    pub(crate) fn sealed_copies(&self) -> PathBuf {
        self.dir.join("sealed-copies")
    }

    /// Configuration of a prover's node, which takes hand-outs at its own API.
    pub(crate) fn prover_node(&self, name: &str, port: u16) -> Result<PathBuf> {
        let mut config = self.node(name, port)?;
        config.prover = Some(ProverConfig {
            ask_spread_s: Some(0),
            withdraw_from_seats: 1,
            encryption_key_file: self.dir.join(format!("{name}.x25519")),
            allow_private_endpoints: true,
            query_model: "model".to_owned(),
            query: oml_node::config::QueryLimits::default(),
        });
        self.write(name, &config)
    }

    /// Configuration of a host's node: a gateway in front of `upstream`.
    pub(crate) fn host_node(&self, name: &str, host: &HostNode<'_>) -> Result<PathBuf> {
        std::fs::create_dir_all(self.keys_of(name))?;
        let mut config = self.node(name, host.port)?;
        config.host = Some(HostConfig {
            gateways: vec![GatewayConfig {
                license: host.license.license_id,
                listen: local(host.gateway_port),
                upstream: host.upstream.to_owned(),
                upstream_model: Some("model".to_owned()),
                serving_key: Some(self.key_source(name)?),
                serving_key_dir: Some(self.keys_of(name)),
                tokenizer: None,
                default_max_tokens: 16,
                max_tokens_cap: 64,
                max_concurrent: 16,
                max_body_bytes: 1 << 20,
                upstream_timeout_s: 60,
            }],
            redeem: RedeemConfig {
                threshold: Amount::MAX,
                interval_s: host.redeem_after.unwrap_or(u64::from(u32::MAX)),
                ..RedeemConfig::default()
            },
            inference: Vec::new(),
            signing_history: self.dir.join(format!("{name}.signing-history")),
            boot_marks: Some(self.dir.join("boot-marks")),
            receive: None,
        });
        self.write(name, &config)
    }

    fn node(&self, name: &str, port: u16) -> Result<NodeConfig> {
        Ok(NodeConfig {
            chain: ChainConfig {
                max_head_age_s: None,
                rpc_url: self.settings.rpc_url.clone(),
                further_rpc_urls: Vec::new(),
                addresses: self.settings.addresses.clone(),
                poll_interval_ms: 250,
                start_block: None,
                window: 128,
                finality_depth: 32,
                max_log_range: 5_000,
                resubmit_after_s: 12,
                drand_endpoints: self.settings.drand_endpoints.clone(),
                max_fee_per_gas: 500_000_000_000,
            },
            store: StoreConfig {
                url: format!("sqlite:{}", self.dir.join(format!("{name}.db")).display()),
            },
            signer: Some(self.key_source(name)?),
            http: HttpConfig { listen: local(port), ..HttpConfig::default() },
            owner: None,
            host: None,
            prover: None,
        })
    }

    fn key_source(&self, name: &str) -> Result<PrivateKeySource> {
        let path = self.dir.join(format!("{name}.key"));
        if !path.exists() {
            files::write_secret(&path, self.person(name)?.account.private_key().as_bytes())?;
        }
        Ok(PrivateKeySource { private_key_file: Some(path), ..PrivateKeySource::default() })
    }

    fn write(&self, name: &str, config: &NodeConfig) -> Result<PathBuf> {
        let path = self.dir.join(format!("{name}.toml"));
        files::write(&path, toml::to_string_pretty(config)?.as_bytes())?;
        Ok(path)
    }
}
