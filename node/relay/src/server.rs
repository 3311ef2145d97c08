//! The relay's HTTP side: the format of drand's API, version 1.

use crate::key::{RelayKey, randomness};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// When rounds are out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Time of round 1, Unix seconds.
    pub genesis: u64,
    /// Seconds from round to round, at least 1.
    pub period: u64,
}

impl Schedule {
    /// The newest round that is out at `time`, Unix seconds; zero before the first.
    #[must_use]
    pub const fn newest(&self, time: u64) -> u64 {
        if time < self.genesis { 0 } else { (time - self.genesis) / self.period + 1 }
    }
}

/// Why a relay does not serve.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The port can't be had.
    #[error("the relay can't listen on {address}; is another program using the port?")]
    Listen {
        /// Address as given.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Rounds without a period.
    #[error("a relay's period must be at least one second")]
    NoPeriod,
    /// The listener failed, so no client is answered any more.
    #[error("the relay stopped serving")]
    Serve(#[source] std::io::Error),
}

/// A relay that listens.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    key: RelayKey,
    schedule: Schedule,
}

impl Relay {
    /// Opens the port; serves nothing yet.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn listen(
        at: SocketAddr,
        key: RelayKey,
        schedule: Schedule,
    ) -> Result<Self, RelayError> {
        if schedule.period == 0 {
            return Err(RelayError::NoPeriod);
        }
        let failed = |source| RelayError::Listen { address: at, source };
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, key, schedule })
    }

    /// What clients are told: everything stands below this URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until the task is dropped.
    ///
    /// # Errors
    /// [`RelayError::Serve`].
    pub async fn serve(self) -> Result<(), RelayError> {
        let router = Router::new()
            .route("/info", get(info))
            .route("/public/{round}", get(round))
            .with_state(Arc::new((self.key, self.schedule)));
        axum::serve(self.listener, router).await.map_err(RelayError::Serve)
    }
}

type Shared = State<Arc<(RelayKey, Schedule)>>;

async fn info(State(state): Shared) -> Response {
    let (key, schedule) = &*state;
    Json(json!({
        "public_key": hex::encode(key.public_key()),
        "period": schedule.period,
        "genesis_time": schedule.genesis,
        "schemeID": "bls-bn254-unchained-on-g1",
        "metadata": { "beaconID": "local" },
    }))
    .into_response()
}

async fn round(State(state): Shared, Path(asked): Path<String>) -> Response {
    let (key, schedule) = &*state;
    let refuse = |status: StatusCode, error: &str| (status, Json(json!({ "error": error })));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let newest = schedule.newest(now);
    let round = match asked.as_str() {
        "latest" => newest,
        number => number.parse().unwrap_or(0),
    };
    if round == 0 {
        return refuse(StatusCode::BAD_REQUEST, "rounds are numbers from 1").into_response();
    }
    if round > newest {
        return refuse(StatusCode::NOT_FOUND, "this round is not out yet").into_response();
    }
    let signature = key.sign(round);
    Json(json!({
        "round": round,
        "randomness": hex::encode(randomness(&signature)),
        "signature": hex::encode(signature),
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_out_one_by_one() {
        let schedule = Schedule { genesis: 100, period: 3 };
        for (time, newest) in [(0, 0), (99, 0), (100, 1), (102, 1), (103, 2), (130, 11)] {
            assert_eq!(schedule.newest(time), newest, "{time}");
        }
    }
}
