//! One request to the endpoint.

use super::endpoint::EndpointFailure;
use super::error::ChainError;
use super::reverts::reason_of_view;
use alloy::transports::TransportError;
use std::time::Duration;

/// Longest time for one request to the endpoint.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// One request to the endpoint with a time limit, counted.
pub(crate) async fn within<T>(
    what: impl Into<String>,
    request: impl IntoFuture<Output = Result<T, TransportError>>,
) -> Result<T, ChainError> {
    let what = what.into();
    match timed(&what, request).await? {
        Ok(value) => Ok(value),
        Err(error) => Err(ChainError::rpc(what, EndpointFailure::from(error))),
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
        Err(error) => Err(match (reason_of_view(&error), error) {
            (Some(revert), _) => ChainError::Reverted { what, revert },
            (None, alloy::contract::Error::TransportError(error)) => {
                ChainError::rpc(what, EndpointFailure::from(error))
            }
            (None, other) => ChainError::rpc(what, other),
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
