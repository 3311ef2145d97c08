//! Where draws come from: chosen for a deployment, brought from relays, looked at by the doctor.

use super::support::{Anvil, FIRST, FIRST_KEY, anvil, anvil_with, oml, stdout_json};
use assert_cmd::Command;
use oml_contracts::Addresses;
use oml_contracts::beacon::BeaconSource;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds by which the chain's clock is late, so that it can be set forward while every round that
/// it asks for is out.
const LATE: u64 = 50_000;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// `oml chain relay`; stopped when dropped.
struct LocalRelay {
    child: Child,
    told: Value,
}

impl Drop for LocalRelay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl LocalRelay {
    fn start(dir: &Path) -> Self {
        let genesis = (now() - 2 * LATE).to_string();
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_oml"))
            .args(["--format", "json", "chain", "relay", "--listen", "127.0.0.1:0"])
            .args(["--genesis", &genesis])
            .current_dir(dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut text = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = loop {
            text.push_str(&lines.next().unwrap().unwrap());
            if let Ok(Value::Object(envelope)) = serde_json::from_str(&text) {
                break envelope["data"].clone();
            }
        };
        Self { child, told }
    }

    fn text(&self, field: &str) -> String {
        match &self.told[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    fn url(&self) -> String {
        self.text("url")
    }

    /// Flags of a deployment that follows this network.
    fn flags(&self) -> Vec<String> {
        let (key, genesis) = (self.text("publicKey"), self.text("genesis"));
        let (period, margin) = (self.text("period"), "30".to_owned());
        let named = [
            ("--beacon", "drand-evmnet".to_owned()),
            ("--drand-public-key", key),
            ("--drand-genesis", genesis),
            ("--drand-period", period),
            ("--margin", margin),
        ];
        named.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }
}

struct Local<'a> {
    chain: &'a Anvil,
    dir: &'a Path,
}

impl Local<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = oml(self.dir);
        command.args(["--rpc-url", &self.chain.url, "--private-key", FIRST_KEY]).args(args);
        command
    }

    fn json(&self, relays: &str, args: &[&str]) -> Value {
        let mut command = self.command(args);
        let answer =
            stdout_json(command.args(["--format", "json"]).env("OML_DRAND_ENDPOINTS", relays));
        assert_eq!(answer["success"], true, "{args:?}: {answer}");
        answer["data"].clone()
    }

    fn addresses(&self) -> Addresses {
        Addresses::load(&self.dir.join("addresses.json")).unwrap()
    }

    /// Sets the chain's clock past the margin.
    fn pass_margin(&self) {
        self.chain.rpc("evm_increaseTime", json!([35]));
        self.chain.rpc("evm_mine", json!([]));
    }
}

fn steps(sent: &Value) -> Vec<&str> {
    sent["transactions"].as_array().unwrap().iter().map(|t| t["step"].as_str().unwrap()).collect()
}

#[test]
fn seeds_are_drawn_from_a_drand_network_of_ones_own() {
    let late = (now() - LATE).to_string();
    let Some(chain) = anvil_with(&["--timestamp", &late]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let relay = LocalRelay::start(dir.path());
    let local = Local { chain: &chain, dir: dir.path() };
    let flags = relay.flags();
    let mut deploy = vec!["chain", "deploy", "--local"];
    deploy.extend(flags.iter().map(String::as_str));
    local.json("", &deploy);
    let source = local.addresses().beacon.source;
    let BeaconSource::DrandEvmnet(network) = source else { panic!("{source:?}") };
    assert_eq!(network.public_key.to_string(), format!("0x{}", relay.text("publicKey")));
    local
        .command(&["chain", "verify"])
        .assert()
        .success()
        .stdout(contains("DrandBn254Beacon").and(contains("derived").not()));

    // A dead relay beside a good one changes nothing.
    let relays = format!("http://127.0.0.1:1,{}", relay.url());
    let model = chain.register_model(&local.addresses()).to_string();
    let seed = ["fingerprint", "seed", "--model-id", &model, "--wait", "30"];
    let early = ["fingerprint", "seed", "--model-id", &model, "--wait", "0"];
    local
        .command(&early)
        .env("OML_DRAND_ENDPOINTS", &relays)
        .assert()
        .code(7)
        .stderr(contains("is not out yet"));
    local.pass_margin();
    let drawn = local.json(&relays, &seed);
    assert_eq!(steps(&drawn), ["bring beacon round", "draw universe seed"], "{drawn}");

    let template = ["offer", "template", "--model-id", &model, "--owner", FIRST];
    local.json("", &[&template[..], &["--currency", "native", "--license-fee", "1"]].concat());
    local.json("", &["offer", "publish", "--terms", "terms.json"]);
    local.json("", &["license", "acquire", "--terms", "terms.json", "--serving-key", FIRST]);
    local.pass_margin();
    // Without a relay that answers nothing is sent, and nothing is lost.
    let before = chain.sent();
    local
        .command(&["license", "seed", "--wait", "0"])
        .env("OML_DRAND_ENDPOINTS", "http://127.0.0.1:1")
        .assert()
        .code(5)
        .stderr(contains("its proof could not be had").and(contains("--drand-endpoint")));
    assert_eq!(chain.sent(), before);
    let dry = local.json(&relays, &["--dry-run", "license", "seed"]);
    assert_eq!(steps(&dry), ["bring beacon round"]);
    assert_eq!(chain.sent(), before);
    let drawn = local.json(&relays, &["license", "seed"]);
    assert_eq!(steps(&drawn), ["bring beacon round", "draw license seed"], "{drawn}");
    assert_eq!(steps(&local.json(&relays, &["license", "seed"])), Vec::<&str>::new());
    let shown = local.json("", &["license", "show"]);
    assert_ne!(shown["seed"], format!("0x{}", "00".repeat(32)));
}

#[test]
fn the_doctor_says_what_draws_are_worth_and_who_answers() {
    let late = (now() - LATE).to_string();
    let Some(chain) = anvil_with(&["--timestamp", &late]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let relay = LocalRelay::start(dir.path());
    let local = Local { chain: &chain, dir: dir.path() };
    let flags = relay.flags();
    let mut deploy = vec!["chain", "deploy", "--local"];
    deploy.extend(flags.iter().map(String::as_str));
    local.json("", &deploy);
    let doctor = |relays: &str| {
        let mut command = local.command(&["doctor"]);
        command.env("OML_DRAND_ENDPOINTS", relays);
        command.assert()
    };
    doctor(&relay.url())
        .success()
        .stdout(contains("0 bits of bias").and(contains("is accepted by the beacon")));
    doctor(&format!("http://127.0.0.1:1,{}", relay.url()))
        .success()
        .stdout(contains("others bring the rounds"));
    doctor("http://127.0.0.1:1").code(1).stdout(contains("name a relay that answers"));
    // No relay is known for a network that is not drand's own.
    doctor("").code(1).stdout(contains("no drand relay is known"));
}

#[test]
fn the_beacon_follows_from_the_chain_or_from_flags() {
    let Some(chain) = anvil() else { return };
    let dir = tempfile::tempdir().unwrap();
    let local = Local { chain: &chain, dir: dir.path() };
    local.json("", &["chain", "deploy", "--local"]);
    assert_eq!(local.addresses().beacon.source.kind(), "randao");
    local
        .command(&["doctor"])
        .assert()
        .success()
        .stdout(contains("1 bits of bias").and(contains("stale")));
    // Another beacon is another deployment.
    local
        .command(&["chain", "deploy", "--local", "--beacon", "drand-quicknet"])
        .assert()
        .code(1)
        .stderr(contains("holds another deployment"));
    let other = ["--addresses", "quicknet.json", "chain", "deploy", "--local"];
    local.json("", &[&other[..], &["--beacon", "drand-quicknet"]].concat());
    let quicknet = Addresses::load(&dir.path().join("quicknet.json")).unwrap();
    assert_eq!(quicknet.beacon.source.kind(), "drand-quicknet");
    local.command(&["--addresses", "quicknet.json", "chain", "verify"]).assert().success();

    // A file of the version before names itself, and is not written over.
    let mut old: Value =
        serde_json::from_str(&std::fs::read_to_string(dir.path().join("addresses.json")).unwrap())
            .unwrap();
    old["beacon"] = old["beacon"]["address"].clone();
    std::fs::write(dir.path().join("old.json"), old.to_string()).unwrap();
    for verb in [&["show"][..], &["deploy", "--local"]] {
        local
            .command(&[&["--addresses", "old.json", "chain"][..], verb].concat())
            .assert()
            .code(1)
            .stderr(contains("draws came from block hashes"));
    }
}

#[test]
fn a_sequencers_randao_is_refused() {
    let Some(chain) = anvil_with(&["--chain-id", "10"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let local = Local { chain: &chain, dir: dir.path() };
    let before = chain.sent();
    let stake = ["--stake-currency", "native", "--seat-fee", "1"];
    let randao = [&["chain", "deploy", "--beacon", "randao"][..], &stake].concat();
    local
        .command(&randao)
        .assert()
        .code(1)
        .stderr(contains("the sequencer chooses").and(contains("--accept-sequencer-randomness")));
    assert_eq!(chain.sent(), before, "refused before it costs anything");
    local.json("", &[&randao[..], &["--accept-sequencer-randomness"]].concat());
    local
        .command(&["doctor"])
        .assert()
        .code(1)
        .stdout(contains("BROKEN").and(contains("the sequencer chooses prevrandao")));

    let Some(unknown) = anvil_with(&["--chain-id", "4242"]) else { return };
    let local = Local { chain: &unknown, dir: dir.path() };
    local
        .command(&[&["--addresses", "unknown.json", "chain", "deploy"][..], &stake].concat())
        .assert()
        .code(1)
        .stderr(contains("chain 4242 is not known").and(contains("--beacon drand-evmnet")));
}
