//! A case that is disturbed must end as if it had not been: a prover killed between commit and
//! reveal, a reorganized chain.

use alloy::providers::ext::AnvilApi as _;
use alloy::providers::{Provider as _, ProviderBuilder};
use alloy::rpc::types::anvil::{ReorgOptions, TransactionData};
use eyre::{Result, ensure};
use oml_demo::{DemoOptions, Play};
use oml_tests::Told;
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn licensed(dir: &std::path::Path) -> Result<Play> {
    let options = DemoOptions { acts: vec![4], ..oml_tests::options(dir)? };
    let mut play = Play::open(&options, dir, Arc::new(Told)).await?;
    play.publish().await?;
    play.license().await?;
    Ok(play)
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !condition().await? {
        ensure!(start.elapsed() < Duration::from_secs(90), "{what} did not happen within 90 s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prover_killed_between_commit_and_reveal_reveals_after_its_restart() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut play = licensed(dir.path()).await?;
    // With one member held, the step can't end by everyone having committed.
    play.signal("prover3", "STOP").await?;
    let case = play.report_cheat().await?;
    until("prover1's commit", async || play.has_committed(case, "prover1").await).await?;
    ensure!(
        play.case_status(case).await? == "committing",
        "the step ended too early for this test"
    );
    play.signal("prover1", "KILL").await?;
    play.signal("prover3", "CONT").await?;
    until("the step of reveals", async || Ok(play.case_status(case).await? == "revealing")).await?;
    play.restart_node("prover1").await?;
    let verdict = play.await_verdict(case).await?;
    ensure!(verdict.verdict == "upheld", "verdict {}", verdict.verdict);
    let reveals = play.reveals(case).await?;
    ensure!(
        reveals == 3,
        "only {reveals} of 3 members revealed, so the killed one lost its secret"
    );
    play.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_whose_blocks_are_reorganized_away_still_ends_with_the_verdict() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut play = licensed(dir.path()).await?;
    let case = play.report_cheat().await?;
    until("a commitment", async || play.has_committed(case, "prover1").await).await?;
    let provider = ProviderBuilder::new().connect_http(play.rpc_url().parse()?);
    let before = provider.get_block_number().await?;
    // Deep enough to undo commitments, which the provers must then send again.
    let options = ReorgOptions { depth: 2, tx_block_pairs: Vec::<(TransactionData, u64)>::new() };
    provider.anvil_reorg(options).await?;
    let after = provider.get_block_number().await?;
    ensure!(after >= before.saturating_sub(2), "the chain lost more than the reorganized blocks");
    let verdict = play.await_verdict(case).await?;
    ensure!(verdict.verdict == "upheld", "verdict {} with {} hits", verdict.verdict, verdict.hits);
    play.close().await?;
    Ok(())
}
