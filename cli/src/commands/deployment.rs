//! `oml deployment`: services that a host declares under its license.

use crate::Global;
use crate::chain::{Chain, TxRecord, rpc_failure};
use crate::contracts::{ChallengeManager, LicenseRegistry};
use crate::files::LicenseFile;
use crate::output::table;
use alloy::primitives::{B256, U256, keccak256};
use alloy::providers::Provider as _;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent;
use clap::Subcommand;
use eyre::Result;
use oml_contracts::{CaseId, DeploymentHash, LicenseId, ModelId};
use serde::Serialize;
use std::path::PathBuf;

/// Verbs of `oml deployment`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Declare a running service
    Register {
        /// License file, as `oml license acquire` writes it
        #[arg(long, value_name = "FILE")]
        license: PathBuf,
        /// Base URL of its OpenAI-compatible API
        #[arg(long)]
        uri: String,
    },
    /// Withdraw the declaration; a case can still name it for the thaw period
    Retire {
        /// License file
        #[arg(long, value_name = "FILE")]
        license: PathBuf,
        /// Base URL as registered
        #[arg(long)]
        uri: String,
    },
    /// Deployments that cases found to serve copies of a model without being registered
    Flags {
        /// The model; all models if not given
        #[arg(long)]
        model_id: Option<ModelId>,
    },
    /// Until when a case may name a deployment, and whether it was found unregistered
    Show {
        /// License file
        #[arg(long, value_name = "FILE")]
        license: PathBuf,
        /// Base URL as registered
        #[arg(long)]
        uri: String,
    },
}

/// A declared or withdrawn deployment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Declared {
    /// `keccak(uri)`.
    pub(crate) deployment_hash: DeploymentHash,
    /// The transaction.
    pub(crate) transaction: TxRecord,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    let declared = match verb {
        Verb::Register { license, uri } => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            register(&chain, &LicenseFile::load(&license)?, &uri).await?
        }
        Verb::Retire { license, uri } => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            retire(&chain, &LicenseFile::load(&license)?, &uri).await?
        }
        Verb::Flags { model_id } => return list_flags(model_id, global).await,
        Verb::Show { license, uri } => {
            return show(&LicenseFile::load(&license)?, &uri, global).await;
        }
    };
    output.result(&declared, &declared.deployment_hash.to_string(), || {
        format!("deployment {}\n{}", declared.deployment_hash, declared.transaction.line())
    });
    Ok(())
}

/// Declares `uri` under the license.
pub(crate) async fn register(chain: &Chain, license: &LicenseFile, uri: &str) -> Result<Declared> {
    let call =
        LicenseRegistry::registerDeploymentCall { r#ref: license.sol_ref()?, uri: uri.to_owned() };
    let sent = chain.send("register deployment", chain.registry(), call, U256::ZERO).await?;
    Ok(Declared { deployment_hash: hash(uri), transaction: sent.record })
}

async fn retire(chain: &Chain, license: &LicenseFile, uri: &str) -> Result<Declared> {
    let call =
        LicenseRegistry::retireDeploymentCall { r#ref: license.sol_ref()?, uri: uri.to_owned() };
    let sent = chain.send("retire deployment", chain.registry(), call, U256::ZERO).await?;
    Ok(Declared { deployment_hash: hash(uri), transaction: sent.record })
}

/// `keccak(uri)`.
pub(crate) fn hash(uri: &str) -> DeploymentHash {
    keccak256(uri.as_bytes()).into()
}

async fn show(license: &LicenseFile, uri: &str, global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let call = LicenseRegistry::deploymentLiableUntilCall {
        licenseId: license.license_id.into(),
        deploymentHash: hash(uri).into(),
    };
    let until: u64 = chain.read(chain.registry(), call).await?.to();
    let now = chain.now().await?;
    let state = match until {
        0 => "never registered",
        until if until < now => "no longer liable",
        _ => "liable",
    };
    let call = ChallengeManager::flagOfCall { deploymentHash: hash(uri).into() };
    let flag = chain.read(chain.challenges(), call).await?;
    let flag = (!flag.is_zero()).then(|| CaseId::from(flag));
    let data = serde_json::json!({
        "deploymentHash": hash(uri), "liableUntil": until, "state": state, "flaggedBy": flag,
    });
    global.output().result(&data, state, || match flag {
        Some(case) => {
            format!("{state}; case {case} found it to serve a license's copy unregistered")
        }
        None => state.to_owned(),
    });
    Ok(())
}

/// A deployment that a case found to serve a license's copy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Flag {
    deployment_hash: DeploymentHash,
    uri: Option<String>,
    license_id: LicenseId,
    model_id: ModelId,
    case_id: CaseId,
    block: Option<u64>,
}

async fn list_flags(model: Option<ModelId>, global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let all = Filter::new().address(chain.challenges());
    let mut flags = Vec::new();
    for (flag, block) in logs::<ChallengeManager::DeploymentFlagged>(&chain, all).await? {
        let Some(model_id) = model_of(&chain, flag.licenseId).await? else { continue };
        if model.is_some_and(|wanted| wanted != model_id) {
            continue;
        }
        let of_case = Filter::new().address(chain.challenges()).topic1(flag.caseId);
        let accused = logs::<ChallengeManager::DeploymentAccused>(&chain, of_case).await?;
        flags.push(Flag {
            deployment_hash: flag.deploymentHash.into(),
            uri: accused.into_iter().next().map(|(accused, _)| accused.uri),
            license_id: flag.licenseId.into(),
            model_id,
            case_id: flag.caseId.into(),
            block,
        });
    }
    let rows = || {
        flags.iter().map(|flag| {
            let name = flag.uri.clone().unwrap_or_else(|| flag.deployment_hash.to_string());
            [name, flag.license_id.to_string(), flag.case_id.to_string()]
        })
    };
    global.output().result(&flags, &flags.len().to_string(), || {
        table(["deployment", "copy of license", "case"], rows())
    });
    Ok(())
}

/// The model that a license is for, by the offer under which it was bought.
async fn model_of(chain: &Chain, license: B256) -> Result<Option<ModelId>> {
    let registry = || Filter::new().address(chain.registry());
    let bought =
        logs::<LicenseRegistry::LicenseAcquired>(chain, registry().topic1(license)).await?;
    let Some((bought, _)) = bought.into_iter().next() else { return Ok(None) };
    let offer = registry().topic1(bought.offerId);
    let published = logs::<LicenseRegistry::OfferPublished>(chain, offer).await?;
    Ok(published.into_iter().next().map(|(offer, _)| offer.modelId.into()))
}

/// Events of one kind since the contracts' deployment, with their blocks.
async fn logs<E: SolEvent>(chain: &Chain, filter: Filter) -> Result<Vec<(E, Option<u64>)>> {
    let filter =
        filter.event_signature(E::SIGNATURE_HASH).from_block(chain.addresses.deployed_at_block);
    let logs = chain.provider.get_logs(&filter).await;
    let logs = logs.map_err(|e| rpc_failure(E::SIGNATURE, &e))?;
    let decoded = logs.iter().map(|log| Ok((E::decode_log(&log.inner)?.data, log.block_number)));
    decoded.collect()
}
