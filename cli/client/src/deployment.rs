//! Services that a host declares under its license, and those that cases found undeclared.

use crate::chain::{Chain, TxRecord};
use crate::error::Result;
use crate::files::LicenseFile;
use alloy::primitives::{B256, U256, keccak256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::{ChallengeManager, LicenseRegistry};
use oml_contracts::{CaseId, DeploymentHash, LicenseId, ModelId};
use serde::Serialize;

/// A deployment after a transaction.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedDeployment {
    /// `keccak(uri)`, by which the contracts name it.
    pub deployment_hash: DeploymentHash,
    /// The transaction that declared or retired it.
    pub transaction: TxRecord,
}

/// Where a deployment stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStanding {
    /// `keccak(uri)`, by which the contracts name it.
    pub deployment_hash: DeploymentHash,
    /// Until when a case may name it, Unix seconds; zero if it was never registered.
    pub liable_until: u64,
    /// The same in words, at the time of the newest block.
    pub state: &'static str,
    /// The case that found it to serve a license's copy without being registered.
    pub flagged_by: Option<CaseId>,
}

/// A deployment that a case found to serve a license's copy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentFlag {
    /// `keccak(uri)`, by which the contracts name it.
    pub deployment_hash: DeploymentHash,
    /// Its base URL, if the case's events tell it.
    pub uri: Option<String>,
    /// The license whose copy it serves.
    pub license_id: LicenseId,
    /// The model of that license.
    pub model_id: ModelId,
    /// The case that found it.
    pub case_id: CaseId,
    /// Block of the verdict.
    pub block: Option<u64>,
}

/// Declares `uri` under the license.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn register(
    chain: &Chain,
    license: &LicenseFile,
    uri: &str,
) -> Result<ChangedDeployment> {
    let call =
        LicenseRegistry::registerDeploymentCall { r#ref: license.sol_ref()?, uri: uri.to_owned() };
    let sent = chain.send("register deployment", chain.registry(), call, U256::ZERO).await?;
    Ok(ChangedDeployment { deployment_hash: hash(uri), transaction: sent.record })
}

/// Withdraws the declaration; a case can still name it for the thaw period.
///
/// # Errors
/// As [`register`].
pub async fn retire(chain: &Chain, license: &LicenseFile, uri: &str) -> Result<ChangedDeployment> {
    let call =
        LicenseRegistry::retireDeploymentCall { r#ref: license.sol_ref()?, uri: uri.to_owned() };
    let sent = chain.send("retire deployment", chain.registry(), call, U256::ZERO).await?;
    Ok(ChangedDeployment { deployment_hash: hash(uri), transaction: sent.record })
}

/// `keccak(uri)`, by which the contracts name a deployment.
#[must_use]
pub fn hash(uri: &str) -> DeploymentHash {
    keccak256(uri.as_bytes()).into()
}

/// Where the deployment at `uri` stands under a license.
///
/// # Errors
/// Network failure.
pub async fn standing(
    chain: &Chain,
    license: &LicenseFile,
    uri: &str,
) -> Result<DeploymentStanding> {
    let deployment_hash = hash(uri);
    let call = LicenseRegistry::deploymentLiableUntilCall {
        licenseId: license.license_id.into(),
        deploymentHash: deployment_hash.into(),
    };
    let liable_until: u64 = chain.read(chain.registry(), call).await?.to();
    let now = chain.rpc().now().await?;
    let state = match liable_until {
        0 => "never registered",
        until if until < now => "no longer liable",
        _ => "liable",
    };
    let call = ChallengeManager::flagOfCall { deploymentHash: deployment_hash.into() };
    let flag = chain.read(chain.challenges(), call).await?;
    let flagged_by = (!flag.is_zero()).then(|| CaseId::from(flag));
    Ok(DeploymentStanding { deployment_hash, liable_until, state, flagged_by })
}

/// Deployments that cases found to serve copies without being registered, of one model or of all.
///
/// # Errors
/// Network failure.
pub async fn flags(chain: &Chain, model: Option<ModelId>) -> Result<Vec<DeploymentFlag>> {
    let cases = || Filter::new().address(chain.challenges());
    let what = ChallengeManager::DeploymentFlagged::SIGNATURE;
    let mut flags = Vec::new();
    for (flag, log) in chain.events::<ChallengeManager::DeploymentFlagged>(what, cases()).await? {
        let Some(model_id) = model_of(chain, flag.licenseId).await? else { continue };
        if model.is_some_and(|wanted| wanted != model_id) {
            continue;
        }
        let what = ChallengeManager::DeploymentAccused::SIGNATURE;
        let of_case = cases().topic1(flag.caseId);
        let accused = chain.events::<ChallengeManager::DeploymentAccused>(what, of_case).await?;
        flags.push(DeploymentFlag {
            deployment_hash: flag.deploymentHash.into(),
            uri: accused.into_iter().next().map(|(accused, _)| accused.uri),
            license_id: flag.licenseId.into(),
            model_id,
            case_id: flag.caseId.into(),
            block: log.block_number,
        });
    }
    Ok(flags)
}

/// The model that a license is for, by the offer under which it was bought.
async fn model_of(chain: &Chain, license: B256) -> Result<Option<ModelId>> {
    let registry = || Filter::new().address(chain.registry());
    let what = LicenseRegistry::LicenseAcquired::SIGNATURE;
    let of_license = registry().topic1(license);
    let bought = chain.events::<LicenseRegistry::LicenseAcquired>(what, of_license).await?;
    let Some((bought, _)) = bought.into_iter().next() else { return Ok(None) };
    let what = LicenseRegistry::OfferPublished::SIGNATURE;
    let of_offer = registry().topic1(bought.offerId);
    let published = chain.events::<LicenseRegistry::OfferPublished>(what, of_offer).await?;
    Ok(published.into_iter().next().map(|(offer, _)| offer.modelId.into()))
}
