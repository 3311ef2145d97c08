//! Listener and thread of one model.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::{openai, worker};
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
        "the inference server can't listen on {address}: {source}; is another program using the port?"
    )]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The listener failed.
    #[error("the inference server's listener failed: {0}")]
    Serve(#[source] std::io::Error),
    /// The worker's thread can't be started.
    #[error("the inference thread can't be started: {0}")]
    Thread(#[source] std::io::Error),
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
        .map_err(|source| InferenceError::Listen { address: listen, source })?;
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
