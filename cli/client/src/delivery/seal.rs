//! The owner seals a copy for the host that bought the license.

use crate::chain::Chain;
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use crate::license;
use crate::progress::Progress;
use alloy::primitives::B256;
use alloy::rpc::types::Filter;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{LicenseId, SealedRoot};
use oml_prover::delivery::{CopyToSeal, seal_copy};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A sealed copy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedDelivery {
    /// License that it is for.
    pub license_id: LicenseId,
    /// Where it is.
    pub dir: PathBuf,
    /// What the host accepts.
    pub sealed_root: SealedRoot,
    /// Bytes of the sealed file.
    pub bytes: u64,
    /// How many chunks of 1 MiB it consists of.
    pub chunks: u64,
}

/// Seals the copy in `copy` into `out`, for the key that the host named when it bought.
///
/// # Errors
/// The license waits for no copy, `out` holds a sealed copy, a file can't be read or written.
pub async fn seal(
    chain: &Chain,
    license: &LicenseFile,
    copy: &Path,
    out: &Path,
    progress: &dyn Progress,
) -> Result<SealedDelivery> {
    let id = license.license_id;
    let kept = license::kept(chain, id).await?;
    if !kept.awaits_copy() {
        return Err(fail(
            format!("license {id} is {}: it waits for no copy", kept.status()),
            "a copy is sealed once the license's seed is drawn, and before the host has accepted",
            FailureKind::Failed,
        ));
    }
    let host_key = host_key(chain, id).await?;
    let bar = progress.bar(size_of(copy), "sealing");
    let order = CopyToSeal { license: id, copy, host_key, out };
    let mut read = 0;
    let made = seal_copy(&order, &mut |bytes| {
        read += bytes;
        bar.at(read);
    });
    bar.finish();
    let manifest = super::sealed(made, out)?;
    Ok(SealedDelivery {
        license_id: id,
        dir: out.to_owned(),
        sealed_root: manifest.root(),
        bytes: manifest.sealed_length(),
        chunks: manifest.chunks(),
    })
}

/// The key to which a license's copy is sealed, as its host put it on chain.
async fn host_key(chain: &Chain, license: LicenseId) -> Result<[u8; 32]> {
    let filter = Filter::new().address(chain.registry()).topic1(B256::from(license));
    let found =
        chain.events::<LicenseRegistry::LicenseAcquired>("purchase of the license", filter).await?;
    found.first().map(|(event, _)| event.encryptionKey.0).ok_or_else(|| {
        fail(
            format!("the endpoint has no record of the purchase of license {license}"),
            "ask an endpoint that keeps the chain's logs (--rpc-url)",
            FailureKind::Network,
        )
    })
}

/// Bytes of all files under a folder, for the bar.
fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match std::fs::metadata(entry.path()) {
            Ok(kind) if kind.is_dir() => size_of(&entry.path()),
            Ok(kind) => kind.len(),
            Err(_) => 0,
        })
        .sum()
}
