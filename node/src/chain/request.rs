//! One request to the endpoint.

use super::error::ChainError;
use std::time::Duration;

/// Longest time for one request to the endpoint.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// One request to the endpoint with a time limit, counted.
pub(crate) async fn within<T, E: std::fmt::Display>(
    what: impl Into<String>,
    request: impl IntoFuture<Output = Result<T, E>>,
) -> Result<T, ChainError> {
    let outcome = match tokio::time::timeout(REQUEST_TIMEOUT, request.into_future()).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(cause)) => Err(ChainError::rpc(what, cause)),
        Err(_) => {
            Err(ChainError::rpc(what, format!("no answer in {} s", REQUEST_TIMEOUT.as_secs())))
        }
    };
    let label = if outcome.is_ok() { "ok" } else { "error" };
    metrics::counter!("oml_rpc_requests_total", "outcome" => label).increment(1);
    outcome
}
