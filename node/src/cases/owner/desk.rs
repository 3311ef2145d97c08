//! The owner's endpoint for drawn members.
//!
//! `GET /v1/cases/{caseId}/questions?prover=0x…` answers with the questions sealed to that member's
//! key on chain. It asks for no credentials because it needs none: what it hands out is useless to
//! everybody else. Answers: 200; 400 malformed; 403 not a member; 404 no such case here; 409 not
//! the time; 503 too many ask, or the chain can't be read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use oml_contracts::{CaseId, EthAddress, QuestionsHash};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::acts::{Universes, posted_questions};
use super::questions::QuestionSet;
use crate::cases::handout::{SealedQuestions, seal_questions};
use crate::cases::machine::{self, Phase};
use crate::cases::reading::{CaseReader, ReadError};
use crate::chain::{CaseStatus, ChainClient, Head};
use crate::store::Store;

/// Requests answered at once; each costs reads of the chain, and anybody may ask.
const REQUESTS_AT_ONCE: usize = 8;

/// Question lists kept in memory; a case has one.
const KEPT_LISTS: usize = 64;

#[derive(Debug)]
struct Desk {
    reader: CaseReader,
    chain: ChainClient,
    store: Store,
    heads: watch::Receiver<Head>,
    universes: Arc<Universes>,
    lists: Mutex<HashMap<(CaseId, QuestionsHash), Arc<QuestionSet>>>,
    seats: Semaphore,
}

/// Routes of the owner's endpoint.
pub fn questions_router(
    reader: CaseReader,
    chain: ChainClient,
    store: Store,
    heads: watch::Receiver<Head>,
    universes: Arc<Universes>,
) -> Router {
    let (lists, seats) = (Mutex::default(), Semaphore::new(REQUESTS_AT_ONCE));
    let desk = Arc::new(Desk { reader, chain, store, heads, universes, lists, seats });
    Router::new().route("/v1/cases/{case}/questions", get(questions)).with_state(desk)
}

/// Why nothing is handed out.
#[derive(Debug, thiserror::Error)]
enum HandoutRefusal {
    #[error("{0}")]
    Malformed(String),
    #[error("{member} is not a member of the committee of case {case}")]
    NotMember { case: CaseId, member: EthAddress },
    #[error("case {0} is not open, or its universe is not held here")]
    Unknown(CaseId),
    #[error(
        "questions of case {case} are handed out only while its committee commits; it is {status:?}"
    )]
    NotNow { case: CaseId, status: CaseStatus },
    #[error("the chain or the store can't be read; try again")]
    Unavailable,
    #[error("too many members ask at once; try again")]
    Busy,
    #[error("the questions can't be handed out: {0}")]
    Failed(String),
}

impl HandoutRefusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NotMember { .. } => StatusCode::FORBIDDEN,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::NotNow { .. } => StatusCode::CONFLICT,
            Self::Unavailable | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for HandoutRefusal {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({"error": self.to_string()}))).into_response()
    }
}

#[derive(Debug, Deserialize)]
struct MemberQuery {
    prover: String,
}

async fn questions(
    State(desk): State<Arc<Desk>>,
    Path(case): Path<String>,
    Query(member): Query<MemberQuery>,
) -> Result<Json<SealedQuestions>, HandoutRefusal> {
    let case = case.parse().map_err(|e| HandoutRefusal::Malformed(format!("case: {e}")))?;
    let member =
        member.prover.parse().map_err(|e| HandoutRefusal::Malformed(format!("prover: {e}")))?;
    let seat = desk.seats.try_acquire().map_err(|_| HandoutRefusal::Busy)?;
    let handed = desk.hand_out(case, member).await;
    drop(seat);
    let outcome = if handed.is_ok() { "handed-out" } else { "refused" };
    metrics::counter!("oml_question_requests_total", "outcome" => outcome).increment(1);
    handed.map(Json)
}

impl Desk {
    async fn hand_out(
        &self,
        case: CaseId,
        member: EthAddress,
    ) -> Result<SealedQuestions, HandoutRefusal> {
        // The store first: requests about cases that do not exist cost no call to the chain.
        let row = self.store.case(case).await.map_err(unavailable)?;
        let row = row.ok_or(HandoutRefusal::Unknown(case))?;
        let license = self.reader.license_ref(row.license_id).await.map_err(refuse_read)?;
        let universe = self.universes.get(&(license.terms.model_id, license.terms.epoch));
        let universe = universe.ok_or(HandoutRefusal::Unknown(case))?;

        let head = *self.heads.borrow();
        let file = self.reader.read(case, &license, &head).await.map_err(refuse_read)?;
        if file.case.questions_hash.is_zero()
            || machine::phase(&file, head.timestamp) != Phase::Commit
        {
            return Err(HandoutRefusal::NotNow { case, status: file.case.status });
        }
        if file.member(&member).is_none() {
            return Err(HandoutRefusal::NotMember { case, member });
        }
        let place = (case, file.case.questions_hash);
        let list = match self.kept(&place) {
            Some(list) => list,
            None => {
                let built = posted_questions(universe, &file);
                self.keep(place, built.map_err(|e| HandoutRefusal::Failed(e.to_string()))?)
            }
        };
        let prover = self.chain.reader().at(head.hash).prover(member).await.map_err(unavailable)?;
        seal_questions(list.prompts(), case, member, &prover.encryption_key)
            .map_err(|e| HandoutRefusal::Failed(e.to_string()))
    }

    fn kept(&self, place: &(CaseId, QuestionsHash)) -> Option<Arc<QuestionSet>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    fn keep(&self, place: (CaseId, QuestionsHash), list: QuestionSet) -> Arc<QuestionSet> {
        let list = Arc::new(list);
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= KEPT_LISTS {
            lists.clear();
        }
        lists.insert(place, Arc::clone(&list));
        list
    }
}

fn unavailable(error: impl std::fmt::Display) -> HandoutRefusal {
    tracing::warn!(%error, "questions can't be handed out for now");
    HandoutRefusal::Unavailable
}

fn refuse_read(error: ReadError) -> HandoutRefusal {
    unavailable(error)
}
