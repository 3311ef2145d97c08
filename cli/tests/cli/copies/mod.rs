//! The fourth proof of level 0 as people make it: keys, a host's gateway, receipts, the contract.

mod paying;
mod world;

use super::support::FIRST_KEY;
use oml_contracts::Signable as _;
use oml_contracts::hash::{key_hash, plain_request_hash};
use oml_contracts::{LicenseId, Receipt};
use oml_payments::LogEntry;
use oml_payments::SignedReceipt;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};
use world::{COLLATERAL, PAYER_KEY, Says, World};

/// Keys of a series of three bundles.
const KEYS: u64 = 48;

#[test]
fn a_host_that_serves_anothers_copy_is_proven_and_an_honest_one_is_not() {
    let Some(world) = World::start() else { return };
    let made =
        world.owner(&[
            &[
                "proof",
                "keys",
                "--license",
                "license.json",
                "--copy",
                "copy.json",
                "--bundles",
                "3",
            ][..],
            &[
                "--universe",
                "secrets/universe-0",
                "--key-file",
                "universe.key",
                "--out",
                "keys.json",
            ],
        ]);
    let needed = made["hitsNeeded"].as_u64().unwrap();
    assert_eq!((made["keys"].as_u64(), needed < KEYS), (Some(KEYS), true), "{made}");

    refused_before_anything_is_sent(&world);
    honest(&world, needed);
    interrupted(&world);
    changed(&world);
    proven(&world);
}

/// What no answer could save is refused before the commitment.
fn refused_before_anything_is_sent(world: &World) {
    let mut own: Value = world.read("keys.json");
    own["copy"] = own["license"].clone();
    world.write("own.json", &own);
    let sent = world.sent_by_payer();
    world
        .collect("own-series.json", &["--keys", "own.json"])
        .assert()
        .code(1)
        .stderr(contains("not under the root of the copy's universe"));
    let mut twice: Value = world.read("keys.json");
    twice["bundles"][1] = twice["bundles"][0].clone();
    world.write("twice.json", &twice);
    world
        .collect("twice-series.json", &["--keys", "twice.json"])
        .assert()
        .code(1)
        .stderr(contains("a bundle is repeated"));
    let mut nobody: Value = world.read("keys.json");
    nobody["copy"]["nonce"] = json!("77");
    world.write("nobody.json", &nobody);
    world
        .collect("nobody-series.json", &["--keys", "nobody.json"])
        .assert()
        .code(1)
        .stderr(contains("has other terms than those in the file"));
    let id = world.copy_with_nonce(77);
    nobody["copy"]["licenseId"] = json!(id);
    world.write("nobody.json", &nobody);
    world
        .collect("nobody-series.json", &["--keys", "nobody.json"])
        .assert()
        .code(6)
        .stderr(contains("Proofs_NotForeign").and(contains("was not sent")));
    assert!(!world.path("nobody-series.json").exists());
    assert_eq!(world.sent_by_payer(), sent);
}

fn honest(world: &World, needed: u64) {
    world.host_says(Says::Always(" zebra indeed."));
    let collected = world.collected("honest.json", &["--keys", "keys.json"]);
    assert_eq!(
        (collected["answered"].as_u64(), collected["hits"].as_u64()),
        (Some(KEYS), Some(0)),
        "{collected}"
    );
    let sent = world.sent_by_payer();
    world
        .payer(&["proof", "unlicensed-model", "--series", "honest.json"])
        .assert()
        .code(10)
        .stderr(
            contains(format!(
                "threshold not reached: 0 of 48 answers are the copy's, {needed} are needed"
            ))
            .and(contains("no evidence however many"))
            .and(contains("nothing was sent")),
        );
    // A receipt of a plain request is one like any other, and what does not convict costs no
    // commitment.
    let receipt = world.log().into_iter().find_map(|entry| match entry {
        LogEntry::Receipt(receipt) => Some(receipt),
        _ => None,
    });
    world.write("receipt.json", &receipt.unwrap());
    world
        .payer(&["proof", "out-of-term", "--license", "license.json", "--receipt", "receipt.json"])
        .assert()
        .code(6)
        .stderr(contains("Proofs_WithinTerm").and(contains("this transaction was not sent")));
    assert_eq!(world.sent_by_payer(), sent, "nothing was committed to");
}

/// A series survives a failing upstream and a program that is killed while the host answers.
fn interrupted(world: &World) {
    world.host_says(Says::CopyUntil(10));
    world
        .collect("series.json", &["--keys", "keys.json"])
        .assert()
        .code(5)
        .stderr(contains("did not answer key 11 of 48").and(contains("run the command again")));
    let committed = world.sent_by_payer();

    world.host_says(Says::CopyThenHold(3));
    let mut running = world.spawn_collect("series.json");
    world.until(|| world.asked() > 3);
    running.kill().unwrap();
    running.wait().unwrap();
    // The host answers and signs all the same.
    let before = world.signed();
    world.host_says(Says::Copy);
    world.until(|| world.signed() > before);
    world
        .collect("series.json", &[])
        .assert()
        .code(1)
        .stderr(contains("never came").and(contains("--recover-on")));
    world.payer_json(&[&[
        "channel",
        "open",
        "--license",
        "license.json",
        "--amount",
        "1",
        "--out",
        "second.json",
    ][..]]);
    let sent = world.sent_by_payer();
    let collected = world.collected("series.json", &["--recover-on", "second.json"]);
    assert_eq!(collected["answered"].as_u64(), Some(KEYS), "{collected}");
    assert_eq!(
        (collected["hits"].as_u64(), collected["convicts"].as_bool()),
        (Some(KEYS), Some(true))
    );
    assert_eq!((world.sent_by_payer(), sent), (sent, committed + 1), "one commitment, one channel");
}

/// A change of one line of the log.
type Change<'a> = &'a dyn Fn(&mut LogEntry);

/// Every change of what is kept is named, and nothing is sent.
fn changed(world: &World) {
    let sent = world.sent_by_payer();
    let series: Value = world.read("series.json");
    let first = series["firstRequest"].as_u64().unwrap();
    let key = |place: usize| series["bundles"][0]["keys"][place].as_str().unwrap().to_owned();
    let model = world.license().terms.model_id;
    let cases: [(&str, Change<'_>); 5] = [
        ("the text kept for request", &|entry| {
            if let LogEntry::Answer { text } = entry {
                text.push('!');
            }
        }),
        ("is not the accused's", &|entry| {
            world.sign(entry, |receipt| receipt.license_id = LicenseId::new([7; 32]));
        }),
        ("before the report's delay ended", &|entry| {
            world.sign(entry, |receipt| receipt.served_at -= 100_000);
        }),
        ("every key is asked once", &|entry| {
            let again = plain_request_hash(model, key_hash(&key(0)));
            world.sign(entry, |receipt| receipt.request_hash = again);
        }),
        ("is missing, the next one is of request", &|entry| {
            world.sign(entry, |receipt| receipt.cumulative_requests = 1);
        }),
    ];
    for (words, change) in cases {
        let mut log = world.log();
        let place = log
            .iter()
            .position(|e| matches!(e, LogEntry::Receipt(r) if r.cumulative_requests == first + 2))
            .unwrap();
        let answer = usize::from(words.starts_with("the text"));
        change(&mut log[place - answer]);
        world.write_log("changed.jsonl", &log);
        world
            .payer(&["proof", "unlicensed-model", "--series", "series.json"])
            .args(["--log-file", "changed.jsonl"])
            .assert()
            .code(1)
            .stderr(contains(words));
    }
    assert_eq!(world.sent_by_payer(), sent);
}

fn proven(world: &World) {
    let sent = world.sent_by_payer();
    let prove = ["proof", "unlicensed-model", "--series", "series.json"];
    // The commitment holds for the account that made it alone.
    world.command(FIRST_KEY, &prove).assert().code(4).stderr(contains("series was begun by"));
    let dry = world.payer_json(&[&prove[..], &["--dry-run"]]);
    let gas = dry["transactions"][0]["gas"].as_u64().unwrap();
    assert!(gas < 1 << 24, "{gas} gas are more than a transaction may use");
    assert_eq!((dry["slashed"].is_null(), world.sent_by_payer()), (true, sent));
    let shown = world.payer_json(&[&prove[..]]);
    assert_eq!((shown["hits"].as_u64(), shown["queries"].as_u64()), (Some(KEYS), Some(KEYS)));
    let expected = (COLLATERAL * 6 / 10).to_string();
    assert_eq!(shown["slashed"]["amount"], expected, "{shown}");
    assert_eq!(shown["slashed"]["symbol"], "ETH", "{shown}");
    let license = world.owner(&[&["license", "show"][..]]);
    assert_eq!(license["status"], "terminated");
    // Used up: the commitment, the bundles, the license.
    world.payer(&prove).assert().failure().stderr(contains("is burned"));
    world
        .command(FIRST_KEY, &["proof", "keys", "--license", "license.json", "--copy", "copy.json"])
        .args(["--universe", "secrets/universe-0", "--key-file", "universe.key", "--bundles", "2"])
        .assert()
        .code(1)
        .stderr(contains("only 1 personal bundles are left"));
}

impl World {
    /// A receipt with another content, signed by the host's key.
    fn sign(&self, entry: &mut LogEntry, change: impl FnOnce(&mut Receipt)) {
        let LogEntry::Receipt(old) = entry else { panic!("no receipt there") };
        let mut receipt = old.receipt();
        change(&mut receipt);
        let signature = receipt.sign(&self.addresses().receipt_domain(), &self.host_key()).unwrap();
        *entry = LogEntry::Receipt(SignedReceipt::new(&receipt, signature));
    }

    fn collected(&self, series: &str, more: &[&str]) -> Value {
        self.json_of(self.collect(series, more))
    }

    fn payer_json(&self, args: &[&[&str]]) -> Value {
        self.json_of(self.command(PAYER_KEY, &args.concat()))
    }

    fn owner(&self, args: &[&[&str]]) -> Value {
        self.json_of(self.command(FIRST_KEY, &args.concat()))
    }
}
