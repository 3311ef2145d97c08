//! Reports: commit first, so that nobody can copy the report; then open the case with the bond.

use crate::case::config;
use crate::chain::{Chain, Sent, TxRecord, rpc_failure};
use crate::commitment::{ReportCommitment, after_commitment};
use crate::deployment;
use crate::error::Result;
use crate::files::{self, LicenseFile, ReportFile};
use alloy::primitives::{B256, U256};
use alloy::providers::Provider as _;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::{ChallengeManager, LicenseRef};
use oml_contracts::{Amount, CaseId, hash};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What is reported.
#[derive(Clone, Debug)]
pub struct ReportDeployment {
    /// License of the accused.
    pub license: LicenseFile,
    /// Base URL of the deployment, as its host registered it.
    pub uri: String,
    /// What the report accuses the deployment of.
    pub kind: ReportKind,
    /// Where the report is kept, so that an interrupted one can go on: its salt is written there
    /// before anything is sent.
    pub keep: PathBuf,
}

/// What a report accuses a deployment of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// It is registered, and serves without being paid.
    UnpaidUse,
    /// It is not registered, and serves the license's copy.
    Leak,
}

/// An opened case.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedCase {
    /// The case; none for a dry run.
    pub case_id: Option<CaseId>,
    /// What was sent, approvals included; nothing if the report had opened its case before.
    pub transactions: Vec<TxRecord>,
}

/// Commits, waits, and opens a case. Goes on where an earlier call with the same `keep` was
/// interrupted.
///
/// # Errors
/// No signer, network failure, a refusal of the contract, a `keep` that is about something else.
pub async fn open(chain: &Chain, order: &ReportDeployment) -> Result<OpenedCase> {
    let mut report = begin(chain, order).await?;
    let keep = order.keep.as_path();
    if let Some(case_id) = opened_before(chain, &report).await? {
        report.case_id = Some(case_id);
        files::save(keep, &report)?;
        return Ok(OpenedCase { case_id: Some(case_id), transactions: Vec::new() });
    }
    if !chain.is_dry_run() {
        files::save(keep, &report)?;
    }
    let claim = hash::case_claim(report.license_id, report.deployment_hash);
    let commitment = ReportCommitment::new(chain, claim, report.salt)?;
    let opening = Opening::new(chain, order, &report).await?;
    let currency = order.license.terms.currency;
    let approval = chain.approve(currency, chain.challenges(), opening.stake).await?;
    let approved = approval.is_none() || !chain.is_dry_run();
    let mut transactions: Vec<_> = approval.into_iter().collect();
    if commitment.made_at(chain).await?.is_none() {
        // Without the allowance the rehearsal would fail on it alone.
        let rehearsed = if approved { opening.rehearse(chain, &commitment).await? } else { None };
        transactions.extend(commitment.make(chain).await?);
        if chain.is_dry_run() {
            transactions.extend(rehearsed);
            return Ok(OpenedCase { case_id: None, transactions });
        }
    }
    if !chain.is_dry_run() {
        commitment.mature(chain).await?;
    }
    let sent = after_commitment(opening.send(chain).await)?;
    let case_id = sent.event::<ChallengeManager::CaseOpened>().map(|log| log.caseId.into());
    transactions.push(sent.record);
    if !chain.is_dry_run() {
        report.case_id = case_id;
        files::save(keep, &report)?;
    }
    Ok(OpenedCase { case_id, transactions })
}

/// The unfinished report in `keep`, or a new one.
async fn begin(chain: &Chain, order: &ReportDeployment) -> Result<ReportFile> {
    let deployment_hash = deployment::hash(&order.uri);
    let (license_id, keep) = (order.license.license_id, order.keep.as_path());
    match unfinished(chain, keep).await? {
        Some(report) => report.require(license_id, deployment_hash, keep),
        None => {
            let head = chain.rpc().block_number().await?;
            Ok(ReportFile::begin(license_id, deployment_hash, head))
        }
    }
}

/// The call that uses the commitment.
struct Opening {
    license: LicenseRef,
    uri: String,
    kind: ReportKind,
    salt: B256,
    stake: Amount,
    value: U256,
}

impl Opening {
    async fn new(chain: &Chain, order: &ReportDeployment, report: &ReportFile) -> Result<Self> {
        let terms = &order.license.terms;
        let members = u128::from(config(chain).await?.committeeSize);
        let stake = Amount::new(terms.report_bond.get() + terms.prover_fee.get() * members);
        Ok(Self {
            license: order.license.sol_ref()?,
            uri: order.uri.clone(),
            kind: order.kind,
            salt: report.salt.into(),
            stake,
            value: chain.native_value(terms.currency, stake),
        })
    }

    fn leak_call(&self) -> ChallengeManager::openLeakCaseCall {
        let (r#ref, uri, salt) = (self.license.clone(), self.uri.clone(), self.salt);
        ChallengeManager::openLeakCaseCall { r#ref, uri, salt }
    }

    fn call(&self) -> ChallengeManager::openCaseCall {
        let deployment = deployment::hash(&self.uri).into();
        let (r#ref, salt) = (self.license.clone(), self.salt);
        ChallengeManager::openCaseCall { r#ref, deploymentHash: deployment, salt }
    }

    async fn rehearse(&self, chain: &Chain, by: &ReportCommitment) -> Result<Option<TxRecord>> {
        match self.kind {
            ReportKind::Leak => {
                by.rehearse(chain, "open leak case", &self.leak_call(), self.value).await
            }
            ReportKind::UnpaidUse => {
                by.rehearse(chain, "open case", &self.call(), self.value).await
            }
        }
    }

    async fn send(&self, chain: &Chain) -> Result<Sent> {
        let to = chain.challenges();
        match self.kind {
            ReportKind::Leak => {
                chain.send("open leak case", to, self.leak_call(), self.value).await
            }
            ReportKind::UnpaidUse => chain.send("open case", to, self.call(), self.value).await,
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
    let committed =
        ReportCommitment::new(chain, claim, report.salt)?.made_at(chain).await?.is_some();
    let open = committed || opened_before(chain, &report).await?.is_some();
    Ok(open.then_some(report))
}

/// The case that this report has opened; an interrupted call may not have written it down.
async fn opened_before(chain: &Chain, report: &ReportFile) -> Result<Option<CaseId>> {
    // Some endpoints refuse to look at blocks to come.
    if chain.rpc().block_number().await? < report.since {
        return Ok(None);
    }
    let filter = Filter::new()
        .address(chain.challenges())
        .event_signature(ChallengeManager::CaseOpened::SIGNATURE_HASH)
        .topic2(B256::from(report.license_id))
        .topic3(B256::left_padding_from(chain.sender()?.as_slice()))
        .from_block(report.since);
    let logs = chain.provider().get_logs(&filter).await;
    let logs = logs.map_err(|e| rpc_failure("cases of the report", &e))?;
    let cases =
        logs.iter().filter_map(|log| ChallengeManager::CaseOpened::decode_log(&log.inner).ok());
    let deployment = B256::from(report.deployment_hash);
    Ok(cases.into_iter().find(|log| log.deploymentHash == deployment).map(|log| log.caseId.into()))
}
