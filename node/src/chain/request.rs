//! One request to the endpoint.

use super::error::ChainError;
use super::reverts::reason_of_view;
use std::error::Error;
use std::time::Duration;

/// Longest time for one request to the endpoint.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// One request to the endpoint with a time limit, counted.
pub(crate) async fn within<T, E: Error + Send + Sync + 'static>(
    what: impl Into<String>,
    request: impl IntoFuture<Output = Result<T, E>>,
) -> Result<T, ChainError> {
    let what = what.into();
    match timed(&what, request).await? {
        Ok(value) => Ok(value),
        Err(error) => Err(ChainError::rpc(what, error)),
    }
}

/// One call of a view, as [`within`]. An endpoint reports a revert as an error of the request; it
/// is no failure of the network.
pub(super) async fn view<T>(
    what: impl Into<String>,
    request: impl IntoFuture<Output = alloy::contract::Result<T>>,
) -> Result<T, ChainError> {
    let what = what.into();
    match timed(&what, request).await? {
        Ok(value) => Ok(value),
        Err(error) => Err(match reason_of_view(&error) {
            Some(reason) => ChainError::Reverted { what, reason },
            None => ChainError::rpc(what, error),
        }),
    }
}

async fn timed<T, E>(
    what: &str,
    request: impl IntoFuture<Output = Result<T, E>>,
) -> Result<Result<T, E>, ChainError> {
    let outcome = tokio::time::timeout(REQUEST_TIMEOUT, request.into_future()).await;
    let label = if matches!(outcome, Ok(Ok(_))) { "ok" } else { "error" };
    metrics::counter!("oml_rpc_requests_total", "outcome" => label).increment(1);
    outcome.map_err(|_| ChainError::NoAnswer {
        what: what.to_owned(),
        seconds: REQUEST_TIMEOUT.as_secs(),
    })
}
