//! The seven acts as a user plays them: one program, many processes, one JSON report.

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
    // The error itself is in the envelope on stdout.
    let said = String::from_utf8_lossy(&run.stdout);
    ensure!(run.status.success(), "the demo failed:\n{errors}\n{said}");
    let envelope: Value = serde_json::from_slice(&run.stdout)?;
    ensure!(envelope["schema_version"] == 2 && envelope["success"] == true);
    let acts = envelope["data"]["acts"].as_array().ok_or_else(|| eyre!("no acts"))?;
    let verdicts: Vec<_> =
        acts.iter().map(|act| act["verdict"].as_str().unwrap_or_default()).collect();
    let expected = ["done", "done", "done", "convicted", "opened", "proven", "done"];
    ensure!(verdicts == expected, "{verdicts:?}");
    for copy in acts[1]["copies"].as_array().into_iter().flatten() {
        let rate = copy["hitRate"].as_f64().unwrap_or_default();
        ensure!(rate >= 0.9, "{} answers only {rate} of its fingerprints", copy["host"]);
    }
    convicted(&acts[3])?;
    acquitted(&acts[4])?;
    ensure!(acts[5]["evidenceLevel"] == 0, "a receipt needs no round");
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
    ensure!(act["evidenceLevel"] == 2 && number(act, "queries") >= 24.0);
    // One of the three seats that are kept lied, so 16 hits are all that there can be.
    ensure!((13.0..=16.0).contains(&number(act, "hits")), "hits {}", act["hits"]);
    let seats = seats(act);
    ensure!(seats.iter().filter(|hits| **hits == 0).count() == 1, "seats {seats:?}");
    ensure!(gain(act, "reporter") > 0 && gain(act, "owner") > 0 && gain(act, "burned") > 0);
    ensure!(gain(act, "CollateralVault") == -1_000_000_000, "the whole collateral was slashed");
    // Four fees of one token each; the liar's stays with the contract until it is burned.
    let paid: i128 = ["prover1", "prover2", "prover3"].iter().map(|who| gain(act, who)).sum();
    ensure!(paid == 3_000_000 && gain(act, "Rounds") == 1_000_000, "fees of {paid}");
    Ok(())
}

fn acquitted(act: &Value) -> Result<()> {
    let (e, threshold) = (number(act, "eValueLog2"), number(act, "thresholdLog2"));
    ensure!(e < threshold && e <= 0.0, "evidence {e}, threshold {threshold}");
    ensure!(act["slashed"] == "0" && gain(act, "hostC") == 0, "nothing of the host's moves");
    // A round that convicts nobody pays every sheet, whatever it says.
    let paid: i128 = ["prover1", "prover2", "prover3"].iter().map(|who| gain(act, who)).sum();
    ensure!(paid == 4_000_000 && gain(act, "sealer") == -4_000_000, "fees of {paid}");
    Ok(())
}

fn seats(act: &Value) -> Vec<u64> {
    act["seats"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
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
