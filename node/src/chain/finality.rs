//! Which endpoints have no final block, so that depth must do.

use super::endpoint::EndpointFailure;
use super::error::ChainError;
use alloy::transports::{RpcError, TransportErrorKind};

/// Codes by which JSON-RPC refuses a method or a parameter, and Ethereum's for an unknown block.
const UNKNOWN: [i64; 3] = [-32_601, -32_602, -39_001];
/// Codes of endpoints that are asked too much.
const BUSY: [i64; 3] = [-32_005, -32_029, 429];
/// Words of clients that do not know the tag, or whose chain never makes a block final.
const UNKNOWN_WORDS: [&str; 5] = [
    "unknown block",
    "not supported",
    "unsupported",
    "invalid block tag",
    "finalized block not found",
];
/// Words of endpoints that would answer somebody who asks less.
const BUSY_WORDS: [&str; 3] = ["limit", "too many", "quota"];

/// Whether an endpoint answered a question for its `finalized` block by saying that it does not
/// know that tag, so that a block is taken for final by its depth. Any other failure says nothing
/// about the chain: what rests on finality waits.
#[must_use]
pub fn lacks_finalized_tag(error: &RpcError<TransportErrorKind>) -> bool {
    error.as_error_resp().is_some_and(|answer| is_unknown_tag(answer.code, &answer.message))
}

/// The same of a request to the node's endpoint.
pub(super) fn depth_decides(error: &ChainError) -> bool {
    let ChainError::Rpc { source, .. } = error else { return false };
    match source.downcast_ref() {
        Some(EndpointFailure::Refused { code, said }) => is_unknown_tag(*code, said),
        _ => false,
    }
}

fn is_unknown_tag(code: i64, said: &str) -> bool {
    let said = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let busy = BUSY.contains(&code) || has(&BUSY_WORDS);
    !busy && (UNKNOWN.contains(&code) || has(&UNKNOWN_WORDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::request::within;
    use serde_json::json;

    fn refused(code: i64, message: &str) -> RpcError<TransportErrorKind> {
        let answer = json!({"code": code, "message": message});
        RpcError::ErrorResp(serde_json::from_value(answer).unwrap())
    }

    /// The error of a request, as the follower gets it.
    async fn as_asked(error: RpcError<TransportErrorKind>) -> ChainError {
        within("block finalized", async { Err::<(), _>(error) }).await.unwrap_err()
    }

    #[tokio::test]
    async fn only_an_endpoint_that_does_not_know_the_tag_lets_depth_decide() {
        for (code, message, expected) in [
            (-32_601, "the method eth_getBlockByNumber does not exist", true),
            (-32_602, "invalid argument 0: hex string without 0x prefix", true),
            (-39_001, "Unknown block", true),
            (-32_000, "unknown block", true),
            (-32_000, "Tag 'finalized' is not supported", true),
            (-32_000, "invalid block tag", true),
            (-32_000, "finalized block not found", true),
            (-32_005, "daily request count exceeded", false),
            (-32_005, "unsupported rate", false),
            (-32_602, "rate limit exceeded", false),
            (429, "Too Many Requests", false),
            (-32_000, "too many requests; batches are not supported", false),
            (-32_603, "internal error", false),
            (-32_000, "header not found", false),
            (-32_000, "", false),
        ] {
            let error = refused(code, message);
            assert_eq!(lacks_finalized_tag(&error), expected, "{code} {message}");
            let error = as_asked(error).await;
            assert_eq!(depth_decides(&error), expected, "{error}");
        }
        let cut = TransportErrorKind::http_error(429, "not supported".to_owned());
        assert!(!lacks_finalized_tag(&cut) && !depth_decides(&as_asked(cut).await));
        assert!(!lacks_finalized_tag(&TransportErrorKind::backend_gone()));
        let silent = ChainError::NoAnswer { what: "not supported".to_owned(), seconds: 15 };
        assert!(!depth_decides(&silent));
    }
}
