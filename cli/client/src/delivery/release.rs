//! The owner puts the key of an accepted copy on chain, and fetches its fee.

use crate::beacon::Patience;
use crate::chain::{Call, Chain, TxRecord};
use crate::clock::unix_now;
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use crate::license::{self, ChangedLicense, KeptLicense};
use alloy::primitives::U256;
use oml_contracts::LicenseId;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_node::licenses::{Acceptance, CopyName, HostAnswer, KeyStep, key_step};
use oml_prover::delivery::CopySecrets;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// A delivered key.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveredKey {
    /// Id of the license, which is active now.
    pub license_id: LicenseId,
    /// What was sent; nothing if the key was delivered before.
    pub transactions: Vec<TxRecord>,
}

/// Waits until the host's acceptance is final, at most `wait`, puts the key on chain and fetches
/// what is due of the fee.
///
/// # Errors
/// The host has not accepted in time, has accepted something else, or has cancelled; it is too late
/// to send a key safely; a refusal of the contract.
pub async fn deliver(
    chain: &Chain,
    license: &LicenseFile,
    dir: &Path,
    wait: Duration,
) -> Result<DeliveredKey> {
    let id = license.license_id;
    let manifest = super::manifest(dir, license)?;
    let key = super::sealed(CopySecrets::load(dir, id), dir)?.copy_key();
    let own = CopyName::of(&manifest);
    let patience = Patience::of(wait);
    let mut transactions = Vec::new();
    loop {
        let kept = license::kept(chain, id).await?;
        if kept.delivered_key().is_some() {
            break;
        }
        let answer = answer(chain, id, &kept).await?;
        // An endpoint that has stopped says an early time for ever.
        let now = chain.rpc().now().await?.max(unix_now());
        match key_step(&answer, &own, now) {
            KeyStep::Send => {
                let call =
                    LicenseRegistry::deliverKeyCall { r#ref: license.sol_ref()?, key: key.into() };
                let call = Call::new("deliver key", chain.registry(), &call);
                // The endpoint that simulates the call has the key.
                let sent = if chain.is_dry_run() {
                    chain.unseen(&call).await?
                } else {
                    chain.send_call(&call).await?
                };
                transactions.push(sent.record);
                break;
            }
            step if step.is_final() => {
                let hint = "the key stays secret, so nothing is lost but the work";
                return Err(fail(refusal(id, step), hint, FailureKind::Failed));
            }
            step if patience.is_over() => {
                let hint = "run the same command again, or wait longer with --wait";
                return Err(fail(refusal(id, step), hint, FailureKind::Timeout));
            }
            _ => patience.pause().await,
        }
    }
    if !chain.is_dry_run() && license::kept(chain, id).await?.fee_due {
        transactions.extend(release_fee(chain, license).await?.transactions);
    }
    Ok(DeliveredKey { license_id: id, transactions })
}

fn refusal(license: LicenseId, step: KeyStep) -> String {
    format!("the key of license {license} is not sent: {step}")
}

/// What the host has done about its sealed copy.
async fn answer(chain: &Chain, license: LicenseId, kept: &KeptLicense) -> Result<HostAnswer> {
    if kept.is_cancelled() {
        return Ok(HostAnswer::Cancelled);
    }
    if !kept.is_accepted() {
        return Ok(HostAnswer::Awaited);
    }
    let finalized = chain.finalized().await?;
    let then = license::kept_at(chain, license, finalized).await?;
    Ok(HostAnswer::Accepted(Acceptance {
        root: kept.sealed_root,
        key_hash: *kept.copy_key.as_bytes(),
        deadline: kept.deadline,
        is_final: then.is_accepted() && then.sealed_root == kept.sealed_root,
    }))
}

/// Gives the owner and the parents what is due of the license's fee. Anyone may.
///
/// # Errors
/// Nothing is due; no signer, network failure.
pub async fn release_fee(chain: &Chain, license: &LicenseFile) -> Result<ChangedLicense> {
    let call = LicenseRegistry::releaseFeeCall { r#ref: license.sol_ref()? };
    let sent = chain.send("release fee", chain.registry(), call, U256::ZERO).await?;
    let transactions = vec![sent.record];
    Ok(ChangedLicense { license_id: license.license_id, transactions })
}
