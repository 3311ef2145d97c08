//! A round that is disturbed must end as if it had not been: a prover killed before it answers, a
//! reorganized chain.

use alloy::providers::ext::AnvilApi as _;
use alloy::providers::{Provider as _, ProviderBuilder};
use alloy::rpc::types::anvil::{ReorgOptions, TransactionData};
use eyre::{Result, ensure};
use oml_client::round::RoundState;
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
async fn a_prover_killed_before_it_answers_does_so_after_its_restart() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut play = licensed(dir.path()).await?;
    for name in ["prover1", "prover2", "prover3"] {
        play.signal(name, "STOP").await?;
    }
    let round = play.seal_cheat().await?;
    let holders = play.await_draw(round).await?;
    let Some(victim) = holders.iter().flatten().next().copied() else {
        eyre::bail!("every seat is vacant: {holders:?}");
    };
    let others = holders.iter().filter(|holder| holder.is_some_and(|name| name != victim)).count();
    for name in ["prover1", "prover2", "prover3"].into_iter().filter(|name| *name != victim) {
        play.signal(name, "CONT").await?;
    }
    until("the others' sheets", async || Ok(play.sheets(round).await? == others)).await?;
    play.signal(victim, "KILL").await?;
    play.restart_node(victim).await?;
    until("the sheets of the killed", async || Ok(play.sheets(round).await? == holders.len()))
        .await?;
    let ended = play.await_round(round).await?;
    ensure!(ended.state == RoundState::Convicted, "the round is {}", ended.state.word());
    play.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_whose_blocks_are_reorganized_away_still_ends_with_the_verdict() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut play = licensed(dir.path()).await?;
    let round = play.seal_cheat().await?;
    until("a sheet", async || Ok(play.sheets(round).await? > 0)).await?;
    let provider = ProviderBuilder::new().connect_http(play.rpc_url().parse()?);
    let before = provider.get_block_number().await?;
    // Deep enough to undo sheets, which the provers must then send again.
    let options = ReorgOptions { depth: 2, tx_block_pairs: Vec::<(TransactionData, u64)>::new() };
    provider.anvil_reorg(options).await?;
    let after = provider.get_block_number().await?;
    ensure!(after >= before.saturating_sub(2), "the chain lost more than the reorganized blocks");
    let ended = play.await_round(round).await?;
    ensure!(ended.state == RoundState::Convicted, "the round is {}", ended.state.word());
    play.close().await?;
    Ok(())
}
