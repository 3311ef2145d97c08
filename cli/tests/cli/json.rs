//! The JSON envelope, whole.

use super::support::{oml, stdout_json};

fn json(args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let value = stdout_json(oml(dir.path()).args(["--format", "json"]).args(args));
    format!("{value:#}")
}

#[test]
fn a_result() {
    insta::assert_snapshot!(json(&[
        "fingerprint",
        "plan",
        "--personal",
        "16",
        "--survival",
        "0.9"
    ]));
}

#[test]
fn a_plan_of_rounds() {
    insta::assert_snapshot!(json(&[
        "round",
        "plan",
        "--collateral",
        "20000",
        "--seat-fee",
        "1",
        "--hostile",
        "0.33",
        "--deployments",
        "1",
        "--alpha",
        "1e-12",
        "--hit-rate",
        "0.9",
    ]));
}

#[test]
fn a_failure() {
    insta::assert_snapshot!(json(&["offer", "show", "--terms", "none.json"]));
}

#[test]
fn a_configuration() {
    insta::assert_snapshot!(json(&["node", "config", "example"]));
}

#[test]
fn quiet_prints_one_value() {
    let dir = tempfile::tempdir().unwrap();
    oml(dir.path())
        .args(["--format", "quiet", "fingerprint", "plan", "--survival", "0.9"])
        .assert()
        .success()
        .stdout("2\n")
        .stderr("");
}
