//! `oml report`: commit first, so that nobody can copy the report; then open the case with the bond.

use super::commitment::{Commitment, after_commitment};
use super::event;
use crate::Global;
use crate::chain::{Chain, Sent, TxRecord, rpc_failure};
use crate::contracts::{ChallengeManager, LicenseRef};
use crate::files::{self, LicenseFile, ReportFile};
use alloy::primitives::{B256, U256};
use alloy::providers::Provider as _;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use clap::Args;
use eyre::Result;
use oml_contracts::{Amount, CaseId, Salt, hash};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Report a deployment that serves a license's copy without payment.
///
/// An interrupted report is gone on with by the same command: its commitment is found by --report.
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
    /// Where the report is kept: its salt, and the case that came of it
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
    let opened = open(&chain, &license, &args.uri, &args.report, args.unregistered).await?;
    let id = opened.case_id.map(|id| id.to_string()).unwrap_or_default();
    if opened.case_id.is_some() && opened.transactions.is_empty() {
        global.output().progress("the report had opened its case already; nothing was sent");
    }
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
    keep: &Path,
) -> Result<Opened> {
    open(chain, license, uri, keep, false).await
}

/// Goes on where an earlier call with the same `keep` was interrupted.
async fn open(
    chain: &Chain,
    license: &LicenseFile,
    uri: &str,
    keep: &Path,
    leak: bool,
) -> Result<Opened> {
    let deployment_hash = super::deployment::hash(uri);
    let claim = hash::case_claim(license.license_id, deployment_hash);
    let mut report = match unfinished(chain, keep).await? {
        Some(report) => report.require(license.license_id, deployment_hash, keep)?,
        None => ReportFile::begin(license.license_id, deployment_hash, chain.block_number().await?),
    };
    if let Some(case_id) = opened_before(chain, &report).await? {
        report.case_id = Some(case_id);
        files::save(keep, &report)?;
        return Ok(Opened { case_id: Some(case_id), transactions: Vec::new() });
    }
    if !chain.is_dry_run() {
        files::save(keep, &report)?;
    }
    let commitment = Commitment::new(chain, claim, report.salt)?;
    let opening = Opening::new(chain, license, uri, leak, report.salt).await?;
    let terms = &license.terms;
    let approval = chain.approve(terms.currency, chain.challenges(), opening.stake).await?;
    let approved = approval.is_none() || !chain.is_dry_run();
    let mut transactions: Vec<_> = approval.into_iter().collect();
    if commitment.made_at(chain).await?.is_none() {
        // Without the allowance the rehearsal would fail on it alone.
        let rehearsed = if approved { opening.rehearse(chain, &commitment).await? } else { None };
        transactions.extend(commitment.make(chain).await?);
        if chain.is_dry_run() {
            transactions.extend(rehearsed);
            return Ok(Opened { case_id: None, transactions });
        }
    }
    if !chain.is_dry_run() {
        commitment.mature(chain).await?;
    }
    let sent = after_commitment(opening.send(chain).await)?;
    let case_id = event::<ChallengeManager::CaseOpened>(&sent).map(|log| log.caseId.into());
    transactions.push(sent.record);
    if !chain.is_dry_run() {
        report.case_id = case_id;
        files::save(keep, &report)?;
    }
    Ok(Opened { case_id, transactions })
}

/// The call that uses the commitment.
struct Opening {
    license: LicenseRef,
    uri: String,
    leak: bool,
    salt: B256,
    stake: Amount,
    value: U256,
}

impl Opening {
    async fn new(
        chain: &Chain,
        license: &LicenseFile,
        uri: &str,
        leak: bool,
        salt: Salt,
    ) -> Result<Self> {
        let terms = &license.terms;
        let members = u128::from(config(chain).await?.committeeSize);
        let stake = Amount::new(terms.report_bond.get() + terms.prover_fee.get() * members);
        Ok(Self {
            license: license.sol_ref()?,
            uri: uri.to_owned(),
            leak,
            salt: salt.into(),
            stake,
            value: chain.native_value(terms.currency, stake),
        })
    }

    fn leak_call(&self) -> ChallengeManager::openLeakCaseCall {
        let (r#ref, uri, salt) = (self.license.clone(), self.uri.clone(), self.salt);
        ChallengeManager::openLeakCaseCall { r#ref, uri, salt }
    }

    fn call(&self) -> ChallengeManager::openCaseCall {
        let deployment = super::deployment::hash(&self.uri).into();
        let (r#ref, salt) = (self.license.clone(), self.salt);
        ChallengeManager::openCaseCall { r#ref, deploymentHash: deployment, salt }
    }

    async fn rehearse(&self, chain: &Chain, by: &Commitment) -> Result<Option<TxRecord>> {
        if self.leak {
            by.rehearse(chain, "open leak case", &self.leak_call(), self.value).await
        } else {
            by.rehearse(chain, "open case", &self.call(), self.value).await
        }
    }

    async fn send(&self, chain: &Chain) -> Result<Sent> {
        if self.leak {
            chain.send("open leak case", chain.challenges(), self.leak_call(), self.value).await
        } else {
            chain.send("open case", chain.challenges(), self.call(), self.value).await
        }
    }
}

/// The report in `keep`, if it was begun and no case is known to have come of it.
async fn unfinished(chain: &Chain, keep: &Path) -> Result<Option<ReportFile>> {
    if !keep.exists() {
        return Ok(None);
    }
    let report = ReportFile::load(keep)?;
    if report.case_id.is_some() {
        return Ok(None);
    }
    // Begun, but nothing was sent and nothing came of it: there is nothing to go on from.
    let claim = hash::case_claim(report.license_id, report.deployment_hash);
    let committed = Commitment::new(chain, claim, report.salt)?.made_at(chain).await?.is_some();
    let open = committed || opened_before(chain, &report).await?.is_some();
    Ok(open.then_some(report))
}

/// The case that this report has opened; an interrupted call may not have written it down.
async fn opened_before(chain: &Chain, report: &ReportFile) -> Result<Option<CaseId>> {
    // Some endpoints refuse to look at blocks to come.
    if chain.block_number().await? < report.since {
        return Ok(None);
    }
    let filter = Filter::new()
        .address(chain.challenges())
        .event_signature(ChallengeManager::CaseOpened::SIGNATURE_HASH)
        .topic2(B256::from(report.license_id))
        .topic3(B256::left_padding_from(chain.me()?.as_slice()))
        .from_block(report.since);
    let logs = chain.provider.get_logs(&filter).await;
    let logs = logs.map_err(|e| rpc_failure("cases of the report", &e))?;
    let cases =
        logs.iter().filter_map(|log| ChallengeManager::CaseOpened::decode_log(&log.inner).ok());
    let deployment = B256::from(report.deployment_hash);
    Ok(cases.into_iter().find(|log| log.deploymentHash == deployment).map(|log| log.caseId.into()))
}

/// The fixed parameters of cases.
pub(crate) async fn config(chain: &Chain) -> Result<ChallengeManager::Config> {
    chain.read(chain.challenges(), ChallengeManager::configCall {}).await
}
