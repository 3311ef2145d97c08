//! Rounds as anybody may read them over HTTP.

use crate::api::ApiError;
use crate::chain::{ChainError, Head, Reader, RoundView};
use crate::context::NodeContext;
use crate::store::{EventRow, RoundRow, StoreError};
use alloy::sol_types::SolEvent as _;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use oml_contracts::round::{RoundKind, SeatIndex, seat_ticket};
use oml_contracts::rpc::abi::Rounds::RoundOpened;
use oml_contracts::rpc::rounds::{RoundFinding, SentSheet};
use oml_contracts::{DeploymentHash, EthAddress, KeysHash, LicenseId, RoundId};
use serde::{Deserialize, Serialize};

use super::file::RoundFile;
use super::flags;
use super::sheets::sent_sheets;

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
    /// Empty before the draw.
    seats: Vec<SeatDetail>,
    /// What the opening found; absent before it.
    finding: Option<Finding>,
    events: Vec<TimelineEntry>,
}

/// A seat of a drawn round.
#[derive(Serialize)]
struct SeatDetail {
    seat: u8,
    ticket: u32,
    /// Absent on a vacant seat.
    holder: Option<EthAddress>,
    /// Absent for a seat that has sent nothing.
    sheet: Option<SheetDetail>,
    /// Of eight; absent before the opening.
    hits: Option<u8>,
}

#[derive(Serialize)]
struct SheetDetail {
    keys_hash: KeysHash,
    /// Eight tags of 4 bytes in hex; zeros for no answer.
    tags: String,
}

impl From<&SentSheet> for SheetDetail {
    fn from(sheet: &SentSheet) -> Self {
        let tags = format!("0x{}", hex::encode(sheet.tags.word()));
        Self { keys_hash: sheet.keys, tags }
    }
}

/// What the opening of a round found. Evidence is in bits, log2.
#[derive(Serialize)]
struct Finding {
    license_id: LicenseId,
    deployment: DeploymentHash,
    index: u8,
    kept: u16,
    gain: f64,
    log_a: f64,
    threshold: f64,
    convicted: bool,
    /// The ledger now, with all rounds since.
    ledger: LedgerDetail,
}

#[derive(Serialize)]
struct LedgerDetail {
    log_a: f64,
    charged: u8,
    opened: u8,
}

/// The draw and the finding of a round.
struct Drawn {
    seats: Vec<SeatDetail>,
    finding: Option<Finding>,
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
    let reader = node.reader.at(head.hash);
    let failed = |error: PageError| {
        tracing::warn!(%error, "a round could not be read while answering a request");
        ApiError::unavailable("the round can't be read now; try again later")
    };
    let state = reader.round(id).await.map_err(|error| failed(error.into()))?;
    let drawn = drawn(&node, &reader, &row, &events, &head).await.map_err(failed)?;
    Ok(Json(RoundDetail {
        row,
        state,
        chain_time: head.timestamp,
        seats: drawn.seats,
        finding: drawn.finding,
        events: events.into_iter().map(TimelineEntry::from).collect(),
    }))
}

/// Why a round can't be shown now.
#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn drawn(
    node: &NodeContext,
    reader: &Reader,
    row: &RoundRow,
    events: &[EventRow],
    head: &Head,
) -> Result<Drawn, PageError> {
    let opened = events.iter().rev().find_map(finding_of);
    let Some(file) = RoundFile::read(reader, row.clone(), head).await? else {
        return Ok(Drawn { seats: Vec::new(), finding: None });
    };
    let sheets = sent_sheets(&node.store, file.id()).await?;
    let sheet = |seat: SeatIndex| sheets.iter().find(|sheet| sheet.seat == seat);
    let holders = file.holders(reader).await?;
    let holder = |seat: SeatIndex| holders.iter().find(|(s, _)| *s == seat).map(|(_, who)| *who);
    let seats = file.seed.iter().flat_map(|seed| {
        file.seats().map(|seat| SeatDetail {
            seat: seat.0,
            ticket: seat_ticket(seed, seat, file.view.tickets),
            holder: holder(seat),
            sheet: sheet(seat).map(SheetDetail::from),
            hits: opened.as_ref().map(|found| found.hits[usize::from(seat.0 % 32)].get()),
        })
    });
    let seats = seats.collect();
    let finding = match opened {
        Some(found) => Some(with_ledger(reader, found).await?),
        None => None,
    };
    Ok(Drawn { seats, finding })
}

/// What an event says of the opening, if it is that of the opening.
fn finding_of(row: &EventRow) -> Option<RoundFinding> {
    if row.name != RoundOpened::SIGNATURE.split('(').next()? {
        return None;
    }
    let topics = std::iter::once(RoundOpened::SIGNATURE_HASH).chain(row.topics.iter().copied());
    RoundOpened::decode_raw_log(topics, &row.data).ok().map(|event| (&event).into())
}

async fn with_ledger(reader: &Reader, found: RoundFinding) -> Result<Finding, ChainError> {
    let ledger = reader.ledger(found.license, RoundKind::of_index(found.index)).await?;
    Ok(Finding {
        license_id: found.license,
        deployment: found.deployment,
        index: found.index,
        kept: found.kept,
        gain: found.gain.to_f64(),
        log_a: found.log_a.to_f64(),
        threshold: found.threshold.to_f64(),
        convicted: found.convicted,
        ledger: LedgerDetail {
            log_a: ledger.log_a.to_f64(),
            charged: ledger.charged,
            opened: ledger.opened,
        },
    })
}
