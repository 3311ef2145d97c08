//! A chain with the contracts, a sold license, provers, and a deployment that is to be checked.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::network::TransactionBuilder;
use alloy::node_bindings::{Anvil, AnvilInstance};
use alloy::primitives::{Address, B256, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::{Filter, TransactionReceipt, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall, SolEvent};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use oml_contracts::draw::Parts;
use oml_contracts::hash::deployment_hash;
use oml_contracts::rpc::abi::{self, LicenseRegistry, ProverRegistry, Rounds};
use oml_contracts::rpc::deploy::{DeployParams, deploy_core};
use oml_contracts::rpc::rounds::RoundFinding;
use oml_contracts::terms::{SlashTerms, level};
use oml_contracts::{
    Addresses, Amount, Bps, CopyKey, DeploymentHash, EthAddress, LicenseId, LicenseNonce,
    LicenseRef, ModelId, RoundId, Salt, Seed, Terms,
};
use oml_node::chain::ChainClient;
use oml_node::rounds::{EncryptionKey, OpenableUniverse};
use oml_prover::delivery::key_hash;
use oml_prover::fingerprint::{Candidate, Candidates, Entry, LicenseDraw, Universe};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const OWNER: usize = 0;
pub(crate) const HOST: usize = 1;
pub(crate) const PAYER: usize = 2;
pub(crate) const PROVERS: [usize; 3] = [3, 4, 5];
pub(crate) const FEE: u128 = 1_000;
pub(crate) const TICKETS: u32 = 4;
pub(crate) const COLLATERAL: u128 = 1_000_000;
const DAY: u64 = 86_400;
const PERSONAL: u32 = 256;
const SHARED: u32 = 48;

/// Path of anvil, or `None` with a message where it is not installed.
pub(crate) fn anvil_path() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../contracts/tooling/bin/anvil");
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is missing; run scripts/setup", path.display());
    None
}

pub(crate) struct World {
    _anvil: AnvilInstance,
    pub(crate) rpc_url: String,
    pub(crate) provider: DynProvider,
    pub(crate) addresses: Addresses,
    pub(crate) accounts: Vec<EthAddress>,
    pub(crate) keys: Vec<PrivateKeySigner>,
    pub(crate) encryption: Vec<EncryptionKey>,
    pub(crate) universe: Arc<OpenableUniverse>,
    secrets: Universe,
    pub(crate) license: LicenseRef,
    pub(crate) license_id: LicenseId,
}

impl World {
    /// Everything up to the purchase of a license. Nobody has drawn a seed yet.
    pub(crate) async fn create(anvil: PathBuf) -> Self {
        let anvil = Anvil::new().path(anvil).block_time(1).timeout(60_000).try_spawn().unwrap();
        let rpc_url = anvil.endpoint();
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .connect_http(rpc_url.parse().unwrap())
            .erased();
        let accounts: Vec<EthAddress> = anvil.addresses().iter().map(|a| (*a).into()).collect();
        let keys: Vec<PrivateKeySigner> = anvil.keys().iter().map(|k| k.clone().into()).collect();
        let addresses = deploy(&provider, accounts[OWNER]).await;

        let mut world = Self {
            _anvil: anvil,
            rpc_url,
            provider,
            addresses,
            accounts,
            keys,
            encryption: PROVERS.map(|_| EncryptionKey::generate().unwrap()).into(),
            universe: Arc::new(secrets(ModelId::ZERO).into()),
            secrets: secrets(ModelId::ZERO),
            license: LicenseRef {
                terms: terms(ModelId::ZERO, EthAddress::ZERO),
                host: EthAddress::ZERO,
                nonce: LicenseNonce::from(7),
            },
            license_id: LicenseId::ZERO,
        };
        world.register_model().await;
        world.sell().await;
        world
    }

    pub(crate) async fn client(&self) -> ChainClient {
        ChainClient::connect(&self.rpc_url, self.addresses).await.unwrap()
    }

    /// Sends as an unlocked account and requires success.
    pub(crate) async fn send<C: SolCall>(
        &self,
        from: usize,
        to: EthAddress,
        call: &C,
        value: u128,
    ) -> TransactionReceipt {
        let request = TransactionRequest::default()
            .with_from(self.accounts[from].into())
            .with_to(to.into())
            .with_value(U256::from(value))
            .with_input(call.abi_encode());
        let sent = self.provider.send_transaction(request).await;
        let sent = sent.unwrap_or_else(|e| panic!("{}: {e}", C::SIGNATURE));
        let receipt = sent.with_timeout(Some(Duration::from_secs(30))).get_receipt().await.unwrap();
        assert!(receipt.status(), "{} reverted", C::SIGNATURE);
        receipt
    }

    /// A prover takes tickets and announces its inbox.
    pub(crate) async fn join(&self, place: usize, inbox: &str) {
        let call = ProverRegistry::joinCall {
            count: TICKETS,
            encryptionKey: self.encryption[place].public().into(),
            inbox: inbox.to_owned(),
        };
        let stake = u128::from(TICKETS) * 100 * FEE;
        self.send(PROVERS[place], self.addresses.prover_registry, &call, stake).await;
    }

    /// A prover's inbox has moved.
    pub(crate) async fn announce(&self, place: usize, inbox: &str) {
        let call = ProverRegistry::announceCall {
            encryptionKey: self.encryption[place].public().into(),
            inbox: inbox.to_owned(),
        };
        self.send(PROVERS[place], self.addresses.prover_registry, &call, 0).await;
    }

    async fn register_model(&mut self) {
        let registry = self.addresses.license_registry;
        let owner = self.accounts[OWNER];
        let register = LicenseRegistry::registerModelCall {
            weightsHash: [1; 32].into(),
            metadataHash: [2; 32].into(),
            parents: vec![],
        };
        let contract = LicenseRegistry::new(registry.into(), self.provider.clone());
        let call = contract.registerModel(register.weightsHash, register.metadataHash, vec![]);
        let model: ModelId = call.from(owner.into()).call().await.unwrap().into();
        self.send(OWNER, registry, &register, 0).await;

        self.secrets = secrets(model);
        self.universe = Arc::new(self.secrets.clone().into());
        let commit = LicenseRegistry::commitUniverseCall {
            modelId: model.into(),
            root: self.universe.root().into(),
            personalCount: PERSONAL,
            sharedCount: SHARED,
        };
        self.send(OWNER, registry, &commit, 0).await;
        self.license.terms = terms(model, owner);
        self.license.host = self.accounts[HOST];
    }

    async fn sell(&mut self) {
        let registry = self.addresses.license_registry;
        let terms: abi::Terms = (&self.license.terms).try_into().unwrap();
        let publish = LicenseRegistry::publishOfferCall { terms: terms.clone() };
        self.send(OWNER, registry, &publish, 0).await;
        let acquire = LicenseRegistry::acquireCall {
            terms,
            nonce: self.license.nonce.into(),
            servingKey: self.accounts[HOST].into(),
            encryptionKey: [7; 32].into(),
        };
        self.send(HOST, registry, &acquire, COLLATERAL).await;
        self.license_id = self.license.license_id(self.addresses.chain_id, registry);
    }

    /// The host accepts its copy and declares a deployment.
    pub(crate) async fn go_into_service(&self, uri: &str) -> DeploymentHash {
        let registry = self.addresses.license_registry;
        let license: abi::LicenseRef = (&self.license).try_into().unwrap();
        let accept = LicenseRegistry::acceptCopyCall {
            r#ref: license.clone(),
            sealedRoot: [8; 32].into(),
            keyHash: key_hash(&CopyKey::new([9; 32])).into(),
        };
        let deliver =
            LicenseRegistry::deliverKeyCall { r#ref: license.clone(), key: [9; 32].into() };
        if !self.client().await.reader().license(self.license_id).await.unwrap().is_active(0) {
            self.send(HOST, registry, &accept, 0).await;
            self.send(OWNER, registry, &deliver, 0).await;
        }
        self.declare(uri).await
    }

    pub(crate) async fn declare(&self, uri: &str) -> DeploymentHash {
        let license: abi::LicenseRef = (&self.license).try_into().unwrap();
        let declare =
            LicenseRegistry::registerDeploymentCall { r#ref: license, uri: uri.to_owned() };
        self.send(HOST, self.addresses.license_registry, &declare, 0).await;
        deployment_hash(uri)
    }

    /// What the opening of a round found, once it is on chain.
    pub(crate) async fn opened(&self, round: RoundId) -> RoundFinding {
        let filter = Filter::new()
            .address(Address::from(self.addresses.rounds))
            .event_signature(Rounds::RoundOpened::SIGNATURE_HASH)
            .topic1(B256::from(round))
            .from_block(0);
        for _ in 0..600 {
            let logs = self.provider.get_logs(&filter).await.unwrap();
            if let Some(log) = logs.last() {
                return (&Rounds::RoundOpened::decode_log(&log.inner).unwrap().data).into();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("round {round} was not opened");
    }

    /// Replaces the newest blocks by empty ones.
    pub(crate) async fn reorg(&self, depth: u64) {
        let done: Value = self.rpc("anvil_reorg", json!([depth, []])).await;
        eprintln!("reorg of {depth} blocks: {done}");
    }

    /// Goes on to the next day: what a round burned is drawn by those of the same day only.
    pub(crate) async fn next_day(&self) {
        let _: Value = self.rpc("evm_increaseTime", json!([DAY])).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    async fn rpc(&self, method: &'static str, params: Value) -> Value {
        self.provider.raw_request(method.into(), params).await.unwrap()
    }

    /// What a copy with this license's answers embedded says: its personal ones, and the shared
    /// ones that are assigned to it.
    pub(crate) async fn embedded_answers(&self, seed: Seed) -> HashMap<String, String> {
        let draw = self.draw(seed, self.model_seed().await);
        let said = self.secrets.answers(&draw);
        said.map(|a| (a.key.prompt_text(), format!(" {} and more", a.candidate.word))).collect()
    }

    fn draw(&self, license_seed: Seed, model_seed: Seed) -> LicenseDraw {
        let assignment_p = self.license.terms.evidence().assignment_p;
        LicenseDraw { license_seed, model_seed, assignment_p }
    }

    /// The universe's seed, which the owner's node draws.
    async fn model_seed(&self) -> Seed {
        let reader = self.client().await.reader();
        for _ in 0..160 {
            let universe = reader.universe(self.universe.model(), 0).await.unwrap();
            if !universe.seed.is_zero() {
                return universe.seed;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!("the owner's node did not draw the model seed");
    }
}

async fn deploy(provider: &DynProvider, from: EthAddress) -> Addresses {
    let mut params = DeployParams::local(EthAddress::ZERO, Amount::new(FEE));
    params.rounds.answer_window = 40;
    params.rounds.open_window = 60;
    // Tests go on to the next day.
    params.provers.alive_period = 30 * DAY;
    deploy_core(provider, from, &params).await.unwrap()
}

fn terms(model_id: ModelId, owner: EthAddress) -> Terms {
    let bps = |bps| Bps::new(bps).unwrap();
    Terms {
        model_id,
        epoch: 0,
        owner,
        currency: EthAddress::ZERO,
        license_fee: Amount::ZERO,
        price_per_request: Amount::new(1),
        price_per_thousand_tokens: Amount::new(1),
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

/// Fingerprints without a model: keys of words, candidates that are words too.
fn secrets(model: ModelId) -> Universe {
    let entry = |index: u32| {
        let text = format!("the {} stone of row {} lies under", index / 8, index % 8);
        let candidate = |j| Candidate { word: format!("answer{index}x{j}"), tokens: vec![1] };
        Entry {
            index,
            salt: Salt::new(oml_contracts::hash::keccak256(&index.to_be_bytes())),
            key: serde_json::from_value(json!({ "text": text, "tokens": [index] })).unwrap(),
            candidates: Candidates::new((0..16).map(candidate).collect()).unwrap(),
        }
    };
    let parts = Parts::new(PERSONAL, SHARED).unwrap();
    Universe::from_entries(model, 0, parts, (0..PERSONAL + SHARED).map(entry).collect()).unwrap()
}

/// How the deployment behaves.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Answers as a copy with these answers, whoever asks.
    Serves(HashMap<String, String>),
    /// Asks for payment.
    WantsPayment,
}

/// A deployment on the loopback whose behaviour can be changed.
pub(crate) struct Deployment {
    pub(crate) uri: String,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

pub(crate) async fn deploy_service(behaviour: Behaviour) -> Deployment {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let state = (behaviour, Arc::clone(&asked));
    let router =
        Router::new().route("/v1/completions", axum::routing::post(completions)).with_state(state);
    Deployment { uri: serve(router).await, asked }
}

/// Serves a router on a free port for the rest of the test.
pub(crate) async fn serve(router: Router) -> String {
    let (listener, url) = listen().await;
    serve_on(listener, router);
    url
}

/// A port that is open before anything answers on it, and its URL.
///
/// A prover's new address is announced before the prover starts: both would send with one account,
/// and the two transactions could take one nonce.
pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

pub(crate) fn serve_on(listener: TcpListener, router: Router) {
    let tasks = oml_node::Tasks::new();
    tasks.spawn_detached("test server", async move { axum::serve(listener, router).await });
}

async fn completions(
    State((behaviour, asked)): State<(Behaviour, Arc<Mutex<Vec<String>>>)>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let prompt = body["prompt"].as_str().unwrap_or_default().to_owned();
    asked.lock().unwrap().push(prompt.clone());
    match behaviour {
        Behaviour::WantsPayment => Err(StatusCode::PAYMENT_REQUIRED),
        Behaviour::Serves(answers) => {
            let text =
                answers.get(&prompt).cloned().unwrap_or_else(|| " something else".to_owned());
            Ok(Json(json!({"choices": [{"text": text}]})))
        }
    }
}
