//! A license's serving keys on chain: which there are, and naming the next.

use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files::{self, LicenseFile};
use crate::signer::SigningAccount;
use alloy::primitives::U256;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{EthAddress, LicenseId, ServingKey, ServingKeys};
use oml_node::signing::key_file_name;
use serde::Serialize;
use std::path::PathBuf;

/// One serving key as the registry keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyStanding {
    /// Its epoch, from 0.
    pub key_epoch: u32,
    /// Account of the key.
    pub signer: EthAddress,
    /// `current`, `retired` or `revoked`.
    pub state: &'static str,
    /// When it was named, Unix seconds.
    pub from: u64,
    /// Receipts dated later are not this key's, Unix seconds; none for the current key.
    pub until: Option<u64>,
    /// Until when proofs by it are admissible, Unix seconds; none if for ever.
    pub proofs_until: Option<u64>,
}

/// All serving keys of a license.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeysStanding {
    /// Id of the license, as the contracts compute it.
    pub license_id: LicenseId,
    /// The place of a key is its epoch.
    pub keys: Vec<KeyStanding>,
}

/// The key that a rotation names.
#[derive(Clone, Debug)]
pub enum NextKey {
    /// One that is elsewhere.
    Account(EthAddress),
    /// A new one, whose file is written into this key directory before it is named.
    New(PathBuf),
}

/// What naming the next key has done.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RotatedKey {
    /// Id of the license, as the contracts compute it.
    pub license_id: LicenseId,
    /// Epoch of the new key.
    pub key_epoch: u32,
    /// Account of the new key.
    pub signer: EthAddress,
    /// Where the new key is, if it was made.
    pub file: Option<PathBuf>,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

/// What declaring a key stolen has done.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokedKey {
    /// Id of the license, as the contracts compute it.
    pub license_id: LicenseId,
    /// Epoch of the revoked key.
    pub key_epoch: u32,
    /// Whether the license is without a key now.
    pub needs_rotation: bool,
    /// Until when proofs by it are admissible, Unix seconds; none for a dry run.
    pub proofs_until: Option<u64>,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

/// All keys that a license ever had.
///
/// # Errors
/// Network failure.
pub async fn serving_keys(chain: &Chain, license: LicenseId) -> Result<ServingKeys> {
    let call = LicenseRegistry::servingKeysCall { licenseId: license.into() };
    Ok(chain.read(chain.registry(), call).await?.into())
}

/// The keys of a license with what they are still good for.
///
/// # Errors
/// Network failure.
pub async fn keys(chain: &Chain, license: &LicenseFile) -> Result<KeysStanding> {
    let license_id = license.license_id;
    let keys = serving_keys(chain, license_id).await?;
    let settlement = license.terms.settlement_period;
    let keys = keys.iter().map(|(epoch, key)| standing(epoch, key, settlement)).collect();
    Ok(KeysStanding { license_id, keys })
}

fn standing(key_epoch: u32, key: &ServingKey, settlement_period: u64) -> KeyStanding {
    let state = match (key.revoked, key.until) {
        (true, _) => "revoked",
        (false, Some(_)) => "retired",
        (false, None) => "current",
    };
    KeyStanding {
        key_epoch,
        signer: key.signer,
        state,
        from: key.from,
        until: key.until,
        proofs_until: key.admissible_until(settlement_period),
    }
}

/// Names the license's next serving key. A new key is on disk before the chain knows it, so a crash
/// in between leaves a file that nobody needs, never a license without its key.
///
/// # Errors
/// No signer, network failure, a key file that can't be written, a refusal of the contract.
pub async fn rotate(chain: &Chain, license: &LicenseFile, next: &NextKey) -> Result<RotatedKey> {
    let license_id = license.license_id;
    let known = serving_keys(chain, license_id).await?;
    let (signer, file) = match next {
        NextKey::Account(signer) => (*signer, None),
        NextKey::New(folder) => {
            let account = SigningAccount::random();
            let file = folder.join(key_file_name(account.address()));
            if !chain.is_dry_run() {
                files::write_secret(&file, account.private_key().as_bytes())?;
            }
            (account.address(), Some(file))
        }
    };
    if let Some((epoch, _)) = known.iter().find(|(_, key)| key.signer == signer && key.revoked) {
        return Err(fail(
            format!("{signer} is the key of epoch {epoch}, which is revoked: others may have it"),
            "name another key; --key-dir makes a new one",
            FailureKind::Failed,
        ));
    }
    let call =
        LicenseRegistry::rotateServingKeyCall { r#ref: license.sol_ref()?, next: signer.into() };
    let sent = chain.send("rotate serving key", chain.registry(), call, U256::ZERO).await?;
    let epoch = sent.event::<LicenseRegistry::ServingKeyRotated>().map(|log| log.keyEpoch);
    let expected = u32::try_from(known.iter().len()).unwrap_or(u32::MAX);
    Ok(RotatedKey {
        license_id,
        key_epoch: epoch.unwrap_or(expected),
        signer,
        file: file.filter(|_| !chain.is_dry_run()),
        transactions: vec![sent.record],
    })
}

/// Declares a key stolen.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn revoke(chain: &Chain, license: &LicenseFile, epoch: u32) -> Result<RevokedKey> {
    let license_id = license.license_id;
    let call = LicenseRegistry::revokeServingKeyCall { r#ref: license.sol_ref()?, keyEpoch: epoch };
    let sent = chain.send("revoke serving key", chain.registry(), call, U256::ZERO).await?;
    let known = serving_keys(chain, license_id).await?;
    let settlement = license.terms.settlement_period;
    let newest = known.iter().next_back().is_some_and(|(newest, _)| newest == epoch);
    Ok(RevokedKey {
        license_id,
        key_epoch: epoch,
        needs_rotation: newest,
        proofs_until: known.of(epoch).and_then(|key| key.admissible_until(settlement)),
        transactions: vec![sent.record],
    })
}
