//! A local chain with the core contracts.

use alloy::network::TransactionBuilder;
use alloy::node_bindings::{Anvil, AnvilInstance};
use alloy::primitives::B256;
use alloy::providers::ext::AnvilApi;
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::signers::local::PrivateKeySigner;
use oml_contracts::beacon::BeaconSource;
use oml_contracts::chains::local_randao;
use oml_contracts::rpc::abi;
use oml_contracts::rpc::deploy::{DeployParams, deploy_core};
use oml_contracts::{Addresses, Amount, EthAddress, ModelId, hash};
use oml_node::chain::ChainClient;
use oml_node::config::ChainConfig;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Anvil with the contracts and one model of the first account.
pub(crate) struct TestChain {
    pub(crate) anvil: AnvilInstance,
    pub(crate) provider: DynProvider,
    pub(crate) addresses: Addresses,
    pub(crate) owner: EthAddress,
    pub(crate) model: ModelId,
    pub(crate) folder: tempfile::TempDir,
}

fn anvil_binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("OML_ANVIL") {
        return Some(path.into());
    }
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/tooling/bin/anvil");
    let works = std::process::Command::new(&bundled).arg("--version").output();
    works.is_ok_and(|output| output.status.success()).then_some(bundled)
}

/// Another second for every chain of this process: chains that share id and accounts differ in
/// nothing else, and a second chain may start in the same second as the first, or in the next.
fn genesis_time() -> u64 {
    static FIRST: OnceLock<u64> = OnceLock::new();
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    FIRST.get_or_init(now) - STARTED.fetch_add(1, Ordering::Relaxed)
}

impl TestChain {
    /// `None`, with a message, where there is no anvil.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(local_randao(), 0).await
    }

    /// The same with another beacon, on a chain whose clock is `behind` seconds late.
    pub(crate) async fn start_with(beacon: BeaconSource, behind: u64) -> Option<Self> {
        let Some(binary) = anvil_binary() else {
            eprintln!("skipped: no anvil; run scripts/setup.sh or set OML_ANVIL");
            return None;
        };
        let genesis = (genesis_time() - behind).to_string();
        let anvil =
            Anvil::at(binary).args(["--hardfork", "prague", "--timestamp", &genesis]).spawn();
        let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url()).erased();
        let owner = EthAddress::from(anvil.addresses()[0]);
        let params = DeployParams::local(EthAddress::ZERO, Amount::new(1_000));
        let params = DeployParams { beacon, ..params };
        let addresses = deploy_core(&provider, owner, &params).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        addresses.save(&folder.path().join("addresses.json")).unwrap();
        let registry =
            abi::LicenseRegistry::new(addresses.license_registry.into(), provider.clone());
        let weights = B256::repeat_byte(5);
        let register = registry.registerModel(weights, weights, Vec::new()).from(owner.into());
        register.send().await.unwrap().get_receipt().await.unwrap();
        let chain_id = addresses.chain_id;
        let model = hash::model_id(
            chain_id,
            addresses.license_registry,
            owner,
            weights.into(),
            weights.into(),
        );
        Some(Self { anvil, provider, addresses, owner, model, folder })
    }

    pub(crate) fn config(&self) -> ChainConfig {
        let text = format!(
            "[chain]\nrpc_url = {:?}\naddresses = {:?}\npoll_interval_ms = 20\n",
            self.anvil.endpoint(),
            self.folder.path().join("addresses.json"),
        );
        oml_node::NodeConfig::from_toml(&text, "test").unwrap().chain
    }

    pub(crate) async fn client(&self) -> ChainClient {
        ChainClient::open(&self.config()).await.unwrap()
    }

    pub(crate) fn key(&self, index: usize) -> PrivateKeySigner {
        PrivateKeySigner::from_slice(&self.anvil.keys()[index].to_bytes()).unwrap()
    }

    pub(crate) fn store_url(&self, name: &str) -> String {
        format!("sqlite:{}", self.folder.path().join(name).display())
    }

    pub(crate) fn commit_universe(&self, root: u8) -> abi::LicenseRegistry::commitUniverseCall {
        abi::LicenseRegistry::commitUniverseCall {
            modelId: self.model.into(),
            root: B256::repeat_byte(root),
            personalCount: 32,
            sharedCount: 0,
        }
    }

    /// Puts a universe on chain, which is one event; mines one block.
    pub(crate) async fn add_universe(&self, root: u8) {
        use alloy::sol_types::SolCall;
        // After a reorg anvil goes on with the nonces of the blocks that it removed.
        let nonce = self.provider.get_transaction_count(self.owner.into()).await.unwrap();
        let request = alloy::rpc::types::TransactionRequest::default()
            .with_nonce(nonce)
            .with_from(self.owner.into())
            .with_to(self.addresses.license_registry.into())
            .with_input(self.commit_universe(root).abi_encode());
        let hash = *self.provider.send_transaction(request).await.unwrap().tx_hash();
        // Waiting for a pending transaction follows blocks, which hangs after a reorg.
        for _ in 0..200 {
            if let Some(receipt) = self.provider.get_transaction_receipt(hash).await.unwrap() {
                assert!(receipt.status());
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{hash} was not mined");
    }

    /// Puts two universes on chain in one block.
    pub(crate) async fn add_two_universes(&self, root: u8) {
        self.provider.anvil_set_auto_mine(false).await.unwrap();
        let nonce = self.provider.get_transaction_count(self.owner.into()).await.unwrap();
        for (root, nonce) in [(root, nonce), (root + 1, nonce + 1)] {
            use alloy::sol_types::SolCall;
            let request = alloy::rpc::types::TransactionRequest::default()
                .with_from(self.owner.into())
                .with_to(self.addresses.license_registry.into())
                .with_gas_limit(1_000_000)
                .with_nonce(nonce)
                .with_input(self.commit_universe(root).abi_encode());
            let _ = self.provider.send_transaction(request).await.unwrap();
        }
        self.mine(1).await;
        self.provider.anvil_set_auto_mine(true).await.unwrap();
    }

    /// Number of the newest block.
    pub(crate) async fn provider_head(&self) -> u64 {
        self.provider.get_block_number().await.unwrap()
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.provider.anvil_mine(Some(blocks), None).await.unwrap();
    }

    /// Replaces the newest `depth` blocks by empty ones.
    pub(crate) async fn reorg(&self, depth: u64) {
        // Anvil takes the two options as two parameters.
        let params = (depth, Vec::<String>::new());
        let request = self.provider.raw_request::<_, ()>("anvil_reorg".into(), params);
        request.await.unwrap();
    }
}
