//! Rounds as anybody may read them over HTTP.

use crate::api::ApiError;
use crate::chain::RoundView;
use crate::context::NodeContext;
use crate::store::{EventRow, RoundRow};
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use oml_contracts::RoundId;
use serde::{Deserialize, Serialize};

use super::flags;

/// `GET /v1/rounds`, `/v1/rounds/{id}` and `/v1/flags`, which every node answers.
pub(crate) fn router(context: NodeContext) -> Router {
    Router::new()
        .route("/v1/rounds", get(rounds))
        .route("/v1/rounds/{id}", get(round))
        .route("/v1/flags", get(flags::flags))
        .with_state(context)
}

#[derive(Deserialize)]
struct RoundsQuery {
    #[serde(default)]
    open: bool,
}

async fn rounds(
    State(node): State<NodeContext>,
    Query(query): Query<RoundsQuery>,
) -> Result<Json<Vec<RoundRow>>, ApiError> {
    let now = node.heads.borrow().timestamp;
    let rows =
        if query.open { node.store.open_rounds(now).await? } else { node.store.rounds().await? };
    Ok(Json(rows))
}

/// A round with its history.
#[derive(Serialize)]
struct RoundDetail {
    #[serde(flatten)]
    row: RoundRow,
    state: RoundView,
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

async fn round(
    State(node): State<NodeContext>,
    Path(id): Path<String>,
) -> Result<Json<RoundDetail>, ApiError> {
    let id: RoundId = id.parse().map_err(|cause| ApiError::bad_request(format!("{cause}")))?;
    let row =
        node.store.round(id).await?.ok_or_else(|| ApiError::not_found(format!("no round {id}")))?;
    let events = node.store.events_of(id.into()).await?;
    // At the head of the indexed events, so that these and the contract's state belong together.
    let head = *node.heads.borrow();
    let state = node.reader.at(head.hash).round(id).await.map_err(|error| {
        tracing::warn!(%error, "a round could not be read while answering a request");
        ApiError::unavailable("the round can't be read now; try again later")
    })?;
    Ok(Json(RoundDetail {
        row,
        state,
        chain_time: head.timestamp,
        events: events.into_iter().map(TimelineEntry::from).collect(),
    }))
}
