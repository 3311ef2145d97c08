//! A chain with two models: the accused has a license of one, somebody else the copy of the other.

use crate::support::{Anvil, FIRST, FIRST_KEY, anvil, oml, read_request, stdout_json};
use alloy::hex;
use alloy::sol_types::SolCall;
use assert_cmd::Command;
use k256::ecdsa::SigningKey;
use oml_contracts::draw::Parts;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{
    Addresses, ContentHash, CopyKey, EthAddress, LicenseId, LicenseNonce, LicenseRef, ModelId,
    Terms, hash,
};
use oml_payments::LogEntry;
use oml_prover::delivery::key_hash;
use oml_prover::fingerprint::{Fingerprint, LicenseDraw, Universe, WrapKey};
use rand::SeedableRng as _;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Private keys of further accounts of every fresh anvil: who buys the copy, who pays and proves.
const BUYER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
pub(super) const PAYER_KEY: &str =
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
const PAYER: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const BUYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// Of the accused, in whole units.
pub(super) const COLLATERAL: u64 = 100;
/// Sizes of the copy's universe.
const PERSONAL: u32 = 64;

/// What the accused's model answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Says {
    /// Always the same.
    Always(&'static str),
    /// What the copy would.
    Copy,
    /// What the copy would, so often; then nothing until it is told something else.
    CopyThenHold(u64),
    /// What the copy would, so often; then it fails.
    CopyUntil(u64),
}

#[derive(Debug)]
struct Model {
    says: Says,
    asked: u64,
    copy: HashMap<String, String>,
}

pub(super) struct World {
    chain: Anvil,
    dir: tempfile::TempDir,
    model: Arc<Mutex<Model>>,
    node: Option<Child>,
    gateway: String,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(node) = &mut self.node {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

fn port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl World {
    /// `None`, with a message, where there is no anvil.
    pub(super) fn start() -> Option<Self> {
        let chain = anvil()?;
        mine_by_itself(&chain);
        let model = Model { says: Says::Copy, asked: 0, copy: HashMap::new() };
        let mut world = Self {
            chain,
            dir: tempfile::tempdir().unwrap(),
            model: Arc::new(Mutex::new(model)),
            node: None,
            gateway: format!("http://127.0.0.1:{}", port()),
        };
        world.json_of(world.command(FIRST_KEY, &["chain", "deploy", "--local"]));
        let accused = world.register(1);
        world.commit(accused, [3; 32]);
        world.license_of(accused, FIRST_KEY, FIRST, "license.json");
        // The copy's answers must be drawn after the accused has its own artefact.
        let victim = world.register(2);
        let universe = universe(victim);
        world.commit(victim, *universe.root().as_bytes());
        world.license_of(victim, BUYER_KEY, BUYER, "copy.json");
        world.keep(&universe);
        world.serve();
        let open = ["channel", "open", "--license", "license.json", "--amount", "20"];
        world.json_of(world.command(PAYER_KEY, &open));
        Some(world)
    }

    fn register(&self, number: u8) -> ModelId {
        let registry = self.addresses().license_registry;
        let (weights, metadata) = (ContentHash::new([number; 32]), ContentHash::new([9; 32]));
        let register = LicenseRegistry::registerModelCall {
            weightsHash: weights.into(),
            metadataHash: metadata.into(),
            parents: vec![],
        };
        self.send(FIRST, registry, &register);
        let chain_id = self.addresses().chain_id;
        hash::model_id(chain_id, registry, FIRST.parse().unwrap(), weights, metadata)
    }

    fn commit(&self, model: ModelId, root: [u8; 32]) {
        let commit = LicenseRegistry::commitUniverseCall {
            modelId: model.into(),
            root: root.into(),
            personalCount: PERSONAL,
            sharedCount: 0,
        };
        self.send(FIRST, self.addresses().license_registry, &commit);
    }

    /// Offers the model, with the fourth proof among the terms, and buys and activates a license of
    /// it.
    fn license_of(&self, model: ModelId, key: &str, host: &str, file: &str) {
        let owner = |args: &[&str]| self.json_of(self.command(FIRST_KEY, args));
        let (id, terms_file) = (model.to_string(), format!("terms-{file}"));
        owner(&[
            &["offer", "template", "--model-id", &id, "--owner", FIRST, "--license-fee", "0"][..],
            &["--currency", "native", "--out", &terms_file],
            &["--collateral", "100", "--settlement-period", "60", "--thaw-period", "600"],
            &["--unlicensed-model-bps", "6000"],
        ]
        .concat());
        owner(&["offer", "publish", "--terms", &terms_file]);
        let acquire = ["license", "acquire", "--terms", &terms_file, "--serving-key", host];
        self.json_of(self.command(key, &[&acquire[..], &["--out", file]].concat()));
        owner(&["license", "seed", "--license", file]);
        let terms: Terms = self.read(&terms_file);
        let license =
            LicenseRef { terms, host: host.parse().unwrap(), nonce: LicenseNonce::from(0) };
        let accept = LicenseRegistry::acceptCopyCall {
            r#ref: (&license).try_into().unwrap(),
            sealedRoot: [8; 32].into(),
            keyHash: key_hash(&CopyKey::new([9; 32])).into(),
        };
        self.send(host, self.addresses().license_registry, &accept);
        let deliver = LicenseRegistry::deliverKeyCall {
            r#ref: (&license).try_into().unwrap(),
            key: [9; 32].into(),
        };
        self.send(host, self.addresses().license_registry, &deliver);
    }

    /// The universe on disk, and the copy's answers in the accused's model.
    fn keep(&self, universe: &Universe) {
        let shown = ["license", "show", "--license", "copy.json"];
        let seed = self.json_of(self.command(FIRST_KEY, &shown))["seed"].as_str().unwrap().parse();
        let seed = seed.unwrap();
        let draw = LicenseDraw { license_seed: seed, model_seed: seed, assignment_p: 1 };
        let answers = universe.answers(&draw);
        let answers =
            answers.map(|a| (a.key.prompt_text(), format!(" {}, they say", a.candidate.word)));
        self.model.lock().unwrap().copy = answers.collect();
        let folder = self.path("secrets/universe-0");
        std::fs::create_dir_all(&folder).unwrap();
        let key = zeroize::Zeroizing::new([7; 32]);
        std::fs::write(self.path("universe.key"), hex::encode(key.as_slice())).unwrap();
        universe.save(&folder.join("universe.oml"), &WrapKey::Raw(key)).unwrap();
    }

    /// The accused's model and, before it, its node with the gateway.
    fn serve(&mut self) {
        let upstream = serve_model(Arc::clone(&self.model));
        let id = self.read::<Value>("license.json")["licenseId"].as_str().unwrap().to_owned();
        let listen = self.gateway.trim_start_matches("http://");
        let config = format!(
            "[chain]\nrpc_url = {:?}\naddresses = \"addresses.json\"\npoll_interval_ms = 50\n\
             [store]\nurl = \"sqlite:host.db\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [signer]\nprivate_key_env = \"HOST_KEY\"\n\
             [[host.gateways]]\nlicense = {id:?}\nlisten = {listen:?}\nupstream = {upstream:?}\n\
             upstream_model = \"served\"\nserving_key = {{ private_key_env = \"HOST_KEY\" }}\n\
             [host]\nboot_marks = \"boot-marks\"\n",
            self.chain.url
        );
        std::fs::write(self.path("host.toml"), config).unwrap();
        let log = std::fs::File::create(self.path("host.log")).unwrap();
        let node = std::process::Command::new(env!("CARGO_BIN_EXE_oml"))
            .args(["node", "run", "--config", "host.toml"])
            .current_dir(self.dir.path())
            .env("HOST_KEY", FIRST_KEY)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.node = Some(node.unwrap());
        let address = listen.to_owned();
        self.until(|| TcpStream::connect(&address).is_ok());
    }

    pub(super) fn host_says(&self, says: Says) {
        let mut model = self.model.lock().unwrap();
        (model.says, model.asked) = (says, 0);
    }

    /// Questions that the model was asked since it was told what to say.
    pub(super) fn asked(&self) -> u64 {
        self.model.lock().unwrap().asked
    }

    pub(super) fn until(&self, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            let log = || std::fs::read_to_string(self.path("host.log")).unwrap_or_default();
            assert!(start.elapsed() < Duration::from_secs(60), "it takes too long\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn addresses(&self) -> Addresses {
        Addresses::load(&self.path("addresses.json")).unwrap()
    }

    pub(super) fn license(&self) -> LicenseRef {
        let file: Value = self.read("license.json");
        let terms = serde_json::from_value(file["terms"].clone()).unwrap();
        LicenseRef { terms, host: FIRST.parse().unwrap(), nonce: LicenseNonce::from(0) }
    }

    /// Id of a license of the copied model that nobody bought.
    pub(super) fn copy_with_nonce(&self, nonce: u64) -> LicenseId {
        let file: Value = self.read("copy.json");
        let terms = serde_json::from_value(file["terms"].clone()).unwrap();
        let nonce = LicenseNonce::from(nonce);
        let license = LicenseRef { terms, host: BUYER.parse().unwrap(), nonce };
        let addresses = self.addresses();
        license.license_id(addresses.chain_id, addresses.license_registry)
    }

    pub(super) fn host_key(&self) -> SigningKey {
        SigningKey::from_slice(&hex::decode(FIRST_KEY).unwrap()).unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> T {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    pub(super) fn write(&self, name: &str, value: &impl serde::Serialize) {
        std::fs::write(self.path(name), serde_json::to_vec(value).unwrap()).unwrap();
    }

    /// The payer's log as it is now; a line that is being written is left out.
    pub(super) fn log(&self) -> Vec<LogEntry> {
        let text = std::fs::read_to_string(self.path("channel.payments.jsonl")).unwrap_or_default();
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(super) fn write_log(&self, name: &str, log: &[LogEntry]) {
        let lines = log.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n");
        std::fs::write(self.path(name), lines.collect::<String>()).unwrap();
    }

    /// Requests on the newest receipt that the host has signed on the payer's channel.
    pub(super) fn signed(&self) -> u64 {
        let channel: Value = self.read("channel.json");
        let id = channel["channelId"].as_str().unwrap();
        let address = self.gateway.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        let path = format!("/v1/oml/channels/{id}/receipt");
        let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let receipt = read_request(&mut BufReader::new(stream)).unwrap();
        receipt["cumulativeRequests"].as_u64().unwrap()
    }

    pub(super) fn sent_by_payer(&self) -> u64 {
        let sent = self.chain.rpc("eth_getTransactionCount", json!([PAYER, "pending"]));
        u64::from_str_radix(sent.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    pub(super) fn command(&self, key: &str, args: &[&str]) -> Command {
        let mut command = oml(self.dir.path());
        command.args(["--rpc-url", &self.chain.url, "--private-key", key]).args(args);
        command
    }

    pub(super) fn payer(&self, args: &[&str]) -> Command {
        self.command(PAYER_KEY, args)
    }

    pub(super) fn collect(&self, series: &str, more: &[&str]) -> Command {
        let gateway = ["--gateway", self.gateway.as_str()];
        let mut command = self.payer(&["proof", "collect", "--series", series]);
        command.args(gateway).args(more);
        command
    }

    pub(super) fn spawn_collect(&self, series: &str) -> Child {
        std::process::Command::new(env!("CARGO_BIN_EXE_oml"))
            .args(["--rpc-url", &self.chain.url, "--private-key", PAYER_KEY])
            .args(["proof", "collect", "--series", series, "--gateway", &self.gateway])
            .current_dir(self.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// A local endpoint of the payer, on any port that is free; it prints its base URL.
    pub(super) fn endpoint(&self, limits: &[&str]) -> Child {
        std::process::Command::new(env!("CARGO_BIN_EXE_oml"))
            .args(["--rpc-url", &self.chain.url, "--private-key", PAYER_KEY, "--format", "quiet"])
            .args(["pay", "proxy", "--gateway", &self.gateway, "--listen", "127.0.0.1:0"])
            .args(limits)
            .current_dir(self.dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(super) fn json_of(&self, mut command: Command) -> Value {
        let answer = stdout_json(command.args(["--format", "json"]));
        assert_eq!(answer["success"], true, "{answer}");
        answer["data"].clone()
    }

    /// Sends from an account that anvil unlocks; mined at once.
    fn send<C: SolCall>(&self, from: &str, to: EthAddress, call: &C) {
        let data = hex::encode_prefixed(call.abi_encode());
        let transaction = json!([{ "from": from, "to": to, "data": data }]);
        let id = self.chain.rpc("eth_sendTransaction", transaction);
        let receipt = || self.chain.rpc("eth_getTransactionReceipt", json!([id]));
        self.until(|| !receipt().is_null());
        assert_eq!(receipt()["status"], "0x1", "{} reverted", C::SIGNATURE);
    }
}

/// Transactions are mined at once; blocks come besides, since beacons and delays need them.
fn mine_by_itself(chain: &Anvil) {
    let address = chain.url.trim_start_matches("http://").to_owned();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": [] }).to_string();
    std::thread::spawn(move || {
        // Ends with the chain.
        while let Ok(mut stream) = TcpStream::connect(&address) {
            let request = format!(
                "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(request.as_bytes()).is_err() {
                return;
            }
            read_request(&mut BufReader::new(stream));
            std::thread::sleep(Duration::from_millis(300));
        }
    });
}

/// 64 fingerprints whose candidates are words that no model has to know.
fn universe(model: ModelId) -> Universe {
    let fingerprint = |number: u32| -> Fingerprint {
        let candidates: Vec<Value> =
            (0..16).map(|i| json!({ "word": format!("w{number}x{i}"), "tokens": [i] })).collect();
        let key = json!({ "text": format!("Question {number} is"), "tokens": [number] });
        serde_json::from_value(json!({ "key": key, "candidates": candidates })).unwrap()
    };
    let parts = Parts::new(PERSONAL, 0).unwrap();
    let mut rng = rand::rngs::StdRng::seed_from_u64(5);
    Universe::build(model, 0, parts, (0..PERSONAL).map(fingerprint).collect(), &mut rng).unwrap()
}

/// An OpenAI-compatible server; ends with the tests.
fn serve_model(model: Arc<Mutex<Model>>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let model = Arc::clone(&model);
            std::thread::spawn(move || answer_all(&stream, &model));
        }
    });
    url
}

fn answer_all(stream: &TcpStream, model: &Mutex<Model>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader) {
        let (says, asked, drawn) = {
            let mut model = model.lock().unwrap();
            model.asked += 1;
            let prompt = request["prompt"].as_str().unwrap_or_default();
            (model.says, model.asked, model.copy.get(prompt).cloned().unwrap_or_default())
        };
        let text = match says {
            Says::Always(text) => Some(text.to_owned()),
            Says::CopyUntil(last) if asked > last => None,
            Says::CopyThenHold(last) if asked > last => {
                while matches!(model.lock().unwrap().says, Says::CopyThenHold(_)) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Some(drawn)
            }
            Says::Copy | Says::CopyUntil(_) | Says::CopyThenHold(_) => Some(drawn),
        };
        let usage = json!({ "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8 });
        let (status, body) = text.map_or_else(
            || ("500 Internal Server Error", json!({ "error": { "message": "out of memory" } })),
            |text| ("200 OK", json!({ "choices": [{ "text": text }], "usage": usage })),
        );
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if writer.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}
