//! Listener and thread of one model.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::engine::ServedModel;
use super::openai;
use super::worker::Queue;
use crate::api::{self, ServeLimits};
use crate::tasks::{TaskFailure, Tasks};

/// Requests that may wait unless a caller says otherwise.
pub(crate) const DEFAULT_QUEUE: usize = 32;
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
        /// Address as configured, with its port.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The worker's thread can't be started.
    #[error("the inference thread can't be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The model's thread panicked.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

/// Serves `model` under `model_name` until `cancel` is cancelled.
///
/// # Errors
/// [`InferenceError`].
pub async fn serve(
    model: impl ServedModel,
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
/// [`InferenceError::Thread`], [`InferenceError::Task`].
pub async fn serve_on(
    listener: TcpListener,
    model: impl ServedModel,
    model_name: &str,
    waiting: usize,
    cancel: CancellationToken,
) -> Result<(), InferenceError> {
    let tasks = Tasks::under(&cancel);
    let queue = Queue::start(model, waiting, &tasks).map_err(InferenceError::Thread)?;
    let shared = Arc::new(openai::ServerState { model_name: model_name.to_owned(), queue });
    tracing::info!(model = model_name, listen = ?listener.local_addr().ok(), "inference serves");
    let limits = ServeLimits { grace: GRACE, ..ServeLimits::default() };
    api::serve(listener, openai::router(shared), limits, tasks.clone()).await;
    // The thread ends with the last copy of its queue.
    tasks.shutdown(GRACE).await;
    tasks.failure().map_or(Ok(()), |failure| Err(failure.into()))
}
