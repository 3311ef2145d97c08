//! Asking about the state that a transaction will meet.

use crate::chain::reverts::revert_reason;
use alloy::eips::BlockId;
use alloy::transports::TransportResult;

/// Asks on the pending block, whose time and transactions are nearest to those that a transaction
/// will meet; and where the endpoint has no pending block, on the newest one. A revert is an answer
/// and is not asked again.
///
/// For a count of transactions this means that an own transaction which is in no block yet is not
/// seen on such an endpoint. The next one then gets the same nonce, so at most one of both is ever
/// mined.
///
/// # Errors
/// What the endpoint answered last.
pub async fn on_newest_state<T, F>(ask: impl Fn(BlockId) -> F) -> TransportResult<T>
where
    F: IntoFuture<Output = TransportResult<T>>,
{
    match ask(BlockId::pending()).await {
        Err(error) if error.is_error_resp() && revert_reason(&error).is_none() => {
            tracing::debug!(%error, "no answer on the pending block; asking on the newest");
            ask(BlockId::latest()).await
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::transports::{TransportError, TransportErrorKind};
    use serde_json::json;
    use std::cell::RefCell;

    fn refused(code: i64, message: &str) -> TransportError {
        let payload = json!({ "code": code, "message": message });
        TransportError::ErrorResp(serde_json::from_value(payload).unwrap())
    }

    #[tokio::test]
    async fn the_newest_block_is_asked_only_where_there_is_no_pending_one() {
        for (failure, (asked, answered)) in [
            (None, (1, true)),
            (Some(refused(-32000, "pending state is not available")), (2, true)),
            (Some(refused(3, "execution reverted")), (1, false)),
            (Some(TransportErrorKind::http_error(429, String::new())), (1, false)),
        ] {
            let (seen, failure) = (RefCell::new(Vec::new()), RefCell::new(failure));
            let answer = on_newest_state(|block| {
                seen.borrow_mut().push(block);
                let failure = failure.borrow_mut().take();
                std::future::ready(failure.map_or(Ok(7), Err))
            });
            let answer = answer.await;
            let blocks = [BlockId::pending(), BlockId::latest()];
            assert_eq!(seen.borrow().as_slice(), &blocks[..asked], "{answer:?}");
            assert_eq!(answer.is_ok(), answered);
        }
    }
}
