//! Cases as anybody may read them over HTTP.

use crate::api::ApiError;
use crate::cases::reading::{ReadError, case_view};
use crate::chain::{CaseStatus, CaseView};
use crate::context::NodeContext;
use crate::store::{CaseRow, CaseScope, EventRow};
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use oml_contracts::{CaseId, LicenseRef};
use serde::{Deserialize, Serialize};

use super::flags;

/// `GET /v1/cases`, `/v1/cases/{id}` and `/v1/flags`, which every node answers.
pub(crate) fn router(context: NodeContext) -> Router {
    Router::new()
        .route("/v1/cases", get(cases))
        .route("/v1/cases/{id}", get(case))
        .route("/v1/flags", get(flags::flags))
        .with_state(context)
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        tracing::warn!(%error, "a case could not be read while answering a request");
        Self::unavailable("the case can't be read now; try again later")
    }
}

#[derive(Deserialize)]
struct CasesQuery {
    #[serde(default)]
    open: bool,
}

/// A case as the list shows it.
#[derive(Serialize)]
struct CaseItem {
    #[serde(flatten)]
    row: CaseRow,
    status: Option<CaseStatus>,
    deadline: Option<u64>,
}

async fn cases(
    State(node): State<NodeContext>,
    Query(query): Query<CasesQuery>,
) -> Result<Json<Vec<CaseItem>>, ApiError> {
    let scope = if query.open { CaseScope::Open } else { CaseScope::All };
    let mut items = Vec::new();
    for row in node.store.cases(scope).await? {
        // What has ended does not change, so only open cases are read from the chain.
        let view = match row.resolved_block {
            None => Some(node.reader.case_state(row.case_id).await?),
            Some(_) => None,
        };
        items.push(CaseItem {
            status: view.as_ref().map(|view| view.status),
            deadline: view.as_ref().map(|view| view.deadline),
            row,
        });
    }
    Ok(Json(items))
}

/// A case with its history.
#[derive(Serialize)]
struct CaseDetail {
    #[serde(flatten)]
    view: CaseView,
    block: u64,
    resolved_block: Option<u64>,
    chain_time: u64,
    events: Vec<TimelineEntry>,
}

#[derive(Serialize)]
struct TimelineEntry {
    name: String,
    block: u64,
    timestamp: u64,
    tx_hash: alloy::primitives::B256,
}

impl From<EventRow> for TimelineEntry {
    fn from(row: EventRow) -> Self {
        Self { name: row.name, block: row.block, timestamp: row.timestamp, tx_hash: row.tx_hash }
    }
}

async fn case(
    State(node): State<NodeContext>,
    Path(id): Path<String>,
) -> Result<Json<CaseDetail>, ApiError> {
    let id: CaseId = id.parse().map_err(|cause| ApiError::bad_request(format!("{cause}")))?;
    let row =
        node.store.case(id).await?.ok_or_else(|| ApiError::not_found(format!("no case {id}")))?;
    let known = node.store.license_ref(row.license_id).await?;
    let (offer, held) = known
        .ok_or_else(|| ApiError::not_found(format!("license {} is not indexed", row.license_id)))?;
    let license = LicenseRef { terms: offer.terms, host: held.host, nonce: held.nonce };
    let events = node.store.events_of(id.into()).await?;
    // At the head of the indexed events, so that these and the contract's state belong together.
    let head = *node.heads.borrow();
    let reader = node.reader.at(head.hash);
    Ok(Json(CaseDetail {
        view: case_view(&node.store, &reader, id, &license).await?,
        block: row.block,
        resolved_block: row.resolved_block,
        chain_time: head.timestamp,
        events: events.into_iter().map(TimelineEntry::from).collect(),
    }))
}
