//! What the chain gives back: lists, ids in the place of files, and files that were lost.

use super::money::{SECOND, World};
use super::proxy::{Reply, proxied};
use super::support::{FIRST, FIRST_KEY, oml};
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::Value;

impl World {
    fn id_in(&self, file: &str, key: &str) -> String {
        let text = std::fs::read(self.dir.path().join(file)).unwrap();
        let file: Value = serde_json::from_slice(&text).unwrap();
        file[key].as_str().unwrap().to_owned()
    }
}

/// Lists, and every command by ids alone, from a folder without a file.
#[test]
fn ids_do_where_files_were_needed() {
    let Some(world) = World::licensed() else { return };
    let license = world.id_in("license.json", "licenseId");
    let offer = world.id_in("license.json", "offerId");
    let models = world.host(&["model", "list", "--owner", FIRST]);
    let model = models[0]["modelId"].as_str().unwrap();
    assert_eq!((models.as_array().unwrap().len(), &models[0]["universes"]), (1, &1.into()));
    assert_eq!(world.host(&["model", "list", "--owner", SECOND]), serde_json::json!([]));
    let offers = world.host(&["offer", "list", "--model", model]);
    assert_eq!((&offers[0]["offerId"], &offers[0]["open"]), (&offer.clone().into(), &true.into()));
    assert_eq!(offers[0]["licenseFee"]["amount"], "1", "{offers:#}");
    assert_eq!(world.host(&["license", "list"])[0]["licenseId"], license.as_str());

    for file in ["license.json", "terms.json"] {
        std::fs::remove_file(world.dir.path().join(file)).unwrap();
    }
    assert_eq!(world.host(&["offer", "show", &offer])["open"], true);
    assert_eq!(world.host(&["license", "show", &license])["status"], "active");
    let uri = "http://127.0.0.1:9000";
    world.host(&["deployment", "register", "--license", &license, "--uri", uri]);
    let deployments = world.host(&["deployment", "list", &license]);
    assert_eq!((&deployments[0]["uri"], &deployments[0]["state"]), (&uri.into(), &"liable".into()));

    world.host(&["channel", "open", "--license", &license, "--amount", "25"]);
    let channel = world.id_in("channel.json", "channelId");
    std::fs::remove_file(world.dir.path().join("channel.json")).unwrap();
    world.host(&["channel", "deposit", "--channel", &channel, "--amount", "5"]);
    assert_eq!(world.host(&["channel", "show", &channel])["deposited"]["amount"], "30");
    world.host(&["offer", "withdraw", "--terms", &offer]);
    assert_eq!(world.host(&["offer", "list"]), serde_json::json!([]));
    assert_eq!(world.host(&["offer", "list", "--all"])[0]["open"], false);

    let nobody = format!("0x{}", "07".repeat(32));
    for (args, what) in [
        (["license", "show", &nobody], "there is no license"),
        (["channel", "show", &nobody], "there is no channel"),
        (["offer", "show", &nobody], "there is no offer"),
    ] {
        world.command(FIRST_KEY, &args).assert().code(1).stderr(contains(what));
    }
}

/// A disk that is gone: files come back byte by byte, and secrets are named.
#[test]
fn lost_files_come_back_and_lost_secrets_are_named() {
    let Some(world) = World::licensed() else { return };
    world.host(&["channel", "open", "--license", "license.json", "--amount", "25"]);
    let mut before = Vec::new();
    for (file, key) in [("license", "licenseId"), ("channel", "channelId")] {
        let id = world.id_in(&format!("{file}.json"), key);
        let bytes = std::fs::read(world.dir.path().join(format!("{file}.json"))).unwrap();
        before.push((format!("{file}-{id}.json"), bytes));
    }
    let rehearsed = world.host(&["--dry-run", "recover"]);
    assert_eq!(rehearsed["files"].as_array().unwrap().len(), 3);
    assert!(!world.dir.path().join("recovered").exists());

    let recovered = world.host(&["recover", FIRST]);
    assert_eq!(recovered["files"].as_array().unwrap().len(), 3, "{recovered:#}");
    for (name, bytes) in &before {
        assert_eq!(&std::fs::read(world.dir.path().join("recovered").join(name)).unwrap(), bytes);
    }
    let named = recovered["unrecoverable"].to_string();
    for secret in ["rounds.secret", "universe.oml", "copy's secret key", "payments.jsonl"] {
        assert!(named.contains(secret), "{secret}: {named}");
    }
    assert_eq!(world.host(&["recover"])["files"][0]["kept"], true);
    // Another file in a place is neither taken for it nor replaced.
    let place = world.dir.path().join("recovered").join(&before[1].0);
    std::fs::write(&place, "mine").unwrap();
    world
        .command(FIRST_KEY, &["recover"])
        .assert()
        .code(1)
        .stderr(contains("holds something else").and(contains("never written over")));
    assert_eq!(std::fs::read(&place).unwrap(), b"mine");
    let nothing = world.payer(&["recover", "--out", "other"]);
    assert_eq!(nothing["files"], serde_json::json!([]));
}

/// An endpoint that changes what an event says is found out before anything is done with it.
#[test]
fn an_endpoint_that_lies_about_an_offer_is_refused() {
    let Some(world) = World::licensed() else { return };
    let offer = world.id_in("license.json", "offerId");
    let url = proxied(&world.chain.url, |request, mut said| {
        if request["method"] == "eth_getLogs" {
            for log in said["result"].as_array_mut().into_iter().flatten() {
                let data = log["data"].as_str().unwrap();
                let (start, end) = data.split_at(data.len().saturating_sub(66).max(2));
                log["data"] = format!("{start}{}", end.replacen('0', "1", 1)).into();
            }
        }
        Reply::Json(said)
    });
    let mut command = oml(world.dir.path());
    command.args(["--rpc-url", &url, "offer", "show", &offer]).assert().failure().stdout("");
}
