//! Where an endpoint is, and how it is named without what may be secret in its URL.

use std::fmt;
use std::str::FromStr;

/// Schemes that endpoints are reached by.
const SCHEMES: [&str; 4] = ["http", "https", "ws", "wss"];

/// Why a text is no URL of an endpoint. It shows the text without what may be secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointUrlError {
    /// It is no URL at all.
    #[error("{shown:?} is not a URL ({source})")]
    Unreadable {
        /// The text without what may be secret in it.
        shown: String,
        /// What is wrong with it.
        source: <reqwest::Url as FromStr>::Err,
    },
    /// It is of a kind that is not spoken here.
    #[error("{shown:?} is not spoken here; write http://, https://, ws:// or wss://")]
    Scheme {
        /// The text without what may be secret in it.
        shown: String,
    },
}

/// URL of an endpoint that speaks JSON-RPC over HTTP or WebSocket. It shows scheme, host and port
/// alone: path, query and password often hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(reqwest::Url);

impl EndpointUrl {
    /// Reads a URL of the configuration.
    ///
    /// # Errors
    /// [`EndpointUrlError`].
    pub fn parse(text: &str) -> Result<Self, EndpointUrlError> {
        let url: reqwest::Url = text.parse().map_err(|source| EndpointUrlError::Unreadable {
            shown: without_secrets(text),
            source,
        })?;
        if !SCHEMES.contains(&url.scheme()) || !url.has_host() {
            return Err(EndpointUrlError::Scheme { shown: without_secrets(text) });
        }
        Ok(Self(url))
    }

    /// The whole URL, secrets included.
    pub(crate) const fn secret(&self) -> &reqwest::Url {
        &self.0
    }

    /// Whether requests go through one WebSocket connection.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.0.scheme().starts_with("ws")
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        self.0.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({self})")
    }
}

/// A text that may be no URL at all, without what would be secret in one.
fn without_secrets(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = place.rsplit('@').next().unwrap_or_default();
    let cut = if place.len() == rest.len() { "" } else { "/…" };
    if scheme.is_empty() { format!("{place}{cut}") } else { format!("{scheme}://{place}{cut}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_without_its_secrets() {
        for (url, shown) in [
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("https://user:pw@rpc.example/v3/KEY?apikey=KEY", "https://rpc.example"),
            ("wss://rpc.example:9/KEY", "wss://rpc.example:9"),
            ("http://[::1]:9", "http://[::1]:9"),
        ] {
            let parsed = EndpointUrl::parse(url).unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert!(!format!("{parsed:?}").contains("KEY"));
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_secrets() {
        for (text, shown) in [
            ("rpc.example/v3/KEY", "rpc.example/…"),
            ("ftp://user:KEY@rpc.example/KEY", "ftp://rpc.example/…"),
            ("https://", "https://"),
            ("", "\"\""),
        ] {
            let error = EndpointUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(shown), "{error}");
            assert!(!error.contains("KEY"), "{error}");
        }
    }
}
