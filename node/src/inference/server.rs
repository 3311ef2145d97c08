//! An OpenAI-compatible HTTP server over a model of this crate's own.
//!
//! `GET /v1/models`, `POST /v1/completions`, `POST /v1/chat/completions`, both also streamed. The
//! model is owned by one thread; its queue is bounded, and a full queue is answered 503.

mod engine;
mod openai;
mod role;
mod scores;
#[cfg(test)]
mod tests;

mod worker;

pub use engine::Engine;
pub use role::wire;
pub use scores::TokenLogProbability;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{self, ServeLimits};

/// Requests that may wait unless a caller says otherwise.
pub const DEFAULT_QUEUE: usize = 32;
/// Time that running answers have when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// The port can't be opened.
    #[error(
        "the inference server can't listen on {address}: {cause}; is another program using the port?"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// The listener failed.
    #[error("the inference server's listener failed: {0}")]
    Serve(std::io::Error),
    /// The worker's thread can't be started.
    #[error("the inference thread can't be started: {0}")]
    Thread(std::io::Error),
}

/// Serves `model` under `model_name` until `cancel` is cancelled.
///
/// # Errors
/// [`InferenceError`].
pub async fn serve(
    model: impl Engine,
    listen: SocketAddr,
    model_name: &str,
    cancel: CancellationToken,
) -> Result<(), InferenceError> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|cause| InferenceError::Listen { address: listen, cause })?;
    serve_on(listener, model, model_name, DEFAULT_QUEUE, cancel).await
}

/// [`serve`] on a port that is already open, with a queue of `waiting` requests.
///
/// # Errors
/// [`InferenceError::Thread`].
pub async fn serve_on(
    listener: TcpListener,
    model: impl Engine,
    model_name: &str,
    waiting: usize,
    cancel: CancellationToken,
) -> Result<(), InferenceError> {
    let queue = worker::Queue::start(model, waiting).map_err(InferenceError::Thread)?;
    let shared = Arc::new(openai::Shared { model_name: model_name.to_owned(), queue });
    tracing::info!(model = model_name, listen = ?listener.local_addr().ok(), "inference serves");
    let limits = ServeLimits { grace: GRACE, ..ServeLimits::default() };
    api::serve(listener, openai::router(shared), limits, cancel)
        .await
        .map_err(InferenceError::Serve)
}
