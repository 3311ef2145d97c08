//! `oml deployment`: services that a host declares under its license.

use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::{ChallengeManager, LicenseRegistry};
use crate::files::LicenseFile;
use alloy::primitives::{U256, keccak256};
use clap::Subcommand;
use eyre::Result;
use oml_contracts::{CaseId, DeploymentHash};
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
