//! Which addresses a node may call that are only written down somewhere: provers' inboxes, and
//! canaries. Deployments have a guard of their own in `oml_prover::check`.
//!
//! A prover's inbox is written by someone else: an owner that asked whatever is written there could
//! be sent to its own cloud's metadata service or database. The guard resolves names itself
//! and hands only allowed addresses to the HTTP client, so that a name that changes its address
//! between check and use (DNS rebinding) gains nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use oml_prover::check::is_public;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why a URL is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum GuardError {
    /// Not a URL.
    #[error("{url:?} is not a URL: {source}")]
    NotAUrl {
        /// As given, cut to 200 characters.
        url: String,
        /// The parser's word.
        source: <reqwest::Url as std::str::FromStr>::Err,
    },
    /// Neither HTTP nor HTTPS, or without a host, or with a password in it.
    #[error(
        "{url:?} can't be asked: only http and https addresses of a host, without user name, are"
    )]
    Unsupported {
        /// As given, cut to 200 characters.
        url: String,
    },
    /// Names an address that is not on the public internet.
    #[error(
        "{host} is a private or local address; set owner.rounds.allow_private_inboxes = true (prover.allow_private_endpoints for a prover) to ask it in a local network"
    )]
    Private {
        /// Host as given.
        host: String,
    },
}

/// Parses `url` and refuses what must not be asked. Names are judged later, by their addresses
/// ([`GuardedResolver`]).
///
/// # Errors
/// [`GuardError`].
pub(crate) fn admit(url: &str, allow_private: bool) -> Result<Url, GuardError> {
    let shown = || url.chars().take(200).collect::<String>();
    let parsed = Url::parse(url).map_err(|source| GuardError::NotAUrl { url: shown(), source })?;
    let named = parsed.username().is_empty() && parsed.password().is_none();
    let Some(host) = parsed.host_str() else {
        return Err(GuardError::Unsupported { url: shown() });
    };
    if !matches!(parsed.scheme(), "http" | "https") || !named {
        return Err(GuardError::Unsupported { url: shown() });
    }
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) if !allow_private && !is_public(address) => {
            Err(GuardError::Private { host: host.to_owned() })
        }
        _ => Ok(parsed),
    }
}

/// Resolves names and keeps only public addresses, unless private ones are allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardedResolver {
    /// Whether private addresses are kept.
    pub allow_private: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|a| allow_private || is_public(a.ip())).collect();
            if allowed.is_empty() {
                return Err(GuardError::Private { host }.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

/// An HTTP client that follows no redirect, uses no proxy of the environment and only reaches
/// admitted addresses.
///
/// # Errors
/// What the TLS backend says at its start.
pub(crate) fn client(
    allow_private: bool,
    timeout: std::time::Duration,
) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(GuardedResolver { allow_private }))
        .connect_timeout(timeout.min(std::time::Duration::from_secs(10)))
        .timeout(timeout)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_judged_before_anything_is_sent() {
        assert!(admit("https://example.org/base", false).is_ok());
        assert!(admit("http://127.0.0.1:9001", true).is_ok());
        for private in
            ["http://127.0.0.1:9001", "http://[::1]/", "http://2130706433/", "http://0x7f.1/"]
        {
            assert!(matches!(admit(private, false), Err(GuardError::Private { .. })), "{private}");
        }
        for unsupported in
            ["file:///etc/passwd", "ftp://example.org", "http://user:pw@example.org", "unix:/run/x"]
        {
            assert!(
                matches!(admit(unsupported, true), Err(GuardError::Unsupported { .. })),
                "{unsupported}"
            );
        }
        assert!(matches!(admit("not a url", true), Err(GuardError::NotAUrl { .. })));
    }

    #[tokio::test]
    async fn a_name_of_a_private_address_is_not_resolved() {
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(GuardedResolver { allow_private: false }.resolve(name()).await.is_err());
        assert!(GuardedResolver { allow_private: true }.resolve(name()).await.is_ok());
    }
}
