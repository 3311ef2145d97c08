//! Whether a service is there at all, before its answers are waited for one by one.

use crate::error::{FailureKind, HintExt as _, fail};
use eyre::Result;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Refuses a target that looks like a URL of something else than a service.
pub(super) fn check_scheme(target: &str) -> Result<()> {
    match target.split_once("://") {
        Some((scheme, _)) if scheme != "http" && scheme != "https" => Err(fail(
            format!("--target {target:?} is no http or https URL: its scheme is {scheme:?}"),
            "give a model directory, or a base URL such as http://127.0.0.1:8000",
            FailureKind::Failed,
        )),
        _ => Ok(()),
    }
}

/// Connects once, so that a service that is not there is said at once, with the cause.
pub(super) async fn reach(url: &str) -> Result<()> {
    let Ok(parsed) = reqwest::Url::parse(url) else { return Ok(()) };
    let (Some(host), Some(port)) = (parsed.host_str(), parsed.port_or_known_default()) else {
        return Ok(());
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let hint = "check the address, and that the service runs; nothing was asked, and this is no \
                verdict";
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(connected) => {
            connected.hint(format!("{url} is not reached"), hint, FailureKind::Network)?;
            Ok(())
        }
        Err(_) => Err(fail(
            format!("{url} is not reached within {} s", PATIENCE.as_secs()),
            hint,
            FailureKind::Network,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::find;

    #[test]
    fn only_services_have_a_scheme() {
        for good in ["http://a", "https://a", "prover/assets/models/tiny", "owner/model"] {
            check_scheme(good).unwrap();
        }
        let error = check_scheme("htp://x").unwrap_err().to_string();
        assert!(error.contains("its scheme is \"htp\""), "{error}");
    }

    /// Thirty-two questions were waited for in silence, and the cause was never shown.
    #[tokio::test]
    async fn a_service_that_is_not_there_is_said_at_once() {
        let error = reach("http://127.0.0.1:1").await.unwrap_err();
        assert_eq!(error.to_string(), "http://127.0.0.1:1 is not reached");
        assert_eq!(find(&error).1, FailureKind::Network);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        reach(&format!("http://{}/v1", listener.local_addr().unwrap())).await.unwrap();
    }
}
