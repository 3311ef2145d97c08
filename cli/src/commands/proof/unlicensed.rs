//! `oml proof unlicensed-model`: judges a collected series as the contract does, and proves it if it convicts.

use super::collect::lay_out;
use super::series::{SeriesFile, SeriesPaths, Standing};
use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::commands::event;
use crate::contracts::CollateralVault;
use crate::error::{Exit, fail};
use alloy::primitives::U256;
use clap::Args;
use eyre::Result;
use oml_contracts::terms::Violation;
use oml_payments::copies::{CopyReading, CopySeries, LaidOut, bundles_for};
use serde::Serialize;

/// Flags of `unlicensed-model`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Unlicensed {
    #[command(flatten)]
    paths: SeriesPaths,
}

/// An accepted proof.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    violation: Violation,
    /// 0: judged by the contract alone.
    level: u8,
    hits: u32,
    queries: u32,
    e_value_log2: f64,
    threshold_log2: f64,
    /// Smallest units; none for a dry run.
    slashed: Option<u128>,
    transactions: Vec<TxRecord>,
}

/// Runs the command.
pub(super) async fn run(args: &Unlicensed, global: &Global) -> Result<()> {
    let output = global.output();
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let file = SeriesFile::load(&args.paths.series)?;
    let standing = Standing::read(&chain, &file.keys).await?;
    let commitment = file.commitment(&chain)?;
    if commitment.made_at(&chain).await?.is_none() {
        return Err(fail(
            "the series has no commitment on this chain: it was never made, or the proof has used it",
            "make it with `oml proof collect`, before the keys are asked: answers from before do not count",
            Exit::Failed,
        ));
    }
    let from = commitment.mature(&chain).await?;
    let bundles = file.keys.openings();
    let series = standing.series(&chain, &file, &bundles, from);
    let log = args.paths.log();
    let laid = lay_out(&series, &log, output).await?;
    let reading = series.read(&laid.answers)?;
    if !reading.convicts() {
        return Err(not_enough(&series, &laid, &reading)?);
    }
    let call = file.call(&laid.answers)?;
    let sent =
        chain.send("prove an unlicensed model", chain.challenges(), call, U256::ZERO).await?;
    let slashed = event::<CollateralVault::CollateralSlashed>(&sent).map(|log| log.amount);
    let shown = Shown {
        violation: Violation::UnlicensedModel,
        level: 0,
        hits: reading.hits,
        queries: reading.queries,
        e_value_log2: reading.evidence.to_f64(),
        threshold_log2: reading.threshold.to_f64(),
        slashed,
        transactions: vec![sent.record],
    };
    let slashed = shown.slashed.map(|s| s.to_string()).unwrap_or_default();
    output.result(&shown, &slashed, || {
        let lines: Vec<String> = shown.transactions.iter().map(TxRecord::line).collect();
        format!(
            "{} of {} answers are the copy's, evidence {}, threshold {}; slashed {slashed}\n{}",
            reading.hits,
            reading.queries,
            reading.evidence,
            reading.threshold,
            lines.join("\n")
        )
    });
    Ok(())
}

/// Says what is missing, and whether it can still come.
fn not_enough(
    series: &CopySeries<'_>,
    laid: &LaidOut,
    reading: &CopyReading,
) -> Result<eyre::Report> {
    let CopyReading { hits, queries, evidence, threshold, needed } = *reading;
    let missing = needed.map_or_else(
        || "not even all of them would be enough".to_owned(),
        |needed| format!("{needed} are needed, {} more", needed.saturating_sub(hits)),
    );
    let answered = laid.answered();
    let left = laid.next().map_or(0, |next| laid.answers.len() - next);
    let within_reach = needed.is_some_and(|needed| hits as usize + left >= needed as usize);
    let rate = f64::from(hits) / f64::from(u32::try_from(answered.max(1)).unwrap_or(u32::MAX));
    let hint = if left > 0 && within_reach {
        format!("{left} keys can still be asked: go on with `oml proof collect`")
    } else if let Some(bundles) = bundles_for(&series.evidence, series.personal, rate)? {
        format!(
            "no answer can be added to this series; if the host answers {:.0} % of the keys like the copy, another of \
             {bundles} bundles is enough (`oml proof keys --bundles {bundles}`)",
            100.0 * rate
        )
    } else {
        "such answers are no evidence however many there are: the host is innocent, or hides its copy too well for \
         this proof (`oml report` asks as a committee)"
            .to_owned()
    };
    Ok(fail(
        format!(
            "threshold not reached: {hits} of {queries} answers are the copy's, {missing}; evidence {evidence}, \
             threshold {threshold}; nothing was sent"
        ),
        hint,
        Exit::NoMatch,
    ))
}
