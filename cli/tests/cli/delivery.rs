//! A copy from its owner to a host, and what goes wrong on the way.

use super::money::{SECOND, World};
use super::support::FIRST_KEY;
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Owner: the first account; host: the second.
struct Sale {
    world: World,
}

impl Sale {
    /// A license that the second account has bought, its seed drawn, and a folder that passes for
    /// its copy.
    fn new() -> Option<Self> {
        let world = World::selling(|_| "native".to_owned())?;
        world.payer(&["license", "acquire", "--terms", "terms.json", "--serving-key", SECOND]);
        world.host(&["license", "seed"]);
        let copy = world.dir.path().join("copy");
        fs::create_dir(&copy).unwrap();
        fs::write(copy.join("model.safetensors"), vec![7; 3 << 20]).unwrap();
        fs::write(copy.join("config.json"), "{}").unwrap();
        Some(Self { world })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.dir.path().join(name)
    }

    fn seal(&self) -> Value {
        self.world.host(&["license", "seal", "--copy", "copy", "--out", "sealed"])
    }

    /// What reaches the host: the sealed copy without the owner's secret.
    fn hand_over(&self) {
        fs::create_dir(self.path("mine")).unwrap();
        for file in ["copy.sealed", "copy.manifest"] {
            fs::copy(self.path("sealed").join(file), self.path("mine").join(file)).unwrap();
        }
    }

    fn host(&self, args: &[&str]) -> assert_cmd::Command {
        self.world.command(super::money::SECOND_KEY, args)
    }

    fn owner(&self, args: &[&str]) -> assert_cmd::Command {
        self.world.command(FIRST_KEY, args)
    }

    fn status(&self) -> Value {
        self.world.host(&["license", "show"])
    }
}

const DELIVER: [&str; 6] = ["license", "deliver", "--sealed", "sealed", "--wait", "0"];
const ACCEPT: [&str; 4] = ["license", "accept", "--sealed", "mine"];
const OPEN: [&str; 8] = ["license", "open", "--sealed", "mine", "--out", "served", "--wait", "0"];

#[test]
fn a_copy_is_paid_for_when_it_can_be_read_and_not_before() {
    let Some(sale) = Sale::new() else { return };
    let sealed = sale.seal();
    sale.hand_over();

    // Nothing is sent before the host has accepted, and nothing can be read.
    sale.owner(&DELIVER).assert().failure().stderr(contains("has not accepted"));
    sale.host(&OPEN).assert().failure().stderr(contains("the key of its copy is not on chain"));
    assert_eq!(sale.status()["status"], "seeded");

    let accepted = sale.world.payer(&ACCEPT);
    assert_eq!(accepted["sealedRoot"], sealed["sealedRoot"]);
    assert_eq!(sale.status()["status"], "accepted");
    sale.host(&OPEN).assert().failure().stderr(contains("is not on chain"));
    // The same command again sends nothing.
    assert_eq!(sale.world.payer(&ACCEPT)["transactions"], json!([]));

    // A dry run shows the key to nobody, so it does not simulate: no gas.
    let mut dry = vec!["--dry-run"];
    dry.extend(DELIVER);
    let shown = sale.world.host(&dry);
    assert_eq!(shown["transactions"][0]["gas"], 0);
    assert_eq!(sale.status()["status"], "accepted");

    let delivered = sale.world.host(&DELIVER);
    let steps: Vec<&Value> =
        delivered["transactions"].as_array().unwrap().iter().map(|sent| &sent["step"]).collect();
    assert_eq!(steps, ["deliver key", "release fee"]);
    assert_eq!(sale.status()["status"], "active");
    assert_eq!(sale.world.host(&DELIVER)["transactions"], json!([]));

    let opened = sale.world.payer(&OPEN);
    assert_ne!(opened["trialEnd"], 0);
    for file in ["model.safetensors", "config.json"] {
        let read = |folder: &str| fs::read(sale.path(folder).join(file)).unwrap();
        assert_eq!(read("copy"), read("served"), "{file}");
    }
    sale.host(&OPEN).assert().failure().stderr(contains("exists already"));
}

#[test]
fn a_rejected_copy_brings_half_of_the_fee_back() {
    let Some(sale) = Sale::new() else { return };
    sale.seal();
    sale.hand_over();
    sale.host(&["license", "reject"]).assert().failure().stderr(contains("WrongStatus"));
    sale.world.payer(&ACCEPT);
    sale.world.host(&DELIVER);
    sale.world.payer(&["license", "reject"]);
    assert_eq!(sale.status()["status"], "terminated");
    // The owner has its half already, and nothing is left.
    sale.owner(&["license", "release-fee"]).assert().failure().stderr(contains("NoFeeDue"));
    sale.host(&["license", "reject"]).assert().failure();
}

#[test]
fn what_is_damaged_or_for_somebody_else_is_not_accepted() {
    let Some(sale) = Sale::new() else { return };
    sale.seal();
    sale.hand_over();
    let file = sale.path("mine").join("copy.sealed");
    let whole = fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damaged[2 << 20] ^= 1;
    fs::write(&file, damaged).unwrap();
    sale.host(&ACCEPT).assert().failure().stderr(contains("chunk 1 of the sealed copy is damaged"));
    fs::write(&file, &whole[..100]).unwrap();
    sale.host(&ACCEPT).assert().failure().stderr(contains("has 100 bytes"));
    fs::write(&file, &whole).unwrap();

    // Another host's key.
    let key = sale.path("license.copy-key");
    let own = fs::read(&key).unwrap();
    fs::write(&key, "11".repeat(32)).unwrap();
    sale.host(&ACCEPT).assert().failure().stderr(contains("can't be opened"));
    fs::write(&key, own).unwrap();
    assert_eq!(sale.status()["status"], "seeded");

    // A sealed copy is never overwritten: the host may have accepted it.
    let again = ["license", "seal", "--copy", "copy", "--out", "sealed"];
    sale.owner(&again).assert().failure().stderr(contains("exists already"));
    sale.world.payer(&ACCEPT);
}

/// The host accepts a manifest of its own making: the owner's key stays secret.
#[test]
fn no_key_is_sent_for_another_copy() {
    let Some(sale) = Sale::new() else { return };
    sale.seal();
    sale.world.host(&["license", "seal", "--copy", "copy", "--out", "other"]);
    fs::rename(sale.path("other"), sale.path("mine")).unwrap();
    sale.world.payer(&ACCEPT);
    sale.owner(&DELIVER).assert().failure().stderr(contains("another copy or another key"));
    assert_eq!(sale.status()["status"], "accepted");
}

/// Too late for a key: the host could cancel before it is included.
#[test]
fn no_key_is_sent_late() {
    let Some(sale) = Sale::new() else { return };
    sale.seal();
    sale.hand_over();
    sale.world.payer(&ACCEPT);
    sale.world.chain.rpc("evm_increaseTime", json!([13 * 3_600]));
    sale.world.chain.rpc("evm_mine", json!([]));
    sale.owner(&DELIVER).assert().failure().stderr(contains("less than half a day"));
    assert_eq!(sale.status()["status"], "accepted");
    sale.world.chain.rpc("evm_increaseTime", json!([12 * 3_600]));
    sale.world.chain.rpc("evm_mine", json!([]));
    sale.world.payer(&["license", "cancel"]);
    assert_eq!(sale.status()["status"], "cancelled");
    // Nobody waits for an acceptance that can no longer come.
    let began = Instant::now();
    let deliver = ["license", "deliver", "--sealed", "sealed", "--wait", "600"];
    sale.owner(&deliver).assert().failure().stderr(contains("the license is cancelled"));
    assert!(began.elapsed() < Duration::from_secs(300));
}

#[test]
fn the_hosts_key_is_there_before_any_money_moves() {
    let Some(sale) = Sale::new() else { return };
    let key = fs::read_to_string(sale.path("license.copy-key")).unwrap();
    assert_eq!(key.len(), 64);
    // The same file serves another purchase; one that holds something else is refused.
    fs::write(sale.path("bad.copy-key"), "no key").unwrap();
    let acquire = ["license", "acquire", "--terms", "terms.json", "--serving-key", SECOND];
    let bad = ["--nonce", "1", "--out", "second.json", "--copy-key", "bad.copy-key"];
    sale.host(&[&acquire[..], &bad].concat())
        .assert()
        .failure()
        .stderr(contains("bad.copy-key is no key"));
    assert!(!sale.path("second.json").exists());
}
