//! Which addresses a check may talk to.
//!
//! A deployment's URI is written by its host and an owner's endpoint by configuration; a prover that
//! asked whatever is written there could be sent to its own cloud's metadata service or database. The
//! guard resolves names itself and hands only allowed addresses to the HTTP client, so that a name
//! that changes its address between check and use (DNS rebinding) gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why a URL is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// Not a URL.
    #[error("{url:?} is not a URL: {cause}")]
    NotAUrl {
        /// As given, cut to 200 characters.
        url: String,
        /// The parser's word.
        cause: String,
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
        "{host} is a private or local address; set prover.allow_private_endpoints = true to ask it in a local network"
    )]
    Private {
        /// Host as given.
        host: String,
    },
}

/// Whether an address is reachable from the public internet by its number alone.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmarks = a == 198 && (b == 18 || b == 19);
    let assigned_to_protocols = a == 192 && b == 0 && c == 0;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || shared
        || benchmarks
        || assigned_to_protocols)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Both forms in which an IPv6 address is an IPv4 address.
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let segments = address.segments();
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    // 2000::/3 is what is given out; documentation (2001:db8::/32), Teredo and 6to4 are in it.
    let global = segments[0] & 0xe000 == 0x2000;
    let tunnels = segments[0] == 0x2002 || (segments[0] == 0x2001 && segments[1] == 0);
    global && !tunnels && !(segments[0] == 0x2001 && segments[1] == 0xdb8)
}

/// Parses `url` and refuses what must not be asked. Names are judged later, by their addresses
/// ([`GuardedResolver`]).
///
/// # Errors
/// [`GuardError`].
pub fn admit(url: &str, allow_private: bool) -> Result<Url, GuardError> {
    let shown = || url.chars().take(200).collect::<String>();
    let parsed = Url::parse(url)
        .map_err(|cause| GuardError::NotAUrl { url: shown(), cause: cause.to_string() })?;
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
pub struct GuardedResolver {
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
pub fn client(
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
    fn local_addresses_in_every_disguise_are_private() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

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
