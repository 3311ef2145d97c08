//! Whether a request failed because a contract reverted, and why it did.

use alloy::transports::TransportError;
use oml_contracts::rpc::reverts;

/// Code of JSON-RPC with which endpoints report that the called contract reverted.
const EXECUTION_REVERTED: i64 = 3;

/// Reason of a revert; `None` if the request failed for another reason.
pub(super) fn revert_reason(error: &TransportError) -> Option<String> {
    let answer = error.as_error_resp()?;
    let data = answer.as_revert_data();
    if let Some(reason) = data.as_ref().and_then(|data| reverts::decode(data)) {
        return Some(reason);
    }
    // Geth answers a revert without data with its general code -32000, so only its words tell it
    // from a failing endpoint, and a call that must be refused from one to be tried again.
    let reverted =
        answer.code == EXECUTION_REVERTED || data.is_some() || answer.message.contains("revert");
    reverted.then(|| match data {
        Some(data) => format!("{} ({data})", answer.message),
        None => answer.message.to_string(),
    })
}

/// [`revert_reason`] of a call of a typed contract.
pub(super) fn reason_of_view(error: &alloy::contract::Error) -> Option<String> {
    match error {
        alloy::contract::Error::TransportError(error) => revert_reason(error),
        _ => None,
    }
}
