//! Draws seeds for an owner, and tells hosts where their licenses stand.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use oml_contracts::rpc::abi::LicenseRegistry::{drawLicenseSeedCall, drawUniverseSeedCall};
use oml_contracts::{LicenseId, LicenseRef, ModelId};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::decide::{SeedAction, host_status, license_action, universe_action};
use super::error::LicenseError;
use super::receive::CopyReports;
use super::submit::submit;
use crate::chain::beacon::RoundOrders;
use crate::chain::{ChainClient, Head, Intent, LicenseStatus, Sender};
use crate::store::Store;

/// Draws the seeds of an owner's licenses and universes.
#[derive(Debug)]
pub struct LicenseService {
    chain: ChainClient,
    store: Store,
    sender: Sender,
    rounds: RoundOrders,
    universes: Vec<(ModelId, u32)>,
    /// Past their draw; forgotten when the chain goes back.
    drawn_licenses: HashSet<LicenseId>,
    drawn_universes: HashSet<(ModelId, u32)>,
    seen: Head,
}

impl LicenseService {
    /// Prepares; starts nothing. `universes` are those whose model seed is drawn.
    #[must_use]
    pub fn new(
        chain: ChainClient,
        store: Store,
        sender: Sender,
        rounds: RoundOrders,
        universes: Vec<(ModelId, u32)>,
    ) -> Self {
        Self {
            chain,
            store,
            sender,
            rounds,
            universes,
            drawn_licenses: HashSet::new(),
            drawn_universes: HashSet::new(),
            seen: Head::default(),
        }
    }

    /// Acts after every head until cancelled. What fails is logged, and the next head tries again.
    pub async fn run(mut self, mut heads: watch::Receiver<Head>, cancel: CancellationToken) {
        loop {
            let head = *heads.borrow_and_update();
            if head.number > 0
                && let Err(error) = self.act(&head).await
            {
                tracing::warn!(%error, block = head.number, "seeds could not be looked at");
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = heads.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Draws what is due at `head`.
    ///
    /// # Errors
    /// [`LicenseError`].
    pub async fn act(&mut self, head: &Head) -> Result<(), LicenseError> {
        if head.number <= self.seen.number && head.hash != self.seen.hash {
            self.drawn_licenses.clear();
            self.drawn_universes.clear();
        }
        self.seen = *head;
        self.draw_universes(head).await?;
        self.draw_licenses(head).await
    }

    async fn draw_universes(&mut self, head: &Head) -> Result<(), LicenseError> {
        let reader = self.chain.reader().at(head.hash);
        for place in self.universes.clone() {
            if self.drawn_universes.contains(&place) {
                continue;
            }
            let (model, epoch) = place;
            let universe = reader.universe(model, epoch).await?;
            if universe.root.is_zero() {
                continue;
            }
            if !universe.seed.is_zero() {
                self.drawn_universes.insert(place);
                continue;
            }
            let value = reader.beacon(universe.seed_round).await?;
            let step = self.rounds.step(universe.seed_round, value, head);
            let Some(round) = self.drawable(universe_action(&universe, step)).await? else {
                continue;
            };
            let call = drawUniverseSeedCall { modelId: model.into(), epoch };
            let key = format!("universe/{model}/{epoch}/draw/{round}");
            let what = format!("model seed of universe {epoch} of model {model}");
            submit(&self.sender, &self.chain, &key, None, |key, to| {
                Intent::call(key, to, &call, what.as_str())
            })
            .await?;
        }
        Ok(())
    }

    async fn draw_licenses(&mut self, head: &Head) -> Result<(), LicenseError> {
        let reader = self.chain.reader().at(head.hash);
        let me = self.sender.address();
        for row in self.store.licenses().await? {
            if self.drawn_licenses.contains(&row.license_id) {
                continue;
            }
            let offer = self.store.offer(row.offer_id).await?;
            if offer.is_none_or(|offer| offer.owner != me) {
                continue;
            }
            let license = reader.license(row.license_id).await?;
            if !matches!(license.status, LicenseStatus::None | LicenseStatus::Acquired) {
                self.drawn_licenses.insert(row.license_id);
                continue;
            }
            let value = reader.beacon(license.seed_round).await?;
            let step = self.rounds.step(license.seed_round, value, head);
            let Some(round) = self.drawable(license_action(&license, step)).await? else {
                continue;
            };
            let call = drawLicenseSeedCall { licenseId: row.license_id.into() };
            let key = format!("license/{}/draw/{round}", row.license_id);
            let what = format!("seed of license {}", row.license_id);
            submit(&self.sender, &self.chain, &key, None, |key, to| {
                Intent::call(key, to, &call, what.as_str())
            })
            .await?;
        }
        Ok(())
    }

    /// The round of a seed that can be drawn; orders a round that has to be brought first.
    async fn drawable(&self, action: Option<SeedAction>) -> Result<Option<u64>, LicenseError> {
        match action {
            Some(SeedAction::Draw { round }) => Ok(Some(round)),
            Some(SeedAction::Bring { round }) => {
                self.rounds.order(round).await?;
                Ok(None)
            }
            None => Ok(None),
        }
    }
}

/// Where a license stands for its host: `GET /v1/licenses/{licenseId}/status`.
pub(super) fn status_router(
    chain: ChainClient,
    store: Store,
    heads: watch::Receiver<Head>,
    copies: CopyReports,
) -> Router {
    Router::new()
        .route("/v1/licenses/{license}/status", get(status))
        .with_state(Arc::new(StatusSources { chain, store, heads, copies }))
}

/// What knows where a license stands.
struct StatusSources {
    chain: ChainClient,
    store: Store,
    heads: watch::Receiver<Head>,
    copies: CopyReports,
}

async fn status(State(state): State<Arc<StatusSources>>, Path(license): Path<String>) -> Response {
    let StatusSources { chain, store, heads, copies } = &*state;
    let refuse =
        |status: StatusCode, error: String| (status, Json(json!({"error": error}))).into_response();
    let id: LicenseId = match license.parse() {
        Ok(id) => id,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("license: {error}")),
    };
    let head = *heads.borrow();
    let reader = chain.reader().at(head.hash);
    let known = match store.license_ref(id).await {
        Ok(Some((offer, row))) => {
            LicenseRef { terms: offer.terms, host: row.host, nonce: row.nonce }
        }
        Ok(None) => return refuse(StatusCode::NOT_FOUND, format!("no license {id}")),
        Err(error) => {
            tracing::warn!(%error, "license can't be read for now");
            let text = "the store can't be read; try again";
            return refuse(StatusCode::SERVICE_UNAVAILABLE, text.to_owned());
        }
    };
    match tokio::try_join!(reader.license(id), reader.collateral(&known)) {
        Ok((license, collateral)) => {
            let status = host_status(&license, &collateral, head.timestamp);
            let mut said = json!({"licenseId": id, "at": head.timestamp, "host": status});
            if let Some(copy) = copies.of(id) {
                said["copy"] = json!(copy);
            }
            Json(said).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "license can't be read for now");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the chain can't be read; try again".to_owned())
        }
    }
}
