//! Cases: shown, listed, pushed on where anyone may, and watched until they are decided.

use crate::beacon::{Patience, bring};
use crate::chain::{Chain, TxRecord, rpc_failure};
use crate::error::{ClientError, FailureKind, Result, fail};
use crate::files::LicenseFile;
use alloy::primitives::{B256, U256};
use alloy::providers::Provider as _;
use alloy::rpc::types::Filter;
use oml_contracts::evidence::Log2;
use oml_contracts::rpc::CaseStory;
use oml_contracts::rpc::abi::{CaseRef, CaseStatus, ChallengeManager};
use oml_contracts::{CaseId, EthAddress};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How a case ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseVerdict {
    /// The case that ended.
    pub case_id: CaseId,
    /// `upheld`, `dismissed` or `void`.
    pub verdict: &'static str,
    /// 2: decided by a blind committee.
    pub evidence_level: u8,
    /// Fingerprints answered with the accused license's answer.
    pub hits: u16,
    /// Fingerprints that were counted.
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

/// How far a case is.
#[derive(Clone, Copy, Debug)]
pub struct CaseProgress {
    /// Its status in the contract's words.
    pub status: &'static str,
    /// Whether it is decided.
    pub ended: bool,
    /// Committee members who have revealed.
    pub reveals: u8,
}

/// How far a case is.
///
/// # Errors
/// Network failure, no such case.
pub async fn progress(chain: &Chain, id: CaseId) -> Result<CaseProgress> {
    let case = kept(chain, id).await?;
    let ended =
        matches!(case.status, CaseStatus::Upheld | CaseStatus::Dismissed | CaseStatus::Void);
    Ok(CaseProgress { status: status_name(&case.status), ended, reveals: case.reveals })
}

/// What is kept of a member in a case: its commitment, then the hash of its tags; zero before.
///
/// # Errors
/// Network failure.
pub async fn member_word(chain: &Chain, id: CaseId, prover: EthAddress) -> Result<B256> {
    let call = ChallengeManager::wordOfCall { caseId: id.into(), prover: prover.into() };
    chain.read(chain.challenges(), call).await
}

/// Seconds between a slash and its payout.
///
/// # Errors
/// Network failure.
pub async fn payout_delay(chain: &Chain) -> Result<u64> {
    Ok(config(chain).await?.payoutDelay.to())
}

/// The fixed parameters of cases.
pub(crate) async fn config(chain: &Chain) -> Result<ChallengeManager::Config> {
    chain.read(chain.challenges(), ChallengeManager::configCall {}).await
}

/// A case as the contract keeps it.
async fn kept(chain: &Chain, id: CaseId) -> Result<ChallengeManager::Case> {
    let call = ChallengeManager::caseOfCall { caseId: id.into() };
    let case = chain.read(chain.challenges(), call).await?;
    if case.status == CaseStatus::None {
        let message = format!("there is no case {id}");
        return Err(fail(message, "`oml case list` shows all", FailureKind::Failed));
    }
    Ok(case)
}

/// A case as the contract keeps it, and what its events announced up to there.
async fn with_story(chain: &Chain, id: CaseId) -> Result<(ChallengeManager::Case, CaseStory)> {
    let filter = Filter::new()
        .address(chain.challenges())
        .topic1(B256::from(id))
        .from_block(chain.addresses().deployed_at_block);
    // State and events are two reads: a block may come in between, and some nodes index logs a
    // moment later.
    for _ in 0..30 {
        let case = kept(chain, id).await?;
        let logs = chain.provider().get_logs(&filter).await;
        let logs = logs.map_err(|e| rpc_failure("events of the case", &e))?;
        let story = CaseStory::read(logs.iter().map(|log| log.data()))?;
        if let Some(story) = story.and_then(|story| story.at(case.facts.into())) {
            return Ok((case, story));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(fail(
        format!("the events of case {id} are not those that the contract has kept a hash of"),
        "the endpoint must have every log since the contracts' deployment; give another --rpc-url",
        FailureKind::Network,
    ))
}

/// The case as calls name it, if the license is the accused one.
fn accused(story: &CaseStory, license: &LicenseFile) -> Result<CaseRef> {
    if story.license_id != license.license_id {
        return Err(fail(
            format!("the case is against license {}, not {}", story.license_id, license.license_id),
            "give the license file of the accused",
            FailureKind::Failed,
        ));
    }
    Ok(story.case_ref(&license.reference())?)
}

/// Draws bundles and committee once the beacon's round is out, which it waits for and brings if
/// nobody else does; anyone may. Returns what was sent.
///
/// # Errors
/// No signer, network failure, another license than the accused, a refusal of the contract, a round
/// that is not out in time.
pub async fn draw(
    chain: &Chain,
    id: CaseId,
    license: &LicenseFile,
    wait: Duration,
) -> Result<Vec<TxRecord>> {
    let (case, story) = with_story(chain, id).await?;
    let call = ChallengeManager::drawCaseCall { r#ref: accused(&story, license)? };
    let mut sent = Vec::new();
    // In any other state the contract says what is wrong.
    if case.status == CaseStatus::Opened {
        sent.extend(bring(chain, case.seedRound.to(), &Patience::of(wait)).await?);
    }
    if sent.is_empty() || !chain.is_dry_run() {
        let drawn = chain.send("draw case", chain.challenges(), call, U256::ZERO).await?;
        sent.push(drawn.record);
    }
    Ok(sent)
}

/// Ends a case whose time has come; anyone may.
///
/// # Errors
/// As [`draw`], but for the round.
pub async fn resolve(chain: &Chain, id: CaseId, license: &LicenseFile) -> Result<TxRecord> {
    let (_, story) = with_story(chain, id).await?;
    let call = ChallengeManager::resolveCall {
        r#ref: accused(&story, license)?,
        drawn: (&story.drawn).into(),
        questionsHash: story.questions.into(),
        outcome: (&story.outcome).into(),
    };
    Ok(chain.send("resolve case", chain.challenges(), call, U256::ZERO).await?.record)
}

/// Everything that the chain tells of a case, as JSON.
///
/// # Errors
/// Network failure, no such case, an endpoint without the case's events.
pub async fn describe(chain: &Chain, id: CaseId) -> Result<Value> {
    let (case, story) = with_story(chain, id).await?;
    let call = ChallengeManager::removedOfCall { caseId: id.into() };
    let removed = chain.read(chain.challenges(), call).await?;
    let count = |bits: &[u8; 32]| bits.iter().map(|byte| byte.count_ones()).sum::<u32>();
    let opening = &story.opening;
    Ok(json!({
        "caseId": id, "licenseId": story.license_id, "deploymentHash": opening.deployment,
        "reporter": opening.reporter, "openedAt": opening.opened_at, "leak": opening.leak,
        "uri": story.uri, "cases": opening.cases, "licenses": opening.licenses,
        "status": status_name(&case.status),
        "deadline": u64::try_from(case.deadline).unwrap_or(u64::MAX),
        "committee": story.drawn.committee, "bundles": story.drawn.bundles,
        "questions": case.questionCount, "commits": case.commits, "reveals": case.reveals,
        "hits": count(&story.outcome.hits), "outside": count(&story.outcome.outside),
        "removed": removed.count_ones(),
    }))
}

/// All cases of this deployment of the contracts, as [`describe`] has them.
///
/// # Errors
/// As [`describe`].
pub async fn list(chain: &Chain) -> Result<Vec<Value>> {
    let filter = Filter::new().address(chain.challenges());
    let mut cases = Vec::new();
    for (opened, _) in chain.events::<ChallengeManager::CaseOpened>("case list", filter).await? {
        cases.push(describe(chain, opened.caseId.into()).await?);
    }
    Ok(cases)
}

/// Waits until the case is decided, saying each change of status.
///
/// # Errors
/// Network failure, no such case, or it is not decided in time.
pub async fn watch(
    chain: &Chain,
    id: CaseId,
    within: Duration,
    mut say: impl FnMut(String),
) -> Result<CaseVerdict> {
    let start = Instant::now();
    let mut last = "";
    loop {
        let CaseProgress { status, ended, .. } = progress(chain, id).await?;
        if status != last {
            say(format!("  case {status}"));
            last = status;
        }
        if ended {
            return verdict(chain, id).await;
        }
        if start.elapsed() > within {
            return Err(fail(
                format!("case {id} is still {status} after {} s", within.as_secs()),
                "its deadlines are in `oml case show`; keep watching, or resolve it when they have passed",
                FailureKind::Timeout,
            ));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// The verdict of a decided case, from its event.
async fn verdict(chain: &Chain, id: CaseId) -> Result<CaseVerdict> {
    let filter = Filter::new().address(chain.challenges()).topic1(B256::from(id));
    // Some nodes index logs a moment after they show the state.
    let mut found = None;
    for _ in 0..30 {
        let events = chain.events::<ChallengeManager::CaseResolved>("verdict", filter.clone());
        found = events.await?.pop();
        if found.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let missing =
        || ClientError::Other(format!("case {id} has ended, but its event can't be found").into());
    let (event, _) = found.ok_or_else(missing)?;
    Ok(CaseVerdict {
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
const fn status_name(status: &CaseStatus) -> &'static str {
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
