//! Reports: an owner's signed seal is checked against the chain and paid for.
//!
//! Nobody can draw a round without the owner, who hands out keys and opens; so a reporter first
//! gets the owner's signed promise, and sees what it pays and can gain before it pays.

use crate::chain::Chain;
use crate::error::Result;
use crate::round::{SealFile, SealOffer, SealedRound, check_seal, sealed_before, send_seal};
use oml_node::rounds::Access;
use serde::Serialize;

/// A report: the owner's seal, and what was reported to the owner.
#[derive(Clone, Debug)]
pub struct SealReport {
    /// What the owner has signed.
    pub seal: SealFile,
    /// Base URL that was reported.
    pub uri: String,
    /// What was bought to get in, if anything.
    pub access: Option<Access>,
}

/// A report whose seal was paid for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaidReport {
    /// What the seal was worth when it was checked; none if it had been paid for before.
    pub offer: Option<SealOffer>,
    /// The sealed round.
    pub round: SealedRound,
}

/// Checks a seal for the signer, without sending anything.
///
/// # Errors
/// No signer, network failure, or what is wrong with the seal.
pub async fn check(chain: &Chain, report: &SealReport) -> Result<SealOffer> {
    let SealReport { seal, uri, access } = report;
    check_seal(chain, seal, chain.me()?, uri, access.as_ref()).await
}

/// Checks a seal and pays for it; a dry run stops before it pays. If the signer has paid for this
/// seal before, that round is the answer, and nothing is sent.
///
/// # Errors
/// As [`check`], or a refusal of the contract.
pub async fn pay(chain: &Chain, report: &SealReport) -> Result<PaidReport> {
    chain.wait_for_own_transactions().await?;
    if report.seal.payer == chain.me()?
        && report.seal.uri == report.uri
        && let Some(round) = sealed_before(chain, &report.seal).await?
    {
        return Ok(PaidReport { offer: None, round });
    }
    let offer = check(chain, report).await?;
    let round = send_seal(chain, &report.seal).await?;
    Ok(PaidReport { offer: Some(offer), round })
}
