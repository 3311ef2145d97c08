//! Proofs with one or two of the host's own receipts.

use super::claim::ProofClaim;
use crate::chain::{Chain, TxRecord};
use crate::commitment::after_commitment;
use crate::error::{Result, resumable};
use crate::files::{self, LicenseFile};
use crate::money::Money;
use alloy::primitives::U256;
use alloy::sol_types::SolCall;
use oml_contracts::EthAddress;
use oml_contracts::rpc::abi::{CollateralVault, Proofs};
use oml_contracts::terms::Violation;
use oml_payments::SignedReceipt;
use serde::Serialize;
use std::path::Path;

/// An accepted proof.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedProof {
    /// What was proven.
    pub violation: Violation,
    /// Evidence level: 0, judged by the contract alone.
    pub level: u8,
    /// Taken from the collateral; none for a dry run.
    pub slashed: Option<Money>,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

/// Proves with one receipt that the host settled less than it served. The salt of the commitment is
/// kept in the file `state` before anything is sent, so that a stopped command goes on with it.
///
/// # Errors
/// No signer, another proof in `state`, network failure, or the contract does not see it so; then
/// nothing was sent.
pub async fn under_metering(
    chain: &Chain,
    license: &LicenseFile,
    receipt: &SignedReceipt,
    state: &Path,
) -> Result<AcceptedProof> {
    let currency = license.terms.currency;
    let claim = ProofClaim::of_receipt(chain, Violation::UnderMetering, license, receipt, state)?;
    let call = Proofs::proveUnderMeteringCall {
        r#ref: license.sol_ref()?,
        receipt: receipt.receipt().into(),
        signature: receipt.signature.as_bytes().to_vec().into(),
        salt: claim.salt.into(),
    };
    prove(chain, Begun { claim, currency, state }, "prove under-metering", call).await
}

/// Proves with one receipt that the host served outside of the license's term.
///
/// # Errors
/// As [`under_metering`].
pub async fn out_of_term(
    chain: &Chain,
    license: &LicenseFile,
    receipt: &SignedReceipt,
    state: &Path,
) -> Result<AcceptedProof> {
    let currency = license.terms.currency;
    let claim = ProofClaim::of_receipt(chain, Violation::OutOfTerm, license, receipt, state)?;
    let call = Proofs::proveOutOfTermCall {
        r#ref: license.sol_ref()?,
        receipt: receipt.receipt().into(),
        signature: receipt.signature.as_bytes().to_vec().into(),
        salt: claim.salt.into(),
    };
    prove(chain, Begun { claim, currency, state }, "prove service out of term", call).await
}

/// Proves with two receipts of one number that the host signed different things.
///
/// # Errors
/// As [`under_metering`].
pub async fn equivocation(
    chain: &Chain,
    license: &LicenseFile,
    receipts: [&SignedReceipt; 2],
    state: &Path,
) -> Result<AcceptedProof> {
    let [a, b] = receipts;
    let currency = license.terms.currency;
    let claim = ProofClaim::of_receipt(chain, Violation::Equivocation, license, a, state)?;
    let call = Proofs::proveEquivocationCall {
        r#ref: license.sol_ref()?,
        a: a.receipt().into(),
        signatureA: a.signature.as_bytes().to_vec().into(),
        b: b.receipt().into(),
        signatureB: b.signature.as_bytes().to_vec().into(),
        salt: claim.salt.into(),
    };
    prove(chain, Begun { claim, currency, state }, "prove equivocation", call).await
}

/// A claim, and where its salt is kept.
struct Begun<'a> {
    claim: ProofClaim,
    /// In which the slash is paid.
    currency: EthAddress,
    state: &'a Path,
}

/// Commits and proves. What the contract would refuse is refused before anything is sent.
async fn prove<C: SolCall>(
    chain: &Chain,
    begun: Begun<'_>,
    step: &str,
    call: C,
) -> Result<AcceptedProof> {
    let Begun { claim, currency, state } = begun;
    let commitment = claim.commitment(chain)?;
    if files::is_there(state) {
        // A stopped command may have committed already.
        chain.wait_for_own_transactions().await?;
    }
    let accepted = |slashed, transactions| {
        let violation = claim.violation;
        AcceptedProof { violation, level: 0, slashed, transactions }
    };
    let rehearsed = commitment.rehearse(chain, step, &call, U256::ZERO).await?;
    if !chain.is_dry_run() {
        claim.keep(chain, state)?;
    }
    let made = resumable(commitment.make(chain).await)?;
    let mut transactions: Vec<_> = made.into_iter().collect();
    if chain.is_dry_run() {
        transactions.extend(rehearsed);
        return Ok(accepted(None, transactions));
    }
    commitment.mature(chain).await?;
    let currency = chain.currency(currency).await?;
    let sent = chain.send(step, chain.proofs(), call, U256::ZERO).await;
    let sent = resumable(after_commitment(sent))?;
    let slashed = sent.event::<CollateralVault::CollateralSlashed>().map(|log| log.amount);
    let slashed = slashed.map(|amount| currency.units(amount));
    transactions.push(sent.record);
    Ok(accepted(slashed, transactions))
}
