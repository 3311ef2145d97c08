//! The reporter's part of a level-0 proof that came after a round which then convicted.

use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use crate::money::Money;
use alloy::primitives::{B256, U256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::{CollateralVault, Proofs, Rounds};
use oml_contracts::{EthAddress, RoundId};
use serde::Serialize;

/// A payout that goes to the payer of the convicting round instead.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenReport {
    /// Number of the payout in the vault.
    pub payout_id: u64,
    /// Who would have got it.
    pub from: EthAddress,
    /// How much it is.
    pub amount: Money,
    /// Hash of the transaction that moved the payout.
    pub transaction: TxRecord,
}

/// Gives every level-0 payout of the license that the round came before to the round's payer, or
/// only the named one. Anyone may.
///
/// # Errors
/// No signer, network failure, a refusal of the contract, or there is no such payout.
pub async fn take_report(
    chain: &Chain,
    license: &LicenseFile,
    round: RoundId,
    payout: Option<u64>,
) -> Result<Vec<TakenReport>> {
    let currency = chain.currency(license.terms.currency).await?;
    let mut taken = Vec::new();
    for queued in reporters(chain, license).await? {
        let id: u64 = queued.payoutId.saturating_to();
        if payout.is_some_and(|wanted| wanted != id) {
            continue;
        }
        let call = Rounds::takeReportCall {
            r#ref: license.sol_ref()?,
            roundId: round.into(),
            payoutId: queued.payoutId,
        };
        let sent = match chain.send("take report", chain.rounds(), call, U256::ZERO).await {
            Ok(sent) => sent,
            // Paid, given away before, or committed to before the round was sealed.
            Err(error)
                if payout.is_none()
                    && (error.is_revert::<CollateralVault::CollateralVault_NotRedirectable>()
                        || error.is_revert::<CollateralVault::CollateralVault_UnknownPayout>()) =>
            {
                continue;
            }
            Err(error) => return Err(error),
        };
        let (from, amount) = (queued.to.into(), currency.units(queued.amount));
        taken.push(TakenReport { payout_id: id, from, amount, transaction: sent.record });
    }
    if !taken.is_empty() {
        return Ok(taken);
    }
    let id = license.license_id;
    Err(fail(
        format!("no unpaid level-0 report of license {id} came after round {round}"),
        "only proofs that were committed to after the round's seal, and are not paid out yet, go \
         to its payer",
        FailureKind::Failed,
    ))
}

/// Payouts to the reporters of level-0 proofs against the license.
async fn reporters(
    chain: &Chain,
    license: &LicenseFile,
) -> Result<Vec<CollateralVault::PayoutQueued>> {
    let accepted = Filter::new().address(chain.proofs()).topic2(B256::from(license.license_id));
    let what = Proofs::ProofAccepted::SIGNATURE;
    let mut queued = Vec::new();
    for (proof, log) in chain.events::<Proofs::ProofAccepted>(what, accepted).await? {
        let (Some(block), Some(hash)) = (log.block_number, log.transaction_hash) else { continue };
        let payouts = Filter::new()
            .address(chain.vault())
            .topic2(B256::left_padding_from(proof.reporter.as_slice()));
        let what = CollateralVault::PayoutQueued::SIGNATURE;
        let events = chain.events::<CollateralVault::PayoutQueued>(what, payouts).await?;
        // The reporter's part is queued before the owner's, in the proof's transaction.
        let of_proof = events.into_iter().find(|(payout, log)| {
            log.block_number == Some(block)
                && log.transaction_hash == Some(hash)
                && payout.amount == proof.toReporter
        });
        queued.extend(of_proof.map(|(payout, _)| payout));
    }
    Ok(queued)
}
