//! Proofs with one or two of the host's own receipts.

use super::claim::ProofClaim;
use crate::chain::{Chain, TxRecord};
use crate::commitment::after_commitment;
use crate::error::Result;
use crate::files::LicenseFile;
use alloy::primitives::U256;
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi::{CollateralVault, Proofs};
use oml_contracts::terms::Violation;
use oml_payments::SignedReceipt;
use serde::Serialize;

/// An accepted proof.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedProof {
    /// What was proven.
    pub violation: Violation,
    /// Evidence level: 0, judged by the contract alone.
    pub level: u8,
    /// Taken from the collateral, smallest units; none for a dry run.
    pub slashed: Option<u128>,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

/// Proves with one receipt that the host settled less than it served.
///
/// # Errors
/// No signer, network failure, or the contract does not see it so; then nothing was sent.
pub async fn under_metering(
    chain: &Chain,
    license: &LicenseFile,
    receipt: &SignedReceipt,
) -> Result<AcceptedProof> {
    let claim = ProofClaim::of_receipt(chain, Violation::UnderMetering, license, receipt);
    let call = Proofs::proveUnderMeteringCall {
        r#ref: license.sol_ref()?,
        receipt: receipt.receipt().into(),
        signature: receipt.signature.as_bytes().to_vec().into(),
        salt: claim.salt.into(),
    };
    prove(chain, &claim, "prove under-metering", call).await
}

/// Proves with one receipt that the host served outside of the license's term.
///
/// # Errors
/// As [`under_metering`].
pub async fn out_of_term(
    chain: &Chain,
    license: &LicenseFile,
    receipt: &SignedReceipt,
) -> Result<AcceptedProof> {
    let claim = ProofClaim::of_receipt(chain, Violation::OutOfTerm, license, receipt);
    let call = Proofs::proveOutOfTermCall {
        r#ref: license.sol_ref()?,
        receipt: receipt.receipt().into(),
        signature: receipt.signature.as_bytes().to_vec().into(),
        salt: claim.salt.into(),
    };
    prove(chain, &claim, "prove service out of term", call).await
}

/// Proves with two receipts of one number that the host signed different things.
///
/// # Errors
/// As [`under_metering`].
pub async fn equivocation(
    chain: &Chain,
    license: &LicenseFile,
    receipts: [&SignedReceipt; 2],
) -> Result<AcceptedProof> {
    let [a, b] = receipts;
    let claim = ProofClaim::of_receipt(chain, Violation::Equivocation, license, a);
    let call = Proofs::proveEquivocationCall {
        r#ref: license.sol_ref()?,
        a: a.receipt().into(),
        signatureA: a.signature.as_bytes().to_vec().into(),
        b: b.receipt().into(),
        signatureB: b.signature.as_bytes().to_vec().into(),
        salt: claim.salt.into(),
    };
    prove(chain, &claim, "prove equivocation", call).await
}

/// Commits and proves. What the contract would refuse is refused before anything is sent.
async fn prove<C: SolCall>(
    chain: &Chain,
    claim: &ProofClaim,
    step: &str,
    call: C,
) -> Result<AcceptedProof> {
    let commitment = claim.commitment(chain)?;
    let accepted = |slashed, transactions| {
        let violation = claim.violation;
        AcceptedProof { violation, level: 0, slashed, transactions }
    };
    let rehearsed = commitment.rehearse(chain, step, &call, U256::ZERO).await?;
    let mut transactions: Vec<_> = commitment.make(chain).await?.into_iter().collect();
    if chain.is_dry_run() {
        transactions.extend(rehearsed);
        return Ok(accepted(None, transactions));
    }
    commitment.mature(chain).await?;
    let sent = chain.send(step, chain.proofs(), call, U256::ZERO).await;
    let sent = after_commitment(sent)?;
    let slashed = sent.event::<CollateralVault::CollateralSlashed>().map(|log| log.amount);
    transactions.push(sent.record);
    Ok(accepted(slashed, transactions))
}
