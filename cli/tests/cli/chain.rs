//! Against a real local chain.

use std::path::Path;

use super::support::{Anvil, FIRST, FIRST_KEY, anvil, oml, stdout_json};
use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

/// A command of the chain's first account.
fn as_first(dir: &Path, chain: &Anvil, args: &[&str]) -> Command {
    let mut command = oml(dir);
    command.args(["--rpc-url", &chain.url, "--private-key", FIRST_KEY]).args(args);
    command
}

#[test]
fn a_dry_run_prints_and_sends_nothing() {
    let Some(chain) = anvil() else { return };
    let dir = tempfile::tempdir().unwrap();
    let call = |args: &[&str]| as_first(dir.path(), &chain, args);
    call(&["chain", "deploy", "--local"]).assert().success();
    call(&["doctor"]).assert().success().stdout(contains("Rounds").and(contains("BROKEN").not()));

    let before = chain.sent();
    call(&["--dry-run", "chain", "mint", FIRST, "5"])
        .assert()
        .success()
        .stdout(contains("nothing was sent"));
    let data =
        stdout_json(&mut call(&["--format", "json", "--dry-run", "chain", "mint", FIRST, "5"]));
    assert_eq!(data["success"], true);
    assert!(data["data"]["hash"].is_null(), "{data}");
    assert!(data["data"]["gas"].as_u64().unwrap() > 21_000, "{data}");
    assert_eq!(chain.sent(), before);

    call(&["chain", "mint", FIRST, "5"]).assert().success();
    assert_ne!(chain.sent(), before);
}

#[test]
fn reverts_are_decoded() {
    let Some(chain) = anvil() else { return };
    let dir = tempfile::tempdir().unwrap();
    let call = |args: &[&str]| as_first(dir.path(), &chain, args);
    call(&["chain", "deploy", "--local"]).assert().success();
    let id = format!("0x{}", "11".repeat(32));
    let template = ["offer", "template", "--model-id", &id, "--owner", FIRST];
    call(&[&template[..], &["--currency", "native"]].concat()).assert().success();
    call(&["offer", "publish", "--terms", "terms.json"])
        .assert()
        .code(6)
        .stderr(contains("Terms_WrongOwner").and(contains("was not sent")));
    assert_eq!(call(&["model", "show", &id]).output().unwrap().status.code(), Some(1));
}

#[test]
fn a_deployment_is_found_again_verified_and_not_overwritten() {
    let Some(chain) = anvil() else { return };
    let dir = tempfile::tempdir().unwrap();
    let call = |args: &[&str]| as_first(dir.path(), &chain, args);
    call(&["chain", "deploy", "--local"]).assert().success();
    let file = std::fs::read_to_string(dir.path().join("addresses.json")).unwrap();
    let before = chain.sent();
    call(&["chain", "deploy", "--local"]).assert().success();
    assert_eq!(chain.sent(), before);
    assert_eq!(std::fs::read_to_string(dir.path().join("addresses.json")).unwrap(), file);
    call(&["chain", "verify"])
        .assert()
        .success()
        .stdout(contains("Rounds").and(contains("verified")).and(contains("derived").not()));

    call(&["chain", "deploy", "--local", "--seat-fee", "7"])
        .assert()
        .code(1)
        .stderr(contains("holds another deployment"));
    assert_eq!(chain.sent(), before);

    let other = file.replace("collateralVault", "x");
    let other =
        other.replace("paymentEscrow", "collateralVault").replace("\"x\"", "\"paymentEscrow\"");
    std::fs::write(dir.path().join("addresses.json"), other).unwrap();
    call(&["chain", "verify"]).assert().code(1).stdout(contains("other code"));
}
