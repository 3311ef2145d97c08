//! `oml case`: look at cases, and push them on where anyone may.

use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::{CaseStatus, ChallengeManager};
use crate::error::{Exit, fail};
use crate::files::LicenseFile;
use alloy::primitives::{B256, U256};
use alloy::providers::Provider;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent;
use clap::{Args, Subcommand};
use eyre::Result;
use oml_contracts::CaseId;
use oml_contracts::evidence::Log2;
use oml_contracts::rpc::CaseStory;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Verbs of `oml case`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show a case
    Show {
        /// Case
        case_id: CaseId,
    },
    /// List the cases of this deployment of the contracts
    List,
    /// Draw bundles and committee once the beacon is out; anyone may
    Draw(Push),
    /// End a case whose time has come; anyone may
    Resolve(Push),
    /// Wait until a case is decided and print the verdict
    Watch {
        /// Case
        case_id: CaseId,
        /// Seconds to wait
        #[arg(long, default_value_t = 600)]
        timeout: u64,
    },
}

/// A case and the license file that proves its terms.
#[derive(Args, Clone, Debug)]
pub(crate) struct Push {
    /// Case
    case_id: CaseId,
    /// License file of the accused
    #[arg(long, value_name = "FILE")]
    license: PathBuf,
}

/// How a case ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The case.
    pub case_id: CaseId,
    /// `upheld`, `dismissed` or `void`.
    pub verdict: &'static str,
    /// 2: decided by a blind committee.
    pub evidence_level: u8,
    /// Fingerprints answered with the accused license's answer.
    pub hits: u16,
    /// Fingerprints counted.
    pub queries: u16,
    /// log2 of the e-value.
    pub e_value_log2: f64,
    /// log2 of what it had to reach.
    pub threshold_log2: f64,
    /// Taken from the collateral, smallest units.
    pub slashed: u128,
    /// Of that, the reporter's.
    pub to_reporter: u128,
    /// Of that, the owner's.
    pub to_owner: u128,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Show { case_id } => {
            let chain = Chain::reader(&global.chain).await?;
            let data = describe(&chain, case_id).await?;
            let status = data["status"].as_str().unwrap_or_default().to_owned();
            output.result(&data, &status, || format!("{data:#}"));
        }
        Verb::List => list(global).await?,
        Verb::Draw(push) => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let license = LicenseFile::load(&push.license)?;
            let (_, story) = state(&chain, push.case_id).await?;
            let call = ChallengeManager::drawCaseCall { r#ref: accused(&story, &license)? };
            print(
                &chain.send("draw case", chain.challenges(), call, U256::ZERO).await?.record,
                output,
            );
        }
        Verb::Resolve(push) => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let license = LicenseFile::load(&push.license)?;
            let (_, story) = state(&chain, push.case_id).await?;
            let call = ChallengeManager::resolveCall {
                r#ref: accused(&story, &license)?,
                drawn: (&story.drawn).into(),
                questionsHash: story.questions.into(),
                outcome: (&story.outcome).into(),
            };
            print(
                &chain.send("resolve case", chain.challenges(), call, U256::ZERO).await?.record,
                output,
            );
        }
        Verb::Watch { case_id, timeout } => {
            let chain = Chain::reader(&global.chain).await?;
            let verdict =
                watch(&chain, case_id, Duration::from_secs(timeout), |s| output.progress(s))
                    .await?;
            output.result(&verdict, verdict.verdict, || {
                format!(
                    "{}: {} of {} hits, evidence 2^{:.2}, threshold 2^{:.2}, slashed {}",
                    verdict.verdict,
                    verdict.hits,
                    verdict.queries,
                    verdict.e_value_log2,
                    verdict.threshold_log2,
                    verdict.slashed
                )
            });
        }
    }
    Ok(())
}

fn print(record: &TxRecord, output: crate::output::Output) {
    let hash = record.hash.map(|h| h.to_string()).unwrap_or_default();
    output.result(record, &hash, || record.line());
}

/// A case as the contract keeps it.
pub(crate) async fn kept(chain: &Chain, id: CaseId) -> Result<ChallengeManager::Case> {
    let case =
        chain.read(chain.challenges(), ChallengeManager::caseOfCall { caseId: id.into() }).await?;
    if case.status == CaseStatus::None {
        return Err(fail(
            format!("there is no case {id}"),
            "`oml case list` shows all",
            Exit::Failed,
        ));
    }
    Ok(case)
}

/// A case as the contract keeps it, and what its events announced up to there.
async fn state(chain: &Chain, id: CaseId) -> Result<(ChallengeManager::Case, CaseStory)> {
    let filter = Filter::new()
        .address(chain.challenges())
        .topic1(B256::from(id))
        .from_block(chain.addresses.deployed_at_block);
    // State and events are two reads: a block may come in between, and some nodes index logs a moment later.
    for _ in 0..30 {
        let case = kept(chain, id).await?;
        let logs = chain.provider.get_logs(&filter).await;
        let logs = logs.map_err(|e| crate::chain::rpc_failure("events of the case", &e))?;
        let story = CaseStory::read(logs.iter().map(|log| log.data()))?;
        if let Some(story) = story.and_then(|story| story.at(case.facts.into())) {
            return Ok((case, story));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(fail(
        format!("the events of case {id} are not those that the contract has kept a hash of"),
        "the endpoint must have every log since the contracts' deployment; give another --rpc-url",
        Exit::Network,
    ))
}

/// The case as calls name it, if the license is the accused one.
fn accused(story: &CaseStory, license: &LicenseFile) -> Result<crate::contracts::CaseRef> {
    if story.license_id != license.license_id {
        return Err(fail(
            format!("the case is against license {}, not {}", story.license_id, license.license_id),
            "give the license file of the accused",
            Exit::Failed,
        ));
    }
    Ok(story.case_ref(&license.reference())?)
}

async fn describe(chain: &Chain, id: CaseId) -> Result<serde_json::Value> {
    let (case, story) = state(chain, id).await?;
    let call = ChallengeManager::removedOfCall { caseId: id.into() };
    let removed = chain.read(chain.challenges(), call).await?;
    let count = |bits: &[u8; 32]| bits.iter().map(|byte| byte.count_ones()).sum::<u32>();
    let opening = &story.opening;
    Ok(serde_json::json!({
        "caseId": id, "licenseId": story.license_id, "deploymentHash": opening.deployment,
        "reporter": opening.reporter, "openedAt": opening.opened_at, "leak": opening.leak, "uri": story.uri,
        "cases": opening.cases, "licenses": opening.licenses,
        "status": status_name(&case.status), "deadline": u64::try_from(case.deadline).unwrap_or(u64::MAX),
        "committee": story.drawn.committee, "bundles": story.drawn.bundles, "questions": case.questionCount,
        "commits": case.commits, "reveals": case.reveals,
        "hits": count(&story.outcome.hits), "outside": count(&story.outcome.outside),
        "removed": removed.count_ones(),
    }))
}

async fn list(global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let filter = Filter::new()
        .address(chain.challenges())
        .event_signature(ChallengeManager::CaseOpened::SIGNATURE_HASH)
        .from_block(chain.addresses.deployed_at_block);
    let logs = chain
        .provider
        .get_logs(&filter)
        .await
        .map_err(|e| crate::chain::rpc_failure("case list", &e))?;
    let mut cases = Vec::new();
    for log in logs {
        let opened = ChallengeManager::CaseOpened::decode_log(&log.inner)?;
        cases.push(describe(&chain, opened.caseId.into()).await?);
    }
    let text =
        |case: &serde_json::Value, field: &str| case[field].as_str().unwrap_or_default().to_owned();
    let ids: Vec<String> = cases.iter().map(|c| text(c, "caseId")).collect();
    global.output().result(&cases, &ids.join("\n"), || {
        let rows =
            cases.iter().map(|c| [text(c, "caseId"), text(c, "licenseId"), text(c, "status")]);
        crate::output::table(["case", "license", "status"], rows)
    });
    Ok(())
}

/// Waits until the case is decided, saying each change of status.
pub(crate) async fn watch(
    chain: &Chain,
    id: CaseId,
    within: Duration,
    mut say: impl FnMut(String),
) -> Result<Verdict> {
    let start = std::time::Instant::now();
    let mut last = "";
    loop {
        let case = kept(chain, id).await?;
        let status = status_name(&case.status);
        if status != last {
            say(format!("  case {status}"));
            last = status;
        }
        if matches!(case.status, CaseStatus::Upheld | CaseStatus::Dismissed | CaseStatus::Void) {
            return verdict(chain, id).await;
        }
        if start.elapsed() > within {
            return Err(fail(
                format!("case {id} is still {status} after {} s", within.as_secs()),
                "its deadlines are in `oml case show`; keep watching, or resolve it when they have passed",
                Exit::Timeout,
            ));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// The verdict of a decided case, from its event.
async fn verdict(chain: &Chain, id: CaseId) -> Result<Verdict> {
    let filter = Filter::new()
        .address(chain.challenges())
        .event_signature(ChallengeManager::CaseResolved::SIGNATURE_HASH)
        .topic1(B256::from(id))
        .from_block(chain.addresses.deployed_at_block);
    // Some nodes index logs a moment after they show the state.
    let mut logs = Vec::new();
    for _ in 0..30 {
        logs = chain
            .provider
            .get_logs(&filter)
            .await
            .map_err(|e| crate::chain::rpc_failure("verdict", &e))?;
        if !logs.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let log = logs
        .last()
        .ok_or_else(|| eyre::eyre!("case {id} has ended, but its event can't be found"))?;
    let event = ChallengeManager::CaseResolved::decode_log(&log.inner)?;
    Ok(Verdict {
        case_id: id,
        verdict: status_name(&event.status),
        evidence_level: event.level,
        hits: event.hits,
        queries: event.queries,
        e_value_log2: Log2::new(event.evidenceLog2).to_f64(),
        threshold_log2: Log2::new(event.thresholdLog2).to_f64(),
        slashed: event.slashed,
        to_reporter: event.toReporter,
        to_owner: event.toOwner,
    })
}

/// Name of a status, as in the contract.
pub(crate) const fn status_name(status: &CaseStatus) -> &'static str {
    match status {
        CaseStatus::Opened => "opened",
        CaseStatus::Drawn => "drawn",
        CaseStatus::Committing => "committing",
        CaseStatus::Revealing => "revealing",
        CaseStatus::Opening => "opening",
        CaseStatus::Rebuttal => "rebuttal",
        CaseStatus::Upheld => "upheld",
        CaseStatus::Dismissed => "dismissed",
        CaseStatus::Void => "void",
        _ => "none",
    }
}
