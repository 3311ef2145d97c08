//! Services that a host declares under its license, and those that rounds found undeclared.

use crate::bought;
use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use alloy::primitives::{B256, U256, keccak256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::{LicenseRegistry, Rounds};
use oml_contracts::{DeploymentHash, LicenseId, ModelId, RoundId};
use serde::Serialize;

/// State of a deployment about which rounds can be opened.
const LIABLE: &str = "liable";

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
    /// Since when its host answers for it, Unix seconds; none if it was never registered.
    pub registered_at: Option<u64>,
    /// Until when a round about it may be opened, Unix seconds; zero if it was never registered.
    pub liable_until: u64,
    /// The same in words, at the time of the newest block.
    pub state: &'static str,
    /// The round that found it to serve a license's copy without being registered.
    pub flagged_by: Option<RoundId>,
}

/// A deployment that a round found to serve a license's copy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentFlag {
    /// `keccak(uri)`, by which the contracts name it.
    pub deployment_hash: DeploymentHash,
    /// The license whose copy it serves.
    pub license_id: LicenseId,
    /// The model of that license.
    pub model_id: ModelId,
    /// The round that found it.
    pub round_id: RoundId,
    /// Block of the round's opening.
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
    check_uri(uri)?;
    let call =
        LicenseRegistry::registerDeploymentCall { r#ref: license.sol_ref()?, uri: uri.to_owned() };
    let sent = chain.send("register deployment", chain.registry(), call, U256::ZERO).await?;
    Ok(ChangedDeployment { deployment_hash: hash(uri), transaction: sent.record })
}

/// Withdraws the declaration; a round about it can still be opened for the thaw period.
///
/// # Errors
/// As [`register`].
pub async fn retire(chain: &Chain, license: &LicenseFile, uri: &str) -> Result<ChangedDeployment> {
    let call =
        LicenseRegistry::retireDeploymentCall { r#ref: license.sol_ref()?, uri: uri.to_owned() };
    let sent = chain.send("retire deployment", chain.registry(), call, U256::ZERO).await?;
    Ok(ChangedDeployment { deployment_hash: hash(uri), transaction: sent.record })
}

/// Refuses what is no base URL. The contracts know a deployment by the exact text, so one place
/// has one spelling: without a slash at its end.
fn check_uri(uri: &str) -> Result<()> {
    let bad = |why: &str, hint: String| {
        Err(fail(format!("--uri {uri:?} {why}"), hint, FailureKind::Failed))
    };
    let example = || "give the base URL of its API, e.g. https://models.example/v1".to_owned();
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        return bad("is no http or https URL", example());
    };
    if rest.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '@')) {
        return bad("has a part that no base URL has", example());
    }
    if uri.ends_with('/') {
        return bad("ends with a slash", format!("write {}", uri.trim_end_matches('/')));
    }
    Ok(())
}

/// Base URLs that are registered under a license now.
///
/// # Errors
/// Network failure.
pub async fn registered(chain: &Chain, license: &LicenseFile) -> Result<Vec<String>> {
    let of_license = B256::from(license.license_id);
    let filter = Filter::new().address(chain.registry()).topic1(of_license);
    let what = LicenseRegistry::DeploymentRegistered::SIGNATURE;
    let mut uris: Vec<String> = Vec::new();
    for (event, _) in chain.events::<LicenseRegistry::DeploymentRegistered>(what, filter).await? {
        let liable = standing(chain, license, &event.uri).await?.state == LIABLE;
        if liable && !uris.contains(&event.uri) {
            uris.push(event.uri);
        }
    }
    Ok(uris)
}

/// Refuses a place that is not registered under a license, and names those that are.
///
/// # Errors
/// It is not registered, or network failure.
pub(crate) async fn require_registered(
    chain: &Chain,
    license: &LicenseFile,
    uri: &str,
) -> Result<()> {
    if standing(chain, license, uri).await?.registered_at.is_some() {
        return Ok(());
    }
    let known = registered(chain, license).await?;
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(fail(
        format!("{uri} is not registered under license {}", license.license_id),
        format!("registered are: {known}; a round about any other place is sealed with --leak"),
        FailureKind::Failed,
    ))
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
    let call = LicenseRegistry::deploymentCall {
        licenseId: license.license_id.into(),
        deploymentHash: deployment_hash.into(),
    };
    let kept = chain.read(chain.registry(), call).await?;
    let (registered_at, liable_until): (u64, u64) = (kept.registeredAt.to(), kept.liableUntil.to());
    let now = chain.rpc().now().await?;
    let state = match liable_until {
        0 => "never registered",
        until if until < now => "no longer liable",
        _ => LIABLE,
    };
    let call = Rounds::flagOfCall { deploymentHash: deployment_hash.into() };
    let flag = chain.read(chain.rounds(), call).await?;
    Ok(DeploymentStanding {
        deployment_hash,
        registered_at: (registered_at != 0).then_some(registered_at),
        liable_until,
        state,
        flagged_by: (!flag.is_zero()).then(|| flag.into()),
    })
}

/// Deployments that rounds found to serve copies without being registered, of one model or of all.
///
/// # Errors
/// Network failure.
pub async fn flags(chain: &Chain, model: Option<ModelId>) -> Result<Vec<DeploymentFlag>> {
    let rounds = Filter::new().address(chain.rounds());
    let what = Rounds::DeploymentFlagged::SIGNATURE;
    let mut flags = Vec::new();
    for (flag, log) in chain.events::<Rounds::DeploymentFlagged>(what, rounds).await? {
        let license_id = LicenseId::from(flag.licenseId);
        let Some(license) = bought::find(chain, license_id).await? else { continue };
        let model_id = license.terms.model_id;
        if model.is_some_and(|wanted| wanted != model_id) {
            continue;
        }
        flags.push(DeploymentFlag {
            deployment_hash: flag.deploymentHash.into(),
            license_id,
            model_id,
            round_id: flag.roundId.into(),
            block: log.block_number,
        });
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_a_base_url_with_one_spelling() {
        for good in ["https://models.example/v1", "http://127.0.0.1:9000"] {
            check_uri(good).unwrap();
        }
        let bad =
            ["not a url", "a", "ftp://x", "http://", "http:///v1", "https://u:p@x", "http://x?a"];
        for bad in bad {
            let error = check_uri(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
        let error = check_uri("http://x/v1/").unwrap_err();
        assert_eq!(crate::error::find(&error).0, Some("write http://x/v1"));
    }
}
