//! The host says on chain that it has its sealed copy, or that the copy is no good.

use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use crate::license::{self, ChangedLicense};
use crate::progress::{Progress, ProgressBar};
use alloy::primitives::{B256, U256};
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{LicenseId, SealedRoot};
use oml_prover::delivery::checked_manifest;
use oml_prover::sealed_box::EncryptionKey;
use serde::Serialize;
use std::path::Path;
use std::slice;

/// An accepted copy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedCopy {
    /// Id of the license.
    pub license_id: LicenseId,
    /// What was accepted.
    pub sealed_root: SealedRoot,
    /// What was sent; nothing if it was accepted before.
    pub transactions: Vec<TxRecord>,
}

/// Checks every byte of the sealed copy in `dir`, and that its secret is for `key`, and accepts it.
///
/// # Errors
/// It is damaged, for another key or license; the license waits for no copy; a refusal of the
/// contract.
pub async fn accept(
    chain: &Chain,
    license: &LicenseFile,
    key: &EncryptionKey,
    dir: &Path,
    progress: &dyn Progress,
) -> Result<AcceptedCopy> {
    let id = license.license_id;
    let mut bar: Option<Box<dyn ProgressBar>> = None;
    let checked = checked_manifest(dir, id, slice::from_ref(key), &mut |now| {
        bar.get_or_insert_with(|| progress.bar(now.of, "checking")).at(now.at);
    });
    if let Some(bar) = bar {
        bar.finish();
    }
    let manifest = super::sealed(checked, dir)?;

    let (sealed_root, key_hash) = (manifest.root(), B256::from(manifest.key_hash));
    let kept = license::kept(chain, id).await?;
    if !kept.awaits_copy() && kept.sealed_root == sealed_root {
        return Ok(AcceptedCopy { license_id: id, sealed_root, transactions: Vec::new() });
    }
    if !kept.awaits_copy() {
        return Err(fail(
            format!("license {id} is {}: it waits for no copy", kept.status()),
            "a license's copy is accepted once, after its seed is drawn",
            FailureKind::Failed,
        ));
    }
    let call = LicenseRegistry::acceptCopyCall {
        r#ref: license.sol_ref()?,
        sealedRoot: sealed_root.into(),
        keyHash: key_hash,
    };
    let sent = chain.send("accept copy", chain.registry(), call, U256::ZERO).await?;
    Ok(AcceptedCopy { license_id: id, sealed_root, transactions: vec![sent.record] })
}

/// Rejects a delivered copy in its trial: the license ends, half of the fee comes back.
///
/// # Errors
/// There is no trial, or it is over; no signer, network failure.
pub async fn reject(chain: &Chain, license: &LicenseFile) -> Result<ChangedLicense> {
    let call = LicenseRegistry::rejectCopyCall { r#ref: license.sol_ref()? };
    let sent = chain.send("reject copy", chain.registry(), call, U256::ZERO).await?;
    let transactions = vec![sent.record];
    Ok(ChangedLicense { license_id: license.license_id, transactions })
}
