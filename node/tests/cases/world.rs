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
use oml_contracts::evidence::EvidenceTerms;
use oml_contracts::hash::{channel_id, deployment_hash, key_hash, request_hash};
use oml_contracts::rpc::CaseStory;
use oml_contracts::rpc::abi::{
    self, ChallengeManager, LicenseRegistry, PaymentEscrow, ProverRegistry,
};
use oml_contracts::rpc::deploy::{DeployParams, deploy_core};
use oml_contracts::terms::{SlashTerms, level};
use oml_contracts::{
    Addresses, Amount, Bps, CaseId, DeploymentHash, EthAddress, LicenseId, LicenseNonce,
    LicenseRef, ModelId, Salt, Seed, Signable as _, Terms, Voucher,
};
use oml_node::cases::{EncryptionKey, OpenableUniverse};
use oml_node::chain::{CaseView, ChainClient};
use oml_node::store::{Store, VoucherRow};
use oml_prover::fingerprint::{Candidate, Candidates, Entry, LicenseDraw, Universe};
use serde_json::{Value, json};

pub(crate) const OWNER: usize = 0;
pub(crate) const HOST: usize = 1;
pub(crate) const REPORTER: usize = 2;
pub(crate) const PROVERS: [usize; 3] = [3, 4, 5];
pub(crate) const FEE: u128 = 1_000;
pub(crate) const BOND: u128 = 5_000;
pub(crate) const COLLATERAL: u128 = 1_000_000;
const PERSONAL: u32 = 64;
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
    pub(crate) async fn create(anvil: PathBuf, rebuttal_window: u64) -> Self {
        let anvil = Anvil::new().path(anvil).block_time(1).timeout(60_000).try_spawn().unwrap();
        let rpc_url = anvil.endpoint();
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .connect_http(rpc_url.parse().unwrap())
            .erased();
        let accounts: Vec<EthAddress> = anvil.addresses().iter().map(|a| (*a).into()).collect();
        let keys: Vec<PrivateKeySigner> = anvil.keys().iter().map(|k| k.clone().into()).collect();
        let addresses = deploy(&provider, accounts[OWNER], rebuttal_window).await;

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
        world.register_provers().await;
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

    async fn register_provers(&self) {
        for (place, prover) in PROVERS.into_iter().enumerate() {
            let call = ProverRegistry::registerCall {
                stake: 100_000,
                encryptionKey: self.encryption[place].public().into(),
            };
            self.send(prover, self.addresses.prover_registry, &call, 100_000).await;
        }
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
        };
        self.send(HOST, registry, &acquire, COLLATERAL).await;
        self.license_id = self.license.license_id(self.addresses.chain_id, registry);
    }

    /// The host accepts its copy and declares a deployment.
    pub(crate) async fn go_into_service(&self, uri: &str) -> DeploymentHash {
        let registry = self.addresses.license_registry;
        let license: abi::LicenseRef = (&self.license).try_into().unwrap();
        let activate =
            LicenseRegistry::activateCall { r#ref: license.clone(), artefactHash: [9; 32].into() };
        if !self.client().await.reader().license(self.license_id).await.unwrap().is_active(0) {
            self.send(HOST, registry, &activate, 0).await;
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

    /// A reporter opens a case; `number` tells its cases apart.
    pub(crate) async fn open_case(&self, deployment: DeploymentHash, number: u8) -> CaseId {
        let salt = self.report(deployment, number).await;
        let open = ChallengeManager::openCaseCall {
            r#ref: (&self.license).try_into().unwrap(),
            deploymentHash: deployment.into(),
            salt: salt.into(),
        };
        self.open(&open).await
    }

    /// A reporter opens a case about a deployment that nobody registered.
    pub(crate) async fn open_leak_case(&self, uri: &str, number: u8) -> CaseId {
        let salt = self.report(deployment_hash(uri), number).await;
        let open = ChallengeManager::openLeakCaseCall {
            r#ref: (&self.license).try_into().unwrap(),
            uri: uri.to_owned(),
            salt: salt.into(),
        };
        self.open(&open).await
    }

    async fn report(&self, deployment: DeploymentHash, number: u8) -> Salt {
        let claim = oml_contracts::hash::case_claim(self.license_id, deployment);
        let salt = Salt::new([number; 32]);
        let commitment =
            oml_contracts::hash::report_commitment(self.accounts[REPORTER], claim, salt);
        let commit = ChallengeManager::commitReportCall { commitment: commitment.into() };
        self.send(REPORTER, self.addresses.challenge_manager, &commit, 0).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        salt
    }

    async fn open<C: SolCall>(&self, call: &C) -> CaseId {
        let manager = self.addresses.challenge_manager;
        let receipt = self.send(REPORTER, manager, call, BOND + 3 * FEE).await;
        let logs = receipt.logs().iter();
        let opened: Vec<ChallengeManager::CaseOpened> = logs
            .filter_map(|log| ChallengeManager::CaseOpened::decode_log(&log.inner).ok())
            .map(|log| log.data)
            .collect();
        let story = CaseStory::opened(&opened[0]);
        let id = story.opening.case_id(self.addresses.chain_id, manager, self.license_id);
        assert_eq!(id, opened[0].caseId.into());
        id
    }

    /// A case as its state and events tell it.
    pub(crate) async fn case(&self, id: CaseId) -> CaseView {
        let reader = self.client().await.reader();
        let filter = Filter::new()
            .address(Address::from(self.addresses.challenge_manager))
            .topic1(B256::from(id))
            .from_block(0);
        // A block may come between the reads.
        for _ in 0..50 {
            let state = reader.case_state(id).await.unwrap();
            let removed = reader.removed_of(id).await.unwrap();
            let logs = self.provider.get_logs(&filter).await.unwrap();
            let story = CaseStory::read(logs.iter().map(|log| log.data())).unwrap().unwrap();
            let alpha = self.license.terms.evidence.alpha_inverse;
            if let Some(view) = CaseView::new(id, &state, story, removed, alpha) {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the events of case {id} do not lead to its facts");
    }

    /// A prover opens a channel and pays one request per prompt; the host's store keeps the
    /// vouchers.
    pub(crate) async fn pay(&self, payer: usize, prompts: &[String], host: &Store) {
        let (escrow, salt) = (self.addresses.payment_escrow, Salt::new([5; 32]));
        let deposit = 10 * prompts.len() as u128;
        let open = PaymentEscrow::openChannelCall {
            r#ref: (&self.license).try_into().unwrap(),
            signer: Address::ZERO,
            salt: salt.into(),
            amount: deposit,
        };
        self.send(payer, escrow, &open, deposit).await;
        let (chain, signer) = (self.addresses.chain_id, EthAddress::ZERO);
        let payer_address = self.accounts[payer];
        let channel_id = channel_id(chain, escrow, self.license_id, payer_address, signer, salt);
        for (requests, prompt) in (1_u64..).zip(prompts) {
            let voucher = Voucher {
                channel_id,
                cumulative_amount: Amount::new(2 * u128::from(requests)),
                cumulative_requests: requests,
                cumulative_tokens: requests,
                request_hash: request_hash(self.license.terms.model_id, key_hash(prompt)),
            };
            let domain = self.addresses.voucher_domain();
            let signature = voucher.sign(&domain, self.keys[payer].credential()).unwrap();
            let row = VoucherRow {
                channel_id,
                license_id: self.license_id,
                payer: payer_address,
                signer,
                salt,
                cumulative_amount: voucher.cumulative_amount,
                cumulative_requests: requests,
                cumulative_tokens: requests,
                request_hash: voucher.request_hash,
                signature: signature.as_bytes().to_vec(),
                received_at: 0,
            };
            host.put_voucher(&row).await.unwrap();
        }
    }

    /// Replaces the newest blocks by empty ones.
    pub(crate) async fn reorg(&self, depth: u64) {
        let done: Value = self.rpc("anvil_reorg", json!([depth, []])).await;
        eprintln!("reorg of {depth} blocks: {done}");
    }

    /// Lets chain time pass.
    pub(crate) async fn skip(&self, seconds: u64) {
        let _: Value = self.rpc("evm_increaseTime", json!([seconds])).await;
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
        let assignment_p = self.license.terms.evidence.assignment_p;
        LicenseDraw { license_seed, model_seed, assignment_p }
    }

    /// Bits of a case's fingerprints that a copy of this license answers: all personal ones, and
    /// the assigned shared ones.
    pub(crate) fn expected_hits(&self, seed: Seed, bundles: &[u32]) -> [u8; 32] {
        // Which answers are drawn depends on the model's seed, which license carries them does not.
        let draw = self.draw(seed, Seed::ZERO);
        let mut bits = [0; 32];
        let leaves = bundles.iter().flat_map(|bundle| bundle * 16..bundle * 16 + 16);
        for (place, index) in leaves.enumerate() {
            if index < PERSONAL || self.secrets.assigns(&draw, index) {
                bits[place / 8] |= 1 << (place % 8);
            }
        }
        bits
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

async fn deploy(provider: &DynProvider, from: EthAddress, rebuttal_window: u64) -> Addresses {
    let mut params = DeployParams::local(EthAddress::ZERO, Amount::new(50_000));
    params.cases.rebuttal_window = rebuttal_window;
    params.cases.bundles_per_case = 1;
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
        settlement_period: 10_000,
        thaw_period: 20_000,
        max_deployments: 4,
        evidence_levels: level::PROOF | level::COMMITTEE,
        leak_liability: false,
        report_bond: Amount::new(BOND),
        prover_fee: Amount::new(FEE),
        evidence: EvidenceTerms::for_rates(0.9, 0.9, 16_384, 1_000_000_000).unwrap(),
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
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = oml_node::Tasks::new();
    tasks.spawn_detached("test server", async move { axum::serve(listener, router).await });
    format!("http://{address}")
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
