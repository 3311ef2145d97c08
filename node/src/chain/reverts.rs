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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(code: i64, message: &str, data: Option<&str>) -> TransportError {
        let payload = json!({ "code": code, "message": message, "data": data });
        TransportError::ErrorResp(serde_json::from_value(payload).unwrap())
    }

    #[test]
    fn endpoints_say_in_several_ways_that_a_contract_reverted() {
        // `Error(string)` with the text "no".
        let text = concat!(
            "0x08c379a0",
            "0000000000000000000000000000000000000000000000000000000000000020",
            "0000000000000000000000000000000000000000000000000000000000000002",
            "6e6f000000000000000000000000000000000000000000000000000000000000",
        );
        let reason = |code, message, data| revert_reason(&answer(code, message, data));
        assert!(reason(3, "execution reverted: no", Some(text)).unwrap().contains("no"));
        assert_eq!(reason(3, "VM Exception", None).unwrap(), "VM Exception");
        // Geth's general code, with which it answers a revert without data.
        assert_eq!(reason(-32000, "execution reverted", None).unwrap(), "execution reverted");
        assert!(
            reason(-32000, "execution reverted", Some("0x01020304"))
                .unwrap()
                .contains("0x01020304")
        );
    }

    #[test]
    fn a_failing_endpoint_is_no_revert() {
        for message in ["insufficient funds for gas", "nonce too low", "header not found"] {
            assert_eq!(revert_reason(&answer(-32000, message, None)), None);
        }
        let closed = alloy::transports::TransportErrorKind::backend_gone();
        assert_eq!(revert_reason(&closed), None);
    }
}
