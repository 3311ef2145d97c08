//! The six acts as a user plays them: one program, many processes, one JSON report.

use eyre::{Result, ensure, eyre};
use serde_json::Value;
use std::process::Command;

#[test]
fn the_demo_ends_with_the_right_verdicts_and_balanced_books() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let run = Command::new(oml_tests::oml()?)
        .args(["demo", "--format", "json", "--dir"])
        .arg(dir.path().join("demo"))
        .current_dir(oml_tests::root())
        .output()?;
    let errors = String::from_utf8_lossy(&run.stderr);
    ensure!(run.status.success(), "the demo failed:\n{errors}");
    let envelope: Value = serde_json::from_slice(&run.stdout)?;
    ensure!(envelope["schema_version"] == 1 && envelope["success"] == true);
    let acts = envelope["data"]["acts"].as_array().ok_or_else(|| eyre!("no acts"))?;
    let verdicts: Vec<_> =
        acts.iter().map(|act| act["verdict"].as_str().unwrap_or_default()).collect();
    ensure!(verdicts == ["done", "done", "done", "upheld", "dismissed", "proven"], "{verdicts:?}");
    for copy in acts[1]["copies"].as_array().into_iter().flatten() {
        let rate = copy["hitRate"].as_f64().unwrap_or_default();
        ensure!(rate >= 0.9, "{} answers only {rate} of its fingerprints", copy["host"]);
    }
    convicted(&acts[3])?;
    acquitted(&acts[4])?;
    ensure!(acts[5]["evidenceLevel"] == 0, "a receipt needs no committee");
    ensure!(gain(&acts[5], "passerby") > 0, "who proved under-metering was paid");
    ensure!(gain(&acts[2], "owner") > 0 && gain(&acts[2], "hostA") > 0, "owner and host were paid");
    let balances = envelope["data"]["balances"].as_object().ok_or_else(|| eyre!("no balances"))?;
    let sum: u128 = balances.values().filter_map(|b| b.as_str()?.parse::<u128>().ok()).sum();
    ensure!(
        Some(sum.to_string().as_str()) == envelope["data"]["supply"].as_str(),
        "the books do not close"
    );
    Ok(())
}

fn convicted(act: &Value) -> Result<()> {
    let (e, threshold) = (number(act, "eValueLog2"), number(act, "thresholdLog2"));
    ensure!(e >= threshold && threshold > 29.0, "evidence {e}, threshold {threshold}");
    ensure!(act["evidenceLevel"] == 2 && number(act, "queries") >= 16.0);
    ensure!(number(act, "hits") >= 12.0, "hits {}", act["hits"]);
    ensure!(gain(act, "reporter") > 0 && gain(act, "owner") > 0 && gain(act, "burned") > 0);
    ensure!(gain(act, "CollateralVault") == -1_000_000_000, "the whole collateral was slashed");
    Ok(())
}

fn acquitted(act: &Value) -> Result<()> {
    let (e, threshold) = (number(act, "eValueLog2"), number(act, "thresholdLog2"));
    ensure!(e < threshold, "evidence {e}, threshold {threshold}");
    ensure!(act["slashed"] == "0");
    ensure!(gain(act, "hostC") == 100_000_000, "the bond is the accused's: {}", gain(act, "hostC"));
    ensure!(gain(act, "reporter") <= -100_000_000, "the reporter lost its bond");
    Ok(())
}

fn number(act: &Value, field: &str) -> f64 {
    act[field].as_f64().unwrap_or(f64::NAN)
}

fn gain(act: &Value, who: &str) -> i128 {
    let gains = act["gains"].as_array().into_iter().flatten();
    gains
        .filter(|g| g["who"] == who)
        .filter_map(|g| g["amount"].as_str()?.parse::<i128>().ok())
        .sum()
}
