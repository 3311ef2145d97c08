//! What a person needs afterwards is on the disk before money moves, and a command that was stopped
//! goes on. Against a real local chain.

use super::keyboard::{OPEN, steps};
use super::money::{SECOND, SECOND_KEY, World};
use super::support::{FIRST, FIRST_KEY, oml};
use k256::ecdsa::SigningKey;
use oml_contracts::{ChannelId, Receipt, RequestHash, ResponseHash, Signable as _};
use oml_payments::SignedReceipt;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};

/// Without its file neither collateral nor payments could be had, though the chain has all of it.
#[test]
fn what_was_lost_is_made_again_from_the_chain() {
    let Some(world) = World::licensed() else { return };
    let license = world.bytes("license.json");
    let bought = ["license", "acquire", "--terms", "terms.json", "--serving-key", FIRST];
    let again = world.host(&bought);
    assert_eq!(steps(&again), [""; 0], "it was bought before");
    std::fs::remove_file(world.path("license.json")).unwrap();
    world.host(&bought);
    assert_eq!(world.bytes("license.json"), license);
    let listed = world.host(&["license", "list"]);
    let id = listed[0]["licenseId"].as_str().unwrap();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["status"]), (1, &json!("active")));
    world.host(&["license", "recover", id, "--out", "found.json"]);
    assert_eq!(world.bytes("found.json"), license);

    world.payer(&[&OPEN[..], &["--amount", "7"]].concat());
    let channel = world.bytes("channel.json");
    let listed = world.payer(&["channel", "list"]);
    let id = listed[0]["channelId"].as_str().unwrap();
    assert_eq!(listed[0]["deposited"]["amount"], "7", "{listed}");
    std::fs::remove_file(world.path("channel.json")).unwrap();
    world.payer(&["channel", "recover", id]);
    assert_eq!(world.bytes("channel.json"), channel);
    // Another license never takes the place of this one's file.
    let other = [&bought[..], &["--nonce", "1"]].concat();
    world.command(FIRST_KEY, &other).assert().code(1).stderr(contains("is never written over"));
    assert_eq!(world.bytes("license.json"), license);
}

/// A dry run, and a second opening, replaced the only copy of a channel's salt.
#[test]
fn a_channels_file_is_never_replaced() {
    let Some(world) = World::licensed() else { return };
    let open = [&OPEN[..], &["--amount", "25"]].concat();
    world.payer(&open);
    let kept = world.bytes("channel.json");
    let dry = [&open[..], &["--dry-run"]].concat();
    for args in [&dry, &open] {
        world
            .command(SECOND_KEY, args)
            .assert()
            .code(1)
            .stderr(contains("is never written over").and(contains("oml channel deposit")));
        assert_eq!(world.bytes("channel.json"), kept);
    }
    let elsewhere = world.payer(&[&dry[..], &["--out", "new.json"]].concat());
    assert_eq!(steps(&elsewhere), ["open channel"]);
    assert!(!world.path("new.json").exists());
    assert_eq!(world.chain.sent_by(SECOND), "0x1");
}

/// The file was written after the receipt: a slow chain left the deposit to nobody.
#[test]
fn an_opening_that_was_stopped_is_gone_on_with() {
    let Some(world) = World::licensed() else { return };
    world.chain.rpc("evm_setIntervalMining", json!([0]));
    world.chain.rpc("evm_setAutomine", json!([false]));
    let open = [&OPEN[..], &["--amount", "7"]].concat();
    world
        .command(SECOND_KEY, &[&open[..], &["--tx-timeout", "1"]].concat())
        .assert()
        .code(7)
        .stderr(contains("was sent but not seen mined").and(contains("goes on")));
    let file: Value = serde_json::from_slice(&world.bytes("channel.json")).unwrap();
    assert_eq!(file["opening"], "7000000000000000000", "{file}");
    // Another deposit is another order.
    let other = [&OPEN[..], &["--amount", "8"]].concat();
    world.command(SECOND_KEY, &other).assert().code(1).stderr(contains("with 7 ETH"));

    world.chain.rpc("evm_setIntervalMining", json!([1]));
    let done = world.payer(&open);
    assert_eq!((steps(&done), &done["channelId"]), (vec![], &file["channelId"]));
    assert_eq!(world.chain.sent_by(SECOND), "0x1", "one deposit, not two");
    let file: Value = serde_json::from_slice(&world.bytes("channel.json")).unwrap();
    assert_eq!(file["opening"], Value::Null, "{file}");
    assert_eq!(world.payer(&["channel", "show"])["deposited"]["amount"], "7");
}

/// After a slow chain the same deposit was sent twice.
#[test]
fn a_deposit_on_its_way_is_not_sent_again() {
    let Some(world) = World::licensed() else { return };
    world.payer(&[&OPEN[..], &["--amount", "7"]].concat());
    world.chain.rpc("evm_setIntervalMining", json!([0]));
    world.chain.rpc("evm_setAutomine", json!([false]));
    let deposit = ["channel", "deposit", "--amount", "2"];
    let slow = [&deposit[..], &["--tx-timeout", "1"]].concat();
    let look = contains("look it up before you send anything again");
    world.command(SECOND_KEY, &slow).assert().code(7).stderr(look);
    world
        .command(SECOND_KEY, &deposit)
        .assert()
        .code(7)
        .stderr(contains("not mined yet: 1").and(contains("nothing was sent")));
    assert_eq!(world.chain.sent_by(SECOND), "0x2");
}

/// The salt of a proof's commitment was in memory only: a stopped proof had to begin again.
#[test]
fn a_proof_that_was_stopped_goes_on_with_its_commitment() {
    let Some(world) = World::licensed() else { return };
    let license: Value = serde_json::from_slice(&world.bytes("license.json")).unwrap();
    let key = SigningKey::from_slice(&alloy::hex::decode(FIRST_KEY).unwrap()).unwrap();
    let now = world.chain.rpc("eth_getBlockByNumber", json!(["latest", false]));
    let now = now["timestamp"].as_str().unwrap().trim_start_matches("0x");
    for (file, answer) in [("a.json", 1), ("b.json", 2)] {
        let receipt = Receipt {
            license_id: license["licenseId"].as_str().unwrap().parse().unwrap(),
            key_epoch: 0,
            channel_id: ChannelId::new([7; 32]),
            seq: 1,
            cumulative_requests: 1,
            cumulative_tokens: 10,
            served_at: u64::from_str_radix(now, 16).unwrap(),
            request_hash: RequestHash::new([5; 32]),
            response_hash: ResponseHash::new([answer; 32]),
        };
        let signature = receipt.sign(&world.addresses().receipt_domain(), &key).unwrap();
        let signed = serde_json::to_string(&SignedReceipt::new(&receipt, signature)).unwrap();
        std::fs::write(world.path(file), signed).unwrap();
    }
    let receipts = ["--license", "license.json", "--receipt", "a.json", "--other", "b.json"];
    let prove = [&["proof", "equivocation"][..], &receipts].concat();
    world.payer(&[&prove[..], &["--dry-run"]].concat());
    assert!(!world.path("a.equivocation.json").exists());

    world.chain.rpc("evm_setIntervalMining", json!([0]));
    world.chain.rpc("evm_setAutomine", json!([false]));
    let stopped = [&prove[..], &["--tx-timeout", "1"]].concat();
    world.command(SECOND_KEY, &stopped).assert().code(7).stderr(contains("goes on"));
    let kept = world.bytes("a.equivocation.json");
    world.chain.rpc("evm_setIntervalMining", json!([1]));
    let proven = world.payer(&prove);
    assert_eq!(proven["slashed"]["amount"], "1000", "{proven}");
    assert_eq!(world.chain.sent_by(SECOND), "0x2", "one commitment, one proof");
    assert_eq!(world.bytes("a.equivocation.json"), kept);
}

/// What is paid for, ordered or signed needs a place before, not after.
#[test]
fn a_result_without_a_place_is_refused_first() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("there.json"), "mine").unwrap();
    let pay = ["pay", "--gateway", "http://127.0.0.1:1", "--prompt", "Hi", "--receipt"];
    let close = ["channel", "sign-close", "--amount", "1", "--no-node", "--out"];
    let seal = ["round", "seal", "--uri", "http://a", "--payer-signed-by", SECOND, "--out"];
    for args in [&pay[..], &close, &seal] {
        oml(dir.path())
            .args(args)
            .arg("there.json")
            .assert()
            .code(1)
            .stderr(contains("there.json exists").and(contains("nothing was done")));
    }
    assert_eq!(std::fs::read(dir.path().join("there.json")).unwrap(), b"mine");
}

/// A dry run of what only makes files made them all the same.
#[test]
fn a_dry_run_makes_no_keys() {
    let dir = tempfile::tempdir().unwrap();
    for args in
        [&["round", "keygen"][..], &["prover", "keygen"], &["model", "make-tiny", "--out", "tiny"]]
    {
        oml(dir.path())
            .arg("--dry-run")
            .args(args)
            .assert()
            .code(1)
            .stderr(contains("can't be simulated").and(contains("hint: ")));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
