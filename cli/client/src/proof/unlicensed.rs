//! Proving that a host serves another license's copy: a collected series is judged as the contract
//! does, and brought to it if it convicts.

use super::collect::lay_out;
use super::series::{SeriesFile, SeriesStanding};
use crate::chain::{Chain, TxRecord};
use crate::error::{ClientError, FailureKind, Result, fail};
use crate::money::Money;
use crate::progress::Progress;
use alloy::primitives::U256;
use oml_contracts::evidence::Log2;
use oml_contracts::rpc::abi::CollateralVault;
use oml_contracts::terms::Violation;
use oml_payments::copies::{CopyReading, CopySeries, LaidOut, bundles_for};
use serde::Serialize;
use std::path::Path;

/// An accepted proof of a series.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedSeries {
    /// What was proven.
    pub violation: Violation,
    /// Evidence level: 0, judged by the contract alone.
    pub level: u8,
    /// Answers that are the copy's.
    pub hits: u32,
    /// Answers that were counted.
    pub queries: u32,
    /// log2 of the e-value.
    #[serde(rename = "eValueLog2", serialize_with = "as_number")]
    pub evidence: Log2,
    /// log2 of what it had to reach.
    #[serde(rename = "thresholdLog2", serialize_with = "as_number")]
    pub threshold: Log2,
    /// Taken from the collateral; none for a dry run.
    pub slashed: Option<Money>,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

fn as_number<S: serde::Serializer>(log2: &Log2, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(log2.to_f64())
}

/// Proves with the series in the file `series`, whose answers are in `log`.
///
/// # Errors
/// The series has no commitment or does not convict, no signer, network failure, a refusal of the
/// contract.
pub async fn unlicensed_model(
    chain: &Chain,
    series: &Path,
    log: &Path,
    progress: &dyn Progress,
) -> Result<AcceptedSeries> {
    let file = SeriesFile::load(series)?;
    let standing = SeriesStanding::read(chain, &file.keys).await?;
    let commitment = file.commitment(chain)?;
    if commitment.made_at(chain).await?.is_none() {
        return Err(fail(
            "the series has no commitment on this chain: it was never made, or the proof has used it",
            "make it with `oml proof collect`, before the keys are asked: answers from before do not count",
            FailureKind::Failed,
        ));
    }
    let from = commitment.mature(chain).await?;
    let bundles = file.keys.openings();
    let series = standing.series(chain, &file, &bundles, from);
    let laid = lay_out(&series, log, progress).await?;
    let reading = series.read(&laid.answers)?;
    if !reading.convicts() {
        return Err(not_enough(&series, &laid, &reading)?);
    }
    let call = file.call(&laid.answers)?;
    let currency = chain.currency(file.keys.license.terms.currency).await?;
    let sent = chain.send("prove an unlicensed model", chain.proofs(), call, U256::ZERO).await?;
    Ok(AcceptedSeries {
        violation: Violation::UnlicensedModel,
        level: 0,
        hits: reading.hits,
        queries: reading.queries,
        evidence: reading.evidence,
        threshold: reading.threshold,
        slashed: sent
            .event::<CollateralVault::CollateralSlashed>()
            .map(|log| currency.units(log.amount)),
        transactions: vec![sent.record],
    })
}

/// Says what is missing, and whether it can still come.
fn not_enough(
    series: &CopySeries<'_>,
    laid: &LaidOut,
    reading: &CopyReading,
) -> Result<ClientError> {
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
            "no answer can be added to this series; if the host answers {:.0} % of the keys like the copy, \
             another of {bundles} bundles is enough (`oml proof keys --bundles {bundles}`)",
            100.0 * rate
        )
    } else {
        "such answers are no evidence however many there are: the host is innocent, or hides its copy \
         too well for this proof (a sealed round asks as strangers do, `oml round`)"
            .to_owned()
    };
    Ok(fail(
        format!(
            "threshold not reached: {hits} of {queries} answers are the copy's, {missing}; evidence \
             {evidence}, threshold {threshold}; nothing was sent"
        ),
        hint,
        FailureKind::NoMatch,
    ))
}
