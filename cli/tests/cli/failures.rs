//! What goes wrong says what, why and what to do, and exits with its code.

use super::support::{FIRST_KEY, oml, pretended_chain, write_addresses};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use std::path::Path;

/// Where no chain answers.
const NO_CHAIN: &str = "http://127.0.0.1:1";

#[test]
fn another_chain_than_the_addresses_files() {
    let dir = tempfile::tempdir().unwrap();
    write_addresses(dir.path(), 1);
    let url = pretended_chain(31_337);
    oml(dir.path())
        .args(["--rpc-url", &url, "chain", "show"])
        .assert()
        .code(5)
        .stderr(contains("is chain 31337").and(contains("is for chain 1")).and(contains("hint: ")));
}

#[test]
fn no_chain_at_all() {
    let dir = tempfile::tempdir().unwrap();
    write_addresses(dir.path(), 31_337);
    oml(dir.path())
        .args(["--rpc-url", "http://127.0.0.1:1", "chain", "show"])
        .assert()
        .code(5)
        .stderr(contains("no chain answers at http://127.0.0.1:1"));
}

#[test]
fn keystores_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    write_addresses(dir.path(), 31_337);
    let sign = |keystore: &str| {
        let mut command = oml(dir.path());
        command.args(["--keystore", keystore, "--unsafe-password", "x", "balance", "withdraw"]);
        command
    };
    sign("none.json").assert().code(4).stderr(contains("keystore none.json does not exist"));
    std::fs::write(dir.path().join("bad.json"), "{}").unwrap();
    sign("bad.json").assert().code(4).stderr(contains("keystore bad.json could not be opened"));
    oml(dir.path())
        .args(["balance", "withdraw"])
        .assert()
        .code(4)
        .stderr(contains("no signer given"));
    oml(dir.path())
        .args(["--private-key", "0x12", "balance", "withdraw"])
        .assert()
        .code(4)
        .stderr(contains("--private-key is not a private key").and(contains("0x12").not()));
}

#[test]
fn remote_signers_that_can_not_be() {
    let dir = tempfile::tempdir().unwrap();
    write_addresses(dir.path(), 31_337);
    let sign = |key: &str| {
        let mut command = oml(dir.path());
        command.args(["--signer", key, "balance", "withdraw"]);
        command
    };
    sign("azure:key").assert().code(4).stderr(contains("\"azure:key\" names no remote key"));
    // What was to be --private-key.
    sign(FIRST_KEY).assert().code(4).stderr(contains("ac09").not());
    sign("aws:alias/oml@eu-central-1")
        .args(["--private-key", FIRST_KEY])
        .assert()
        .code(2)
        .stderr(contains("--private-key and --signer both name the signing account"));
    // Among variables none is preferred.
    oml(dir.path())
        .args(["balance", "withdraw"])
        .env("OML_SIGNER", "aws:alias/oml@eu-central-1")
        .env("OML_PRIVATE_KEY", FIRST_KEY)
        .assert()
        .code(4)
        .stderr(contains("--signer (OML_SIGNER) and --private-key (OML_PRIVATE_KEY) each name"));
    #[cfg(not(feature = "signer-aws"))]
    sign("aws:alias/oml@eu-central-1").assert().code(4).stderr(contains(
        "aws:alias/oml@eu-central-1 needs a program with the cargo feature signer-aws; build one \
         with `cargo build --release -p oml-cli --features signer-aws`",
    ));
    #[cfg(not(feature = "signer-gcp"))]
    sign("gcp:projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1")
        .assert()
        .code(4)
        .stderr(contains("--features signer-gcp"));
}

fn template(dir: &Path) -> serde_json::Value {
    let id = format!("0x{}", "11".repeat(32));
    let owner = format!("0x{}", "22".repeat(20));
    let mut command = oml(dir);
    command.args(["offer", "template", "--model-id", &id, "--owner", &owner]);
    command.args(["--currency", "native", "--rpc-url", NO_CHAIN]).assert().success();
    serde_json::from_slice(&std::fs::read(dir.join("terms.json")).unwrap()).unwrap()
}

#[test]
fn bad_terms_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let good = template(dir.path());
    let refused = |terms: &str| {
        std::fs::write(dir.path().join("terms.json"), terms).unwrap();
        let mut command = oml(dir.path());
        command.args(["offer", "publish", "--terms", "terms.json", "--private-key", FIRST_KEY]);
        command.assert().code(1)
    };
    refused("not json").stderr(contains("terms.json is not a terms file"));
    for (field, value, message) in [
        ("licenseFee", serde_json::json!((1_u128 << 96).to_string()), "2^96 - 1"),
        ("thawPeriod", serde_json::json!(1), "thawPeriod 1 is not longer"),
        ("evidenceLevels", serde_json::json!(2), "evidenceLevels"),
        ("collateral", serde_json::json!("0"), "collateral is 0"),
        ("seats", serde_json::json!(5), "5 seats"),
        ("surprise", serde_json::json!(1), "surprise"),
    ] {
        let mut terms = good.clone();
        terms[field] = value;
        refused(&terms.to_string()).stderr(contains(message));
    }
    oml(dir.path())
        .args(["offer", "publish", "--terms", "none.json"])
        .assert()
        .code(1)
        .stderr(contains("none.json could not be read"));
}

#[test]
fn a_template_says_how_many_seats_and_why() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(template(dir.path())["seats"], 16);
    let id = format!("0x{}", "11".repeat(32));
    let owner = format!("0x{}", "22".repeat(20));
    let with = |flags: &[&str]| {
        let mut command = oml(dir.path());
        command.args(["offer", "template", "--model-id", &id, "--owner", &owner]).args(flags);
        command.args(["--currency", "native", "--rpc-url", NO_CHAIN]);
        let _ = std::fs::remove_file(dir.path().join("terms.json"));
        command
    };
    with(&[]).assert().success().stderr(contains("no chain says what a seat costs"));
    let seats = |flags: &[&str]| -> serde_json::Value {
        with(flags).assert().success();
        let text = std::fs::read(dir.path().join("terms.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()["seats"].clone()
    };
    assert_eq!(seats(&["--seats", "32"]), 32);
    assert_eq!(seats(&["--seat-fee", "1", "--collateral", "300"]), 8);
    assert_eq!(seats(&["--seat-fee", "1", "--collateral", "1000"]), 16);
    assert_eq!(seats(&["--seat-fee", "1", "--collateral", "100000"]), 24);
    // More than any size stands before.
    with(&["--seat-fee", "0.000001", "--collateral", "100000000"])
        .assert()
        .code(1)
        .stderr(contains("no size of a round stands").and(contains("hint: ")));
    with(&["--seats", "5"]).assert().code(2).stderr(contains("5 seats is no size"));
    with(&["--alpha", "1"]).assert().code(1).stderr(contains("--alpha 1"));
}

#[test]
fn a_secret_of_rounds_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    oml(dir.path()).args(["round", "keygen"]).assert().success();
    let mode = {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(dir.path().join("rounds.secret")).unwrap().permissions().mode()
    };
    assert_eq!(mode & 0o777, 0o600);
    oml(dir.path())
        .args(["round", "keygen"])
        .assert()
        .code(4)
        .stderr(contains("rounds.secret could not be written"));
    std::fs::write(dir.path().join("bad.secret"), "no secret").unwrap();
    oml(dir.path())
        .args(["round", "commit", "--secret", "bad.secret"])
        .assert()
        .failure()
        .stderr(contains("bad.secret"));
}

#[test]
fn a_doctor_finds_what_is_broken() {
    let dir = tempfile::tempdir().unwrap();
    write_addresses(dir.path(), 31_337);
    let url = pretended_chain(31_337);
    let contracts_without_code = contains("LicenseRegistry").and(contains("no code at"));
    oml(dir.path())
        .args(["--rpc-url", &url, "doctor"])
        .assert()
        .code(1)
        .stdout(contracts_without_code);
    oml(dir.path())
        .args(["--rpc-url", "http://127.0.0.1:1", "doctor", "--node", "http://127.0.0.1:1"])
        .assert()
        .code(1)
        .stdout(contains("no chain answers").and(contains("node http://127.0.0.1:1")));
}

#[test]
fn node_configurations_are_checked_by_name() {
    let dir = tempfile::tempdir().unwrap();
    oml(dir.path()).args(["node", "config", "example", "--out", "node.toml"]).assert().success();
    oml(dir.path())
        .args(["node", "config", "example", "--out", "node.toml"])
        .assert()
        .code(1)
        .stderr(contains("node.toml exists"));
    let text = std::fs::read_to_string(dir.path().join("node.toml")).unwrap();
    std::fs::write(dir.path().join("bad.toml"), text + "\n[chian]\n").unwrap();
    oml(dir.path())
        .args(["node", "config", "check", "--config", "bad.toml"])
        .assert()
        .code(1)
        .stderr(contains("bad.toml is not a usable configuration").and(contains("chian")));
}

#[test]
fn devices_and_precisions_that_are_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../prover/assets/models/tiny");
    let answer = |flags: &[&str]| {
        let mut command = oml(dir.path());
        command.args(["model", "answer", "Once", "--max-tokens", "1", "--model"]).arg(&model);
        command.args(flags);
        command.assert()
    };
    // No machine has a GPU of this number, with the feature `cuda` or without.
    answer(&["--device", "cuda:999"])
        .code(1)
        .stderr(contains("cuda:999").and(contains("hint: leave --device out")));
    answer(&["--device", "gpu"]).code(2).stderr(contains("must be cpu, cuda, cuda:N or auto"));
    answer(&["--precision", "bf16"])
        .code(1)
        .stderr(contains("bfloat16").and(contains("float32 on the processor")));
    answer(&["--device", "auto"]).success();
}
