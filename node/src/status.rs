//! Routes that every node has: health, status, metrics.

use crate::api::ApiError;
use crate::chain::{EndpointState, Head};
use crate::clock::unix_now;
use crate::context::NodeContext;
use crate::metrics::{as_f64, handle};
use crate::store::IntentRow;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// A node is ready while its head is at most this old compared with the endpoint's, in blocks.
const READY_LAG: u64 = 5;
/// Oldest head of a node that is ready where the configuration names none, in seconds.
const READY_AGE: u64 = 600;

/// The node's own routes and those of the roles.
pub(crate) fn router(context: NodeContext, roles: Vec<Router>) -> Router {
    let body_limit = context.config.http.max_body_bytes;
    let own = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/health", get(readyz))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .with_state(context);
    roles
        .into_iter()
        .fold(own, Router::merge)
        .fallback(|| async { ApiError::not_found("no such route; see /status") })
        .layer(DefaultBodyLimit::max(body_limit))
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(node): State<NodeContext>) -> Response {
    let problems = problems(&node).await;
    if problems.is_empty() {
        return Json(json!({ "ready": true })).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "problems": problems })))
        .into_response()
}

/// Why the node can't do its work at present, in words.
async fn problems(node: &NodeContext) -> Vec<String> {
    let mut problems = Vec::new();
    if let Err(error) = node.store.check_writable().await {
        problems.push(format!("store: {error}"));
    }
    problems.extend(node.chain.problems().iter().map(|problem| format!("chain: {problem}")));
    let age = unix_now().saturating_sub(node.heads.borrow().timestamp);
    if let Some(most) = oldest_head(node.config.chain.max_head_age_s, node.chain.chain_id())
        && age > most
    {
        problems.push(format!(
            "chain: the newest block that was read is {age} s old, more than the {most} s of \
             chain.max_head_age_s; the endpoint lags, or the chain stands still"
        ));
    }
    match node.chain.latest_block().await {
        Ok(latest) => {
            let head = node.heads.borrow().number;
            let lag = latest.saturating_sub(head);
            if lag > READY_LAG {
                problems.push(format!("chain: {lag} blocks behind ({head} of {latest})"));
            }
        }
        Err(error) => problems.push(format!("chain: {error}")),
    }
    problems
}

/// How old the head of a node that is ready may be, in seconds; none if it may have any age.
fn oldest_head(configured: Option<u64>, chain_id: u64) -> Option<u64> {
    configured.or_else(|| (!oml_contracts::chains::is_local(chain_id)).then_some(READY_AGE))
}

#[derive(Serialize)]
struct NodeStatus {
    version: &'static str,
    time: u64,
    chain_id: u64,
    contracts: oml_contracts::Addresses,
    account: Option<oml_contracts::EthAddress>,
    roles: Vec<&'static str>,
    head: Head,
    /// Newest block whose rows are stored; past `head` while the node catches up.
    stored_block: Option<u64>,
    /// Seconds between the head's time and the machine's.
    head_age_s: u64,
    /// What is known about each endpoint of the chain.
    endpoints: Vec<EndpointState>,
    engine: &'static str,
    jobs: BTreeMap<String, u64>,
    open_rounds: usize,
    ready: bool,
    problems: Vec<String>,
    transactions: Vec<Transaction>,
}

#[derive(Serialize)]
struct Transaction {
    key: String,
    describe: String,
    state: crate::store::IntentState,
    nonce: u64,
    tx_hash: Option<alloy::primitives::B256>,
    block: Option<u64>,
    error: Option<String>,
}

impl From<IntentRow> for Transaction {
    fn from(row: IntentRow) -> Self {
        Self {
            key: row.key,
            describe: row.describe,
            state: row.state,
            nonce: row.nonce,
            tx_hash: row.tx_hash,
            block: row.block,
            error: row.error,
        }
    }
}

async fn status(State(node): State<NodeContext>) -> Result<Json<NodeStatus>, ApiError> {
    let head = *node.heads.borrow();
    let problems = problems(&node).await;
    Ok(Json(NodeStatus {
        version: env!("CARGO_PKG_VERSION"),
        time: unix_now(),
        chain_id: node.chain.chain_id(),
        contracts: *node.chain.addresses(),
        account: node.sender.as_ref().map(crate::chain::Sender::address),
        roles: node.config.roles(),
        head,
        stored_block: node.store.head().await?.map(|block| block.number),
        head_age_s: unix_now().saturating_sub(head.timestamp),
        endpoints: node.chain.endpoints().states(),
        engine: node.store.engine(),
        jobs: node.store.job_counts().await?,
        open_rounds: node.store.open_rounds(head.timestamp).await?.len(),
        ready: problems.is_empty(),
        problems,
        transactions: node
            .store
            .recent_intents(20)
            .await?
            .into_iter()
            .map(Transaction::from)
            .collect(),
    }))
}

async fn metrics(State(node): State<NodeContext>) -> Result<Response, ApiError> {
    for (state, count) in node.store.job_counts().await? {
        metrics::gauge!("oml_jobs", "state" => state).set(as_f64(count));
    }
    let head = *node.heads.borrow();
    metrics::gauge!("oml_head_age_seconds").set(as_f64(unix_now().saturating_sub(head.timestamp)));
    let text = handle().render();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_chains_may_stand_still_unless_the_configuration_says_so() {
        assert_eq!(oldest_head(None, 1), Some(READY_AGE));
        assert_eq!(oldest_head(None, 31_337), None);
        assert_eq!(oldest_head(Some(60), 31_337), Some(60));
        assert_eq!(oldest_head(Some(60), 1), Some(60));
    }
}
