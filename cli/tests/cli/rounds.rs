//! Provers that come and go, seals that reporters check, and rounds that lapse. Against a real
//! local chain.

use super::money::{SECOND, SECOND_KEY, World, eth};
use super::support::{FIRST, FIRST_KEY};
use oml_client::round::{self, SheetGiven};
use oml_client::signer::SignerOptions;
use oml_client::{Chain, ChainSettings};
use oml_contracts::round::SheetTags;
use oml_contracts::{KeysHash, RoundId};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::{Value, json};
use std::time::Duration;

/// The deployment that the tests try.
const URI: &str = "http://served.test/v1";

/// A world with tickets of the first account, words of the license, and money for everyone.
fn ready() -> Option<World> {
    let world = World::licensed()?;
    for account in [FIRST, SECOND] {
        world.host(&["chain", "mint", account, "10000"]);
    }
    world.host(&["prover", "keygen"]);
    world.host(&["prover", "join", "--tickets", "4", "--inbox", "http://127.0.0.1:9"]);
    world.host(&["round", "keygen"]);
    world.host(&["round", "commit"]);
    world.host(&["deployment", "register", "--license", "license.json", "--uri", URI]);
    Some(world)
}

/// The owner's seal for the second account.
fn seal_for_second(world: &World, out: &str, more: &[&str]) -> Value {
    let seal = ["round", "seal", "--secret", "rounds.secret", "--uri", URI, "--out", out];
    let promised = ["--payer-signed-by", SECOND, "--promise-bps", "500"];
    world.host(&[&seal[..], &promised, more].concat())
}

impl World {
    fn file(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir.path().join(name)).unwrap()).unwrap()
    }

    /// The chain as the client sees it, for what no command does.
    async fn client(&self, key: &str) -> Chain {
        let settings = ChainSettings {
            rpc_url: self.chain.url.clone(),
            addresses: self.dir.path().join("addresses.json"),
            drand_endpoints: Vec::new(),
            dry_run: false,
            tx_timeout: Duration::from_secs(60),
        };
        let options =
            SignerOptions { private_key: Some(key.to_owned()), ..SignerOptions::default() };
        let account = options.load(|_| Ok(String::new())).unwrap();
        Chain::signing(&settings, account).await.unwrap()
    }
}

#[test]
fn a_prover_joins_shows_life_and_leaves_with_its_stake() {
    let Some(world) = World::licensed() else { return };
    world.host(&["chain", "mint", SECOND, "10000"]);
    world.payer(&["prover", "keygen"]);
    let join = ["prover", "join", "--tickets", "3", "--inbox", "http://127.0.0.1:9"];
    // A dry run rehearses what needs an approval first, too.
    let dry = world.payer(&[&join[..], &["--dry-run"]].concat());
    assert_eq!((&dry[0]["step"], &dry[1]["step"]), (&json!("approve"), &json!("join")), "{dry}");
    assert_eq!(dry[1]["hash"], Value::Null);
    assert!(dry[1]["gas"].as_u64().unwrap() > 50_000, "{dry}");
    world
        .command(SECOND_KEY, &["prover", "join", "--inbox", "prover.example"])
        .assert()
        .code(1)
        .stderr(contains("prover.example").and(contains("no http or https URL")));
    world.payer(&join);
    let listed = world.payer(&["prover", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((&listed[0]["tickets"], &listed[0]["alive"]), (&json!(3), &json!(true)));
    assert_eq!(listed[0]["inbox"], "http://127.0.0.1:9");

    world.payer(&["prover", "announce", "--inbox", "https://prover.example"]);
    world.payer(&["prover", "alive"]);
    world
        .command(FIRST_KEY, &["prover", "evict", "--all"])
        .assert()
        .code(1)
        .stderr(contains("no ticket is dead"));
    world.command(SECOND_KEY, &["prover", "leave"]).assert().code(1).stderr(contains("--places"));
    world.payer(&["prover", "leave", "--count", "1"]);
    let shown = world.payer(&["prover", "show", SECOND]);
    let places: Vec<u64> = shown["places"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| place["ticket"].as_u64().unwrap())
        .collect();
    assert_eq!(places, [0, 1], "{shown}");
    assert_eq!(shown["inbox"], "https://prover.example");
    assert_eq!(shown["thawing"]["amount"], "100", "{shown}");

    world.payer(&["prover", "leave", "--all"]);
    world
        .command(SECOND_KEY, &["prover", "withdraw"])
        .assert()
        .code(6)
        .stderr(contains("ProverRegistry_NotThawed"));
    let end = world.payer(&["prover", "show", SECOND])["thawEnd"].as_u64().unwrap();
    world.chain.rpc("evm_setNextBlockTimestamp", json!([end + 1]));
    world.chain.rpc("evm_mine", json!([]));
    world.payer(&["prover", "withdraw"]);
    let token = world.addresses().token.unwrap().to_string();
    let owed = world.payer(&["balance", "show", SECOND, "--currency", &token]);
    assert_eq!(owed[0]["wallet"]["raw"], "10000000000", "{owed}");
    assert_eq!(owed[0]["wallet"]["symbol"], "tUSD", "{owed}");
    assert_eq!(world.payer(&["prover", "list"]), json!([]));
}

#[test]
fn a_reporter_checks_a_seal_and_pays_for_its_round() {
    let Some(world) = ready() else { return };
    seal_for_second(&world, "seal.json", &[]);
    let report = ["report", "--seal", "seal.json", "--uri", URI];
    let refused = |key: &str, args: &[&str], words: &str| {
        world.command(key, args).assert().code(1).stderr(contains(words));
    };
    let other = ["report", "--seal", "seal.json", "--uri", "http://other.test"];
    refused(SECOND_KEY, &other, "the seal is about");
    refused(FIRST_KEY, &report, "the seal is for payer");
    let access = ["--access-header", "Authorization: Bearer k"];
    refused(SECOND_KEY, &[&report[..], &access].concat(), "the seal's access");
    let mut changed = world.file("seal.json");
    changed["promiseBps"] = json!(9_000);
    std::fs::write(world.dir.path().join("changed.json"), changed.to_string()).unwrap();
    let promised = ["report", "--seal", "changed.json", "--uri", URI];
    refused(SECOND_KEY, &promised, "the seal is signed by");

    let checked = world.payer(&[&report[..], &["--check"]].concat());
    let offer = &checked["offer"];
    assert_eq!((&offer["seats"], &offer["leak"]), (&json!(4), &json!(false)), "{offer}");
    // A thousand of collateral: 40 % to the reporter, 5 % of the owner's 40 %.
    assert_eq!(offer["gain"]["slashed"], eth("1000"));
    assert_eq!(offer["gain"]["share"], eth("400"));
    assert_eq!(offer["gain"]["promised"], eth("20"));
    assert_eq!((&offer["fees"]["amount"], &offer["fees"]["symbol"]), (&json!("4"), &json!("tUSD")));
    // The universe of this world has two bundles, exactly what four seats take.
    assert_eq!(offer["warnings"], json!([]), "{offer}");
    assert_eq!(world.payer(&["round", "list"]), json!([]));

    let paid = world.payer(&report);
    let id = paid["round"]["roundId"].as_str().unwrap();
    assert_eq!(id, offer["roundId"].as_str().unwrap());
    let shown = world.payer(&["round", "show", id]);
    assert_eq!((&shown["promiseBps"], &shown["tickets"]), (&json!(500), &json!(4)), "{shown}");
    assert_eq!(shown["payer"].as_str().unwrap().to_lowercase(), SECOND.to_lowercase());
    assert!(["sealed", "answering"].contains(&shown["state"].as_str().unwrap()), "{shown}");
    // Once is enough: the same command finds the round that it has paid for.
    let again = world.payer(&report);
    assert_eq!(
        (&again["round"]["roundId"], &again["round"]["transactions"]),
        (&json!(id), &json!([]))
    );
    // Only the owner knows which license it is about.
    assert_eq!(world.payer(&["round", "list"])[0]["licenseId"], Value::Null);
    let of_license = ["round", "list", "--license", "license.json"];
    assert_eq!(world.payer(&of_license), json!([]));
    let owned = world.host(&[&of_license[..], &["--secret", "rounds.secret"]].concat());
    assert_eq!((&owned[0]["roundId"], &owned[0]["index"]), (&json!(id), &json!(0)), "{owned}");
    // The next seal takes the next word, and a leak's word is of the other kind.
    assert_eq!(seal_for_second(&world, "next.json", &[])["index"], 1);
    assert_eq!(seal_for_second(&world, "leak.json", &["--leak"])["index"], 64);
    let leak = ["report", "--seal", "leak.json", "--uri", URI];
    refused(SECOND_KEY, &leak, "is registered, but index 64");
    let take = ["round", "take-report", id];
    refused(SECOND_KEY, &take, "no unpaid level-0 report");
}

#[test]
fn words_are_committed_once_and_only_by_their_secret() {
    let Some(world) = ready() else { return };
    let again = world.host(&["round", "commit"]);
    assert_eq!(again["transaction"], Value::Null, "{again}");
    world.host(&["round", "keygen", "--out", "other.secret"]);
    world
        .command(FIRST_KEY, &["round", "commit", "--secret", "other.secret"])
        .assert()
        .code(1)
        .stderr(contains("words of another secret"));
    world
        .command(FIRST_KEY, &["round", "seal", "--secret", "other.secret", "--uri", URI])
        .assert()
        .code(1)
        .stderr(contains("words of another secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fees_of_a_round_that_lapsed_are_collected() {
    let Some(world) = ready() else { return };
    let sealed = world.host(&["round", "seal", "--secret", "rounds.secret", "--uri", URI]);
    let id = sealed["roundId"].as_str().unwrap();
    let round: RoundId = id.parse().unwrap();
    let chain = world.client(FIRST_KEY).await;
    round::bring_draw(&chain, round, Duration::from_secs(60)).await.unwrap();
    let sheet = SheetGiven { keys_hash: KeysHash::new([1; 32]), tags: SheetTags::default() };
    round::answer(&chain, round, 2, &sheet).await.unwrap();
    let collect = ["round", "collect", id];
    world
        .command(FIRST_KEY, &collect)
        .assert()
        .code(1)
        .stderr(contains("owes the signer nothing now"));
    let shown = world.host(&["round", "show", id]);
    assert_eq!(
        (&shown["state"], &shown["seats"][2]["fee"]),
        (&json!("answering"), &json!("pending"))
    );
    assert_eq!(shown["seats"][1]["fee"], "noSheet", "{shown}");

    let until = shown["openUntil"].as_u64().unwrap();
    world.chain.rpc("evm_setNextBlockTimestamp", json!([until + 1]));
    world.chain.rpc("evm_mine", json!([]));
    let shown = world.host(&["round", "show", id]);
    assert_eq!((&shown["state"], &shown["seats"][2]["fee"]), (&json!("lapsed"), &json!("due")));
    let collected = world.host(&collect);
    assert_eq!(collected["lapsed"][0]["seats"], json!([2]), "{collected}");
    assert_eq!(world.host(&["round", "show", id])["seats"][2]["fee"], "paid");
    assert_eq!(collected["amount"]["amount"], "1", "{collected}");
    assert_eq!(world.host(&["round", "collect"])["amount"]["raw"], "0");
}
