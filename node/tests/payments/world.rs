//! A chain with an active license, a host's node with a gateway, and a model that repeats its
//! prompt.

use std::path::PathBuf;
use std::time::Duration;

use alloy::network::TransactionBuilder;
use alloy::node_bindings::{Anvil, AnvilInstance};
use alloy::primitives::{Address, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::TransactionRequest;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi::{self, LicenseRegistry, PaymentEscrow};
use oml_contracts::rpc::deploy::{DeployParams, deploy_core};
use oml_contracts::terms::{SlashTerms, level};
use oml_contracts::{
    Addresses, Amount, Bps, Close, CopyKey, EthAddress, LicenseId, LicenseNonce, ModelId, Salt,
    Terms,
};
use oml_contracts::{LicenseRef, Signable as _};
use oml_engine::{Prompt, Sampling};
use oml_node::chain::beacon::ProofSource;
use oml_node::chain::{BeaconValue, ChainClient, ChannelView};
use oml_node::inference::{self, ServedModel, TokenLogProbability};
use oml_node::store::Store;
use oml_node::{Node, NodeConfig, Tasks};
use oml_payments::{PayerChannel, Price};
use oml_prover::delivery::key_hash;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const OWNER: usize = 0;
const HOST: usize = 1;
pub(crate) const PAYER: usize = 2;
const SERVING: usize = 3;
/// Signs receipts after a rotation.
pub(crate) const NEXT_SERVING: usize = 4;
pub(crate) const DEPOSIT: u128 = 10_000;
pub(crate) const COLLATERAL: u128 = 1_000_000;

/// Answers `abc|` with `abc`; a byte is a token.
struct Echo;

impl ServedModel for Echo {
    fn encode(&self, prompt: &Prompt) -> Result<Vec<u32>, String> {
        let text = match prompt {
            Prompt::Text(text) => text.clone(),
            Prompt::Chat(messages) => messages.iter().map(|m| m.content.as_str()).collect(),
        };
        Ok(text.bytes().map(u32::from).collect())
    }

    fn scores(&self, _: &[u32], _: usize, _: usize) -> Result<Vec<TokenLogProbability>, String> {
        Err("this model has no probabilities".to_owned())
    }

    fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        let bytes: Option<Vec<u8>> = tokens.iter().map(|t| u8::try_from(*t).ok()).collect();
        Ok(String::from_utf8_lossy(&bytes.ok_or("no byte")?).into_owned())
    }

    fn context(&self) -> usize {
        1_000
    }

    fn advance(
        &self,
        sequences: &[Vec<u32>],
        count: usize,
        _: Option<Sampling>,
    ) -> Result<Vec<Vec<u32>>, String> {
        let next = |tokens: &Vec<u32>| {
            let bar = tokens.iter().position(|t| *t == u32::from(b'|')).ok_or("no |")?;
            let done = tokens.len() - bar - 1;
            Ok(tokens[done.min(bar)..bar].iter().take(count).copied().collect())
        };
        sequences.iter().map(next).collect()
    }
}

pub(crate) struct World {
    anvil: AnvilInstance,
    pub(crate) provider: DynProvider,
    pub(crate) addresses: Addresses,
    pub(crate) accounts: Vec<EthAddress>,
    pub(crate) keys: Vec<PrivateKeySigner>,
    pub(crate) license: LicenseRef,
    pub(crate) license_id: LicenseId,
    pub(crate) folder: tempfile::TempDir,
    upstream: String,
    stop_upstream: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop_upstream.cancel();
    }
}

/// A host's node that runs.
pub(crate) struct HostNode {
    pub(crate) gateway: String,
    cancel: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), oml_node::NodeError>>,
}

impl HostNode {
    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        self.running.await.unwrap().unwrap();
    }
}

impl World {
    /// `None`, with a message, where there is no anvil.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(COLLATERAL).await
    }

    /// The same with a license of this collateral.
    pub(crate) async fn start_with(collateral: u128) -> Option<Self> {
        let world = Self::bought(collateral, [7; 32]).await?;
        world.activate().await;
        Some(world)
    }

    /// The same with a license that waits for its copy, which is sealed to this key.
    #[expect(clippy::print_stderr, reason = "a skipped test says why")]
    pub(crate) async fn bought(collateral: u128, encryption_key: [u8; 32]) -> Option<Self> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../contracts/tooling/bin/anvil");
        if !path.exists() {
            eprintln!("skipped: {} is missing; run scripts/setup", path.display());
            return None;
        }
        let anvil = Anvil::new().path(path).timeout(60_000).try_spawn().unwrap();
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .connect_http(anvil.endpoint_url())
            .erased();
        let accounts: Vec<EthAddress> = anvil.addresses().iter().map(|a| (*a).into()).collect();
        let keys: Vec<PrivateKeySigner> = anvil.keys().iter().map(|k| k.clone().into()).collect();
        let params = DeployParams::local(EthAddress::ZERO, Amount::new(1_000));
        let addresses = deploy_core(&provider, accounts[OWNER], &params).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        addresses.save(&folder.path().join("addresses.json")).unwrap();
        let (upstream, stop_upstream) = serve_model().await;
        let mut world = Self {
            license: LicenseRef {
                terms: Terms {
                    collateral: Amount::new(collateral),
                    ..terms(ModelId::ZERO, accounts[OWNER])
                },
                host: accounts[HOST],
                nonce: LicenseNonce::from(7),
            },
            anvil,
            provider,
            addresses,
            accounts,
            keys,
            license_id: LicenseId::ZERO,
            folder,
            upstream,
            stop_upstream,
        };
        world.register_model().await;
        world.buy(encryption_key).await;
        Some(world)
    }

    pub(crate) async fn send<C: SolCall>(
        &self,
        from: usize,
        to: EthAddress,
        call: &C,
        value: u128,
    ) {
        let request = TransactionRequest::default()
            .with_from(self.accounts[from].into())
            .with_to(to.into())
            .with_value(U256::from(value))
            .with_input(call.abi_encode());
        let sent = self.provider.send_transaction(request).await;
        let sent = sent.unwrap_or_else(|e| panic!("{}: {e}", C::SIGNATURE));
        let receipt = sent.with_timeout(Some(Duration::from_secs(60))).get_receipt().await.unwrap();
        assert!(receipt.status(), "{} reverted", C::SIGNATURE);
    }

    pub(crate) async fn client(&self) -> ChainClient {
        ChainClient::connect(&self.anvil.endpoint(), self.addresses).await.unwrap()
    }

    async fn register_model(&mut self) {
        let registry = self.addresses.license_registry;
        let register = LicenseRegistry::registerModelCall {
            weightsHash: [1; 32].into(),
            metadataHash: [2; 32].into(),
            parents: vec![],
        };
        self.send(OWNER, registry, &register, 0).await;
        let model = oml_contracts::hash::model_id(
            self.addresses.chain_id,
            registry,
            self.accounts[OWNER],
            [1; 32].into(),
            [2; 32].into(),
        );
        let commit = LicenseRegistry::commitUniverseCall {
            modelId: model.into(),
            root: [3; 32].into(),
            personalCount: 64,
            sharedCount: 0,
        };
        self.send(OWNER, registry, &commit, 0).await;
        self.license.terms.model_id = model;
    }

    /// Offer, purchase, seed.
    async fn buy(&mut self, encryption_key: [u8; 32]) {
        let registry = self.addresses.license_registry;
        let terms: abi::Terms = (&self.license.terms).try_into().unwrap();
        let publish = LicenseRegistry::publishOfferCall { terms: terms.clone() };
        self.send(OWNER, registry, &publish, 0).await;
        let acquire = LicenseRegistry::acquireCall {
            terms,
            nonce: self.license.nonce.into(),
            servingKey: self.accounts[SERVING].into(),
            encryptionKey: encryption_key.into(),
        };
        self.send(HOST, registry, &acquire, self.license.terms.collateral.get()).await;
        self.license_id = self.license.license_id(self.addresses.chain_id, registry);
        let reader = self.client().await.reader();
        let round = reader.license(self.license_id).await.unwrap().seed_round;
        let beacon = self.addresses.beacon;
        let proofs = ProofSource::new(self.provider.clone(), beacon, &[]).unwrap();
        while proofs.value(round).await.unwrap() == BeaconValue::Pending {
            let _: () = self.provider.raw_request("anvil_mine".into(), [1_u64]).await.unwrap_or(());
            if let Ok(proof) = proofs.proof(round).await {
                self.send(OWNER, beacon.address, &proof.call().unwrap(), 0).await;
            }
        }
        let draw = LicenseRegistry::drawLicenseSeedCall { licenseId: self.license_id.into() };
        self.send(HOST, registry, &draw, 0).await;
    }

    async fn activate(&self) {
        let registry = self.addresses.license_registry;
        let license: abi::LicenseRef = (&self.license).try_into().unwrap();
        let accept = LicenseRegistry::acceptCopyCall {
            r#ref: license.clone(),
            sealedRoot: [8; 32].into(),
            keyHash: key_hash(&CopyKey::new([9; 32])).into(),
        };
        self.send(HOST, registry, &accept, 0).await;
        let deliver = LicenseRegistry::deliverKeyCall { r#ref: license, key: [9; 32].into() };
        self.send(OWNER, registry, &deliver, 0).await;
    }

    /// The sections that the host's node has whatever it does.
    pub(crate) fn host_config(&self) -> String {
        let folder = self.folder.path();
        write_key(&folder.join("host.key"), &self.keys[HOST]);
        format!(
            "[chain]\nrpc_url = {:?}\naddresses = {:?}\npoll_interval_ms = 20\n\
             [store]\nurl = \"sqlite:{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [signer]\nprivate_key_file = {:?}\n",
            self.anvil.endpoint(),
            folder.join("addresses.json"),
            folder.join("host.db").display(),
            folder.join("host.key"),
        )
    }

    /// The host's node, with the store that all nodes of this world share.
    pub(crate) async fn start_node(&self, threshold: Amount) -> HostNode {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let folder = self.folder.path();
        std::fs::create_dir_all(folder.join("serving-keys")).unwrap();
        write_key(&folder.join("serving.key"), &self.keys[SERVING]);
        let text = format!(
            "{}[[host.gateways]]\nlicense = \"{}\"\nlisten = \"{port}\"\nupstream = \"{}\"\n\
             serving_key.private_key_file = {:?}\nserving_key_dir = {:?}\n\
             [host]\nsigning_history = {:?}\nboot_marks = {:?}\n\
             [host.redeem]\nthreshold = \"{threshold}\"\n",
            self.host_config(),
            self.license_id,
            self.upstream,
            folder.join("serving.key"),
            folder.join("serving-keys"),
            folder.join("signing-history"),
            folder.join("boot-marks"),
        );
        let config = NodeConfig::from_toml(&text, "test").unwrap();
        let node = Node::start(config).await.unwrap();
        let cancel = CancellationToken::new();
        let running = Tasks::new().spawn_detached("node", node.run(cancel.clone()));
        let gateway = format!("http://{port}");
        for _ in 0..400 {
            if reqwest::get(format!("{gateway}/livez")).await.is_ok() {
                return HostNode { gateway, cancel, running };
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the gateway did not open its port");
    }

    /// Names the next serving key and gives its file to the node, without a restart.
    pub(crate) async fn rotate(&self, next: usize) {
        let call = LicenseRegistry::rotateServingKeyCall {
            r#ref: (&self.license).try_into().unwrap(),
            next: self.accounts[next].into(),
        };
        self.send(HOST, self.addresses.license_registry, &call, 0).await;
        let name = format!("{}.key", self.accounts[next]);
        write_key(&self.folder.path().join("serving-keys").join(name), &self.keys[next]);
    }

    /// The only file in the signing history: that of the first key.
    pub(crate) fn history(&self) -> PathBuf {
        let mut files = std::fs::read_dir(self.folder.path().join("signing-history")).unwrap();
        files.next().unwrap().unwrap().path()
    }

    pub(crate) async fn channel(&self, salt: Salt) -> PayerChannel {
        let keys = self.client().await.reader().serving_keys(self.license_id).await.unwrap();
        PayerChannel {
            chain_id: self.addresses.chain_id,
            escrow: self.addresses.payment_escrow,
            proofs: self.addresses.proofs,
            license_id: self.license_id,
            model_id: self.license.terms.model_id,
            serving_keys: keys,
            payer: self.accounts[PAYER],
            signer: EthAddress::ZERO,
            salt,
            price: Price::of_terms(&self.license.terms),
        }
    }

    pub(crate) async fn open_channel(&self, salt: Salt) {
        let open = PaymentEscrow::openChannelCall {
            r#ref: (&self.license).try_into().unwrap(),
            signer: Address::ZERO,
            salt: salt.into(),
            amount: DEPOSIT,
        };
        self.send(PAYER, self.addresses.payment_escrow, &open, DEPOSIT).await;
    }

    pub(crate) async fn start_thaw(&self, salt: Salt) {
        let thaw = PaymentEscrow::startThawCall {
            r#ref: (&self.license).try_into().unwrap(),
            signer: Address::ZERO,
            salt: salt.into(),
        };
        self.send(PAYER, self.addresses.payment_escrow, &thaw, 0).await;
    }

    /// The host's own store, as a second program opens it.
    pub(crate) async fn host_store(&self) -> Store {
        let path = self.folder.path().join("host.db");
        Store::open(&format!("sqlite:{}", path.display())).await.unwrap()
    }

    /// The payer brings the host's word.
    pub(crate) async fn close(&self, salt: Salt, deposited: Amount, amount: Amount) {
        let channel = self.channel(salt).await;
        let close = Close { channel_id: channel.id(), deposited, final_amount: amount };
        let domain = channel.voucher_domain();
        let word = close.sign(&domain, self.keys[HOST].credential()).unwrap();
        let call = PaymentEscrow::closeCall {
            r#ref: (&self.license).try_into().unwrap(),
            payer: self.accounts[PAYER].into(),
            signer: Address::ZERO,
            salt: salt.into(),
            deposited: deposited.get(),
            finalAmount: amount.get(),
            hostSignature: word.as_bytes().to_vec().into(),
        };
        self.send(PAYER, self.addresses.payment_escrow, &call, 0).await;
    }

    /// Lets time pass on the chain.
    pub(crate) async fn pass(&self, seconds: u64) {
        let _: serde_json::Value =
            self.provider.raw_request("evm_increaseTime".into(), [seconds]).await.unwrap();
        let _: () = self.provider.raw_request("anvil_mine".into(), [1_u64]).await.unwrap_or(());
    }

    /// Waits until this much is declared on a channel.
    pub(crate) async fn declared_at_least(&self, channel: &PayerChannel, amount: Amount) {
        for _ in 0..300 {
            let reader = self.client().await.reader();
            if reader.declared(channel.id()).await.unwrap() >= amount {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?} instead of {amount} declared", self.channel_view(channel).await);
    }

    pub(crate) async fn channel_view(&self, channel: &PayerChannel) -> ChannelView {
        self.client().await.reader().channel(channel.id()).await.unwrap()
    }

    /// Waits until this much is claimed; returns what is.
    pub(crate) async fn claimed_at_least(&self, channel: &PayerChannel, amount: Amount) -> Amount {
        for _ in 0..300 {
            let claimed = self.channel_view(channel).await.claimed;
            if claimed >= amount {
                return claimed;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?} instead of {amount} claimed", self.channel_view(channel).await);
    }

    /// Balances of host and owner in the escrow.
    pub(crate) async fn balances(&self) -> (u128, u128) {
        let reader = self.client().await.reader();
        let host = reader.escrow_balance(EthAddress::ZERO, self.accounts[HOST]).await.unwrap();
        let owner = reader.escrow_balance(EthAddress::ZERO, self.accounts[OWNER]).await.unwrap();
        (host.get(), owner.get())
    }
}

async fn serve_model() -> (String, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cancel = CancellationToken::new();
    let served = inference::serve_on(listener, Echo, "echo", 8, cancel.clone());
    Tasks::new().spawn_detached("inference", served);
    (url, cancel)
}

fn write_key(path: &std::path::Path, key: &PrivateKeySigner) {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).unwrap();
    write!(file, "{}", alloy::hex::encode_prefixed(key.to_bytes())).unwrap();
}

fn terms(model_id: ModelId, owner: EthAddress) -> Terms {
    let bps = |bps| Bps::new(bps).unwrap();
    Terms {
        model_id,
        epoch: 0,
        owner,
        currency: EthAddress::ZERO,
        license_fee: Amount::ZERO,
        price_per_request: Amount::new(10),
        price_per_thousand_tokens: Amount::new(1_000),
        owner_share_bps: bps(2_000),
        collateral: Amount::new(COLLATERAL),
        min_collateral_ratio_bps: 10_000,
        duration: 1_000_000,
        delivery_period: 10_000,
        trial_period: 0,
        settlement_period: 10_000,
        thaw_period: 20_000,
        max_deployments: 4,
        evidence_levels: level::PROOF | level::ROUND,
        leak_liability: false,
        seats: 4,
        alpha_inverse: 1 << 30,
        slash: SlashTerms {
            equivocation_bps: bps(5_000),
            under_metering_bps: bps(5_000),
            out_of_term_bps: bps(5_000),
            unlicensed_model_bps: bps(0),
            unpaid_use_bps: bps(5_000),
            reporter_bps: bps(4_000),
            owner_bps: bps(2_000),
        },
        royalties: vec![],
    }
}
