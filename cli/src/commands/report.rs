//! `oml report`: commit first, so that nobody can copy the report; then open the case with the bond.

use super::event;
use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::ChallengeManager;
use crate::files::{self, LicenseFile, ReportFile};
use alloy::primitives::{B256, U256};
use clap::Args;
use eyre::Result;
use oml_contracts::ids::ClaimHash;
use oml_contracts::{Amount, CaseId, Salt, hash};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Report a deployment that serves a license's copy without payment.
#[derive(Args, Clone, Debug)]
pub(crate) struct Report {
    /// License file of the accused
    #[arg(long, value_name = "FILE")]
    license: PathBuf,
    /// Base URL of the deployment, as its host registered it
    #[arg(long)]
    uri: String,
    /// The deployment is not registered: show that it serves this license's copy. The verdict flags it; it
    /// slashes only if the terms carry leak liability
    #[arg(long)]
    unregistered: bool,
    /// Where the salt is kept between the two transactions
    #[arg(long, default_value = "report.json", value_name = "FILE")]
    report: PathBuf,
}

/// An opened case.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Opened {
    /// The case; none for a dry run.
    pub(crate) case_id: Option<CaseId>,
    /// What was sent, approvals included.
    pub(crate) transactions: Vec<TxRecord>,
}

/// Runs the command.
pub(crate) async fn run(args: Report, global: &Global) -> Result<()> {
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let license = LicenseFile::load(&args.license)?;
    let opened = open(&chain, &license, &args.uri, Some(&args.report), args.unregistered).await?;
    let id = opened.case_id.map(|id| id.to_string()).unwrap_or_default();
    let lines: Vec<String> = opened.transactions.iter().map(TxRecord::line).collect();
    global.output().result(&opened, &id, || format!("case {id}\n{}", lines.join("\n")));
    Ok(())
}

/// Commits, waits, and opens a case against the registered `uri`. The salt is written to `keep` before anything
/// is sent.
pub(crate) async fn open_case(
    chain: &Chain,
    license: &LicenseFile,
    uri: &str,
    keep: Option<&Path>,
) -> Result<Opened> {
    open(chain, license, uri, keep, false).await
}

async fn open(
    chain: &Chain,
    license: &LicenseFile,
    uri: &str,
    keep: Option<&Path>,
    leak: bool,
) -> Result<Opened> {
    let deployment_hash = super::deployment::hash(uri);
    let salt = files::random_salt();
    if let Some(path) = keep {
        files::save(path, &ReportFile { license_id: license.license_id, deployment_hash, salt })?;
    }
    let claim = hash::case_claim(license.license_id, deployment_hash);
    let mut transactions = vec![commit(chain, claim, salt).await?];
    let config = config(chain).await?;
    let terms = &license.terms;
    let stake = Amount::new(
        terms.report_bond.get() + terms.prover_fee.get() * u128::from(config.committeeSize),
    );
    transactions.extend(chain.approve(terms.currency, chain.challenges(), stake).await?);
    if chain.is_dry_run() {
        return Ok(Opened { case_id: None, transactions });
    }
    let (r#ref, salt, to) = (license.sol_ref()?, salt.into(), chain.challenges());
    let value = chain.native_value(terms.currency, stake);
    let sent = if leak {
        let call = ChallengeManager::openLeakCaseCall { r#ref, uri: uri.to_owned(), salt };
        chain.send("open leak case", to, call, value).await?
    } else {
        let deployment = deployment_hash.into();
        let call = ChallengeManager::openCaseCall { r#ref, deploymentHash: deployment, salt };
        chain.send("open case", to, call, value).await?
    };
    let case_id = event::<ChallengeManager::CaseOpened>(&sent).map(|log| log.caseId.into());
    transactions.push(sent.record);
    Ok(Opened { case_id, transactions })
}

/// Commits to a report and waits until it may be opened.
pub(crate) async fn commit(chain: &Chain, claim: ClaimHash, salt: Salt) -> Result<TxRecord> {
    let commitment = hash::report_commitment(chain.me()?.into(), claim, salt);
    let call = ChallengeManager::commitReportCall { commitment: B256::from(commitment) };
    let sent = chain.send("commit report", chain.challenges(), call, U256::ZERO).await?;
    if chain.is_dry_run() {
        return Ok(sent.record);
    }
    let committed = chain.now().await?;
    let delay: u64 = config(chain).await?.reportDelay.to();
    // The next block's time counts, so one second past the delay in the newest block is enough.
    chain.wait_past(committed + delay).await?;
    Ok(sent.record)
}

/// The fixed parameters of cases.
pub(crate) async fn config(chain: &Chain) -> Result<ChallengeManager::Config> {
    chain.read(chain.challenges(), ChallengeManager::configCall {}).await
}
