//! Where a prover takes hand-outs.
//!
//! `POST /v1/rounds/{roundId}/seats/{seat}` with `{"sealed": "0x…"}`. Whoever sends needs no
//! credentials: a box is kept only if it opens with this prover's key and is signed by the account
//! that sealed the round, which paid for it, and only for a seat that this prover holds by the draw
//! on chain. The box is checked first, so that nobody else costs a read of the chain. Answers: 202
//! kept (also if it was before); 400 malformed; 403 not what was sealed, or another's seat; 404 no
//! such round here; 409 another one is kept; 410 too late; 413 too large; 503 not drawn here yet,
//! or too many at once: send it again.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use oml_contracts::round::SeatIndex;
use oml_contracts::{Domain, EthAddress, RoundId, Seed};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::file::RoundFile;
use super::hand_out::{HandOutError, LARGEST, SealContext, SeatPlace, open_hand_out};
use crate::chain::{ChainClient, ChainError, Head};
use crate::store::{HandOutRow, RoundRow, Store, StoreError};
use oml_prover::sealed_box::EncryptionKey;

/// Boxes opened at once; each costs a key exchange.
const AT_ONCE: usize = 8;

/// Body of the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealedHandOut {
    /// The box, in hex with `0x`.
    pub sealed: String,
}

/// Who sits on a seat, by the draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sitter {
    /// What drew it.
    pub seed: Seed,
    /// Who sits there; `None` for a vacant seat.
    pub prover: Option<EthAddress>,
}

/// Where the inbox learns who sits where.
#[async_trait]
pub(crate) trait Seats: std::fmt::Debug + Send + Sync {
    /// Who sits on a seat at `head`; `None` before the round's draw is on chain.
    async fn sitter(
        &self,
        row: &RoundRow,
        seat: SeatIndex,
        head: &Head,
    ) -> Result<Option<Sitter>, ChainError>;
}

#[async_trait]
impl Seats for ChainClient {
    async fn sitter(
        &self,
        row: &RoundRow,
        seat: SeatIndex,
        head: &Head,
    ) -> Result<Option<Sitter>, ChainError> {
        let reader = self.reader().at(head.hash);
        let Some(file) = RoundFile::read(&reader, row.clone(), head).await? else {
            return Ok(None);
        };
        let Some(seed) = file.seed else { return Ok(None) };
        let prover = file.holder(&reader, seat).await?;
        Ok(Some(Sitter { seed, prover }))
    }
}

/// What the inbox works with.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    store: Store,
    seats: Arc<dyn Seats>,
    heads: watch::Receiver<Head>,
    me: EthAddress,
    key: EncryptionKey,
    domain: Domain,
    room: Arc<Semaphore>,
}

/// Why nothing is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The path or the body is malformed.
    #[error("{0}")]
    Malformed(String),
    /// Nothing of this round is known here.
    #[error("no round {0} here; its seal may not be in view yet")]
    NoSuchRound(RoundId),
    /// The round has no such seat.
    #[error("round {0} has {1} seats, counted from 0")]
    NoSuchSeat(RoundId, u8),
    /// The answers have ended.
    #[error("the answers of round {0} ended at {1}")]
    TooLate(RoundId, u64),
    /// Not what was sealed.
    #[error(transparent)]
    HandOut(#[from] HandOutError),
    /// Not drawn here, or drawn by another seed than the sender's: one of the two lags.
    #[error("round {0} is not drawn in this node's view, or otherwise; send it again")]
    NotDrawn(RoundId),
    /// The seat is not this prover's.
    #[error("seat {1} of round {0} is not this prover's")]
    NotOurs(RoundId, SeatIndex),
    /// The chain can't be read.
    #[error("the chain can't be read now; send it again")]
    Chain(#[from] ChainError),
    /// Another box is kept for this seat and draw.
    #[error("another hand-out is kept for this seat")]
    Other,
    /// The store failed.
    #[error("the hand-out can't be kept now; send it again")]
    Store(#[from] StoreError),
    /// Too many at once.
    #[error("too many hand-outs at once; send it again")]
    Busy,
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NoSuchRound(_) | Self::NoSuchSeat(..) => StatusCode::NOT_FOUND,
            Self::TooLate(..) => StatusCode::GONE,
            Self::HandOut(_) | Self::NotOurs(..) => StatusCode::FORBIDDEN,
            Self::Other => StatusCode::CONFLICT,
            Self::NotDrawn(_) | Self::Chain(_) | Self::Store(_) | Self::Busy => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match &self {
            Self::Store(error) => tracing::warn!(%error, "a hand-out could not be kept"),
            Self::Chain(error) => tracing::warn!(%error, "a seat could not be looked up"),
            _ => {}
        }
        (self.status(), Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// The routes of a prover's inbox; `domain` is that of `Rounds`.
pub fn prover_inbox(
    store: Store,
    chain: ChainClient,
    heads: watch::Receiver<Head>,
    me: EthAddress,
    key: EncryptionKey,
    domain: Domain,
) -> Router {
    Inbox::new(store, Arc::new(chain), heads, me, key, domain).router()
}

impl Inbox {
    /// An inbox of the prover `me`; `domain` is that of `Rounds`.
    pub(crate) fn new(
        store: Store,
        seats: Arc<dyn Seats>,
        heads: watch::Receiver<Head>,
        me: EthAddress,
        key: EncryptionKey,
        domain: Domain,
    ) -> Self {
        Self { store, seats, heads, me, key, domain, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// What owners' nodes post to, to be merged with the node's own API.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/v1/rounds/{round}/seats/{seat}", post(take))
            // Hex doubles the box.
            .layer(DefaultBodyLimit::max(2 * LARGEST + 4096))
            .with_state(self)
    }

    /// Keeps a box for a seat.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(crate) async fn keep(
        &self,
        round: RoundId,
        seat: SeatIndex,
        given: &[u8],
    ) -> Result<(), Refusal> {
        let row = self.store.round(round).await?.ok_or(Refusal::NoSuchRound(round))?;
        if seat.0 >= row.seats {
            return Err(Refusal::NoSuchSeat(round, row.seats));
        }
        let head = *self.heads.borrow();
        if head.timestamp > row.answer_until {
            return Err(Refusal::TooLate(round, row.answer_until));
        }
        let place = SeatPlace { round, seat, prover: self.me };
        let (account, deployment, domain) = (row.account, row.deployment, self.domain);
        let sealed = SealContext { place, account, deployment, domain };
        let handed = open_hand_out(&sealed, &self.key, given)?;
        let sitter = self.seats.sitter(&row, seat, &head).await?;
        let sitter = sitter.filter(|sitter| sitter.seed == handed.seed);
        let sitter = sitter.ok_or(Refusal::NotDrawn(round))?;
        if sitter.prover != Some(self.me) {
            return Err(Refusal::NotOurs(round, seat));
        }
        let new = HandOutRow { round_id: round, seat, seed: handed.seed, sealed: given.to_vec() };
        let kept = self.store.keep_hand_out(&new).await?.ok_or(Refusal::Other)?;
        if kept == new {
            return Ok(());
        }
        // Sealing again gives another box with the same keys.
        let before = open_hand_out(&sealed, &self.key, &kept.sealed)?;
        if before.keys == handed.keys && before.deployment == handed.deployment {
            return Ok(());
        }
        Err(Refusal::Other)
    }
}

async fn take(
    State(inbox): State<Inbox>,
    Path((round, seat)): Path<(String, String)>,
    Json(body): Json<SealedHandOut>,
) -> Result<StatusCode, Refusal> {
    let _room = inbox.room.try_acquire().map_err(|_| Refusal::Busy)?;
    let malformed = |cause: String| Refusal::Malformed(cause);
    let round = round.parse().map_err(|e| malformed(format!("round: {e}")))?;
    let seat = seat.parse().map_err(|e| malformed(format!("seat {seat:?}: {e}")))?;
    let digits = body.sealed.strip_prefix("0x").unwrap_or(&body.sealed);
    let given = hex::decode(digits).map_err(|e| malformed(format!("sealed: {e}")))?;
    inbox.keep(round, seat, &given).await.map(|()| StatusCode::ACCEPTED)
}

#[cfg(test)]
mod tests;
