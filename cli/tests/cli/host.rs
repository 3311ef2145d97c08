//! Serving keys by epoch and signing histories, by hand.

use super::money::World;
use super::support::{FIRST, FIRST_KEY, oml, stdout_json};
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};
use std::path::Path;

/// Keys with their states, as `keys list` shows them.
fn states(world: &World) -> Vec<(Value, Value)> {
    let listed = world.host(&["host", "keys", "list"]);
    let keys = listed["keys"].as_array().unwrap().iter();
    keys.map(|key| (key["keyEpoch"].clone(), key["state"].clone())).collect()
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_key_is_rotated_and_revoked() {
    let Some(world) = World::licensed() else { return };
    assert_eq!(states(&world), [(json!(0), json!("current"))]);
    let folder = world.dir.path().join("serving-keys");
    let rotate = ["host", "keys", "rotate", "--key-dir", "serving-keys"];

    // A dry run makes no key and sends nothing.
    let dry = world.host(&[&rotate[..], &["--dry-run"]].concat());
    assert_eq!((&dry["keyEpoch"], &dry["file"]), (&json!(1), &Value::Null));
    assert!(dry["transactions"][0]["gas"].as_u64().unwrap() > 21_000, "{dry}");
    assert_eq!((files(&folder).len(), states(&world).len()), (0, 1));

    let rotated = world.host(&rotate);
    let signer = rotated["signer"].as_str().unwrap();
    assert_eq!(rotated["keyEpoch"], 1);
    assert_eq!(files(&folder), [format!("{signer}.key")]);
    assert_eq!(states(&world), [(json!(0), json!("retired")), (json!(1), json!("current"))]);
    let shown = world.host(&["license", "show"]);
    assert_eq!(shown["servingKeys"][1]["signer"], signer);

    let revoked = world.host(&["host", "keys", "revoke", "--epoch", "0"]);
    assert_eq!(revoked["needsRotation"], false);
    let listed = world.host(&["host", "keys", "list"]);
    let first = &listed["keys"][0];
    let until = first["until"].as_u64().unwrap();
    // The settlement period of the offer, and a week.
    assert_eq!(first["proofsUntil"].as_u64(), Some(until + 60 + 7 * 86_400));
    world
        .command(FIRST_KEY, &["host", "keys", "revoke", "--epoch", "0"])
        .assert()
        .code(6)
        .stderr(contains("ServingKeys_Revoked"));
    // Others may have the revoked key; the current one may be named again, for new numbers.
    world
        .command(FIRST_KEY, &["host", "keys", "rotate", "--next", FIRST])
        .assert()
        .code(1)
        .stderr(contains("which is revoked"));
    assert_eq!(world.host(&["host", "keys", "rotate", "--next", signer])["keyEpoch"], 2);
    let last = world.host(&["host", "keys", "revoke", "--epoch", "2"]);
    assert_eq!(last["needsRotation"], true);
    world.command(FIRST_KEY, &["host", "keys", "rotate"]).assert().code(2);
}

const LICENSE: &str = "0x2222222222222222222222222222222222222222222222222222222222222222";

/// A node's folders with this in history and boot mark of an epoch.
fn write(dir: &Path, epoch: u32, history: Option<Value>, mark: Option<Value>) {
    for (folder, record) in [("signing-history", history), ("boot-marks", mark)] {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
        if let Some(record) = record {
            let path = dir.join(folder).join(format!("{LICENSE}-{epoch}.json"));
            std::fs::write(path, record.to_string()).unwrap();
        }
    }
}

fn record(epoch: u32, mark: &str, previous: Option<&str>, reserved: u64) -> Value {
    json!({
        "license": LICENSE, "keyEpoch": epoch, "signer": FIRST, "mark": mark.repeat(16),
        "previous": previous.map(|mark| mark.repeat(16)), "reservedBelow": reserved,
    })
}

fn configure(dir: &Path) {
    let config = format!(
        "[chain]\nrpc_url = \"http://127.0.0.1:8545\"\naddresses = \"addresses.json\"\n\
         [signer]\nprivate_key_env = \"KEY\"\n[host]\nboot_marks = \"boot-marks\"\n\
         [[host.gateways]]\nlicense = \"{LICENSE}\"\nlisten = \"127.0.0.1:9000\"\n\
         upstream = \"http://127.0.0.1:8000\"\nserving_key_dir = \"serving-keys\"\n"
    );
    std::fs::write(dir.join("node.toml"), config).unwrap();
}

#[test]
fn a_signing_history_is_shown_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    configure(dir);
    let show = ["host", "signing-history", "show"];
    let check = ["host", "signing-history", "check"];
    // Nothing was signed yet.
    oml(dir).args(check).assert().success();

    let whole = record(0, "aa", Some("bb"), 3_000);
    write(dir, 0, Some(whole.clone()), Some(whole));
    oml(dir).args(check).assert().success().stdout(contains("whole"));
    // A restored backup of the newest epoch is found, whatever the older ones say.
    write(dir, 1, Some(record(1, "cc", None, 1_000)), Some(record(1, "dd", Some("cc"), 2_000)));
    let data = stdout_json(oml(dir).args(["--format", "json"]).args(show));
    insta::assert_snapshot!(format!("{data:#}"));
    oml(dir)
        .args(check)
        .assert()
        .code(1)
        .stderr(contains("a backup was restored").and(contains("oml host keys rotate")));
    // Under the next epoch numbers begin anew.
    let next = record(2, "ee", None, 1_000);
    write(dir, 2, Some(next.clone()), Some(next));
    oml(dir).args(check).assert().success();

    std::fs::write(dir.join("node.toml"), "[chain]\nrpc_url = \"http://x\"\naddresses = \"a\"\n")
        .unwrap();
    oml(dir).args(show).assert().code(1).stderr(contains("no section [host]"));
}
