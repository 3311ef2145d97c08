//! Which addresses may be asked.
//!
//! A deployment's address is written by its host. The guard resolves names itself and hands only
//! allowed addresses to the HTTP client, so that a name which changes its address between check and
//! use (DNS rebinding) gains nothing.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::super::observation::{NotChecked, Observation};
use super::classify::Reply;

/// Why an address is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL.
    #[error("{url:?} is not a URL: {source}")]
    NotAUrl {
        /// As given, cut.
        url: String,
        /// What the parser stumbled over.
        source: <Url as FromStr>::Err,
    },
    /// Not the address of a web service.
    #[error("{url:?} can't be asked: only http and https addresses without user name are")]
    Unsupported {
        /// As given, cut.
        url: String,
    },
    /// Not on the public internet.
    #[error(
        "{host} is an address of this machine or of a private network, which is not asked unless \
         allowed"
    )]
    Private {
        /// The host or its address.
        host: String,
    },
}

/// How far asking may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// To addresses of the public internet only.
    Public,
    /// To this machine and private networks as well.
    Private,
}

impl Reach {
    fn includes(self, address: IpAddr) -> bool {
        self == Self::Private || is_public(address)
    }
}

/// Parses and judges an address; names are judged again once resolved.
pub(super) fn admit(uri: &str, reach: Reach) -> Result<Url, AddressError> {
    let shown = || uri.chars().take(200).collect::<String>();
    let url = Url::parse(uri).map_err(|source| AddressError::NotAUrl { url: shown(), source })?;
    let web = matches!(url.scheme(), "http" | "https");
    let anonymous = url.username().is_empty() && url.password().is_none();
    let Some(host) = url.host_str().filter(|_| web && anonymous) else {
        return Err(AddressError::Unsupported { url: shown() });
    };
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    if literal.is_some_and(|address| !reach.includes(address)) {
        return Err(AddressError::Private { host: host.to_owned() });
    }
    Ok(url)
}

/// Whether an address belongs to the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127 | 224.., _, _)
        | (169, 254, _)
        | (192, 168, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113) => true,
        (100, b, _) => (64..128).contains(&b),
        (172, b, _) => (16..32).contains(&b),
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is given out; of that, documentation and the protocol block (Teredo, ORCHID,
    // benchmarks) are not reachable as what they seem.
    let documentation = first == 0x2001 && second == 0x0db8 || first == 0x3fff && second < 0x1000;
    let protocol = first == 0x2001 && second < 0x0200;
    (0x2000..0x4000).contains(&first) && !documentation && !protocol
}

/// The IPv4 address inside mapped, compatible, NAT64 and 6to4 addresses.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => Some(join(high, low)),
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// Resolver that gives out allowed addresses only.
pub(super) struct Guard {
    reach: Reach,
}

impl Guard {
    pub(super) fn new(reach: Reach) -> Arc<Self> {
        Arc::new(Self { reach })
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let (allowed, refused): (Vec<_>, Vec<_>) =
                found.partition(|address| reach.includes(address.ip()));
            if allowed.is_empty() && !refused.is_empty() {
                return Err(
                    Box::new(AddressError::Private { host }) as Box<dyn Error + Send + Sync>
                );
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A request that never became a response.
pub(super) fn failed(error: &reqwest::Error) -> Reply {
    let mut causes = Vec::new();
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(refused) = cause.downcast_ref::<AddressError>() {
            let refusal = refused.to_string();
            return Reply::Done(Observation::NotChecked(NotChecked::Forbidden { refusal }));
        }
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.dedup();
    Reply::open(NotChecked::Unreachable { causes: causes.join(": ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn addresses_are_judged_before_anything_is_sent() {
        for private in [
            "http://127.0.0.1:9001",
            "http://[::1]/",
            "http://2130706433/",
            "http://0x7f.1/",
            "https://169.254.169.254/latest/meta-data",
        ] {
            let refused = admit(private, Reach::Public).unwrap_err();
            assert!(matches!(refused, AddressError::Private { .. }), "{private}: {refused}");
            assert!(admit(private, Reach::Private).is_ok(), "{private}");
        }
        for odd in ["ftp://example.com", "file:///etc/passwd", "http://me:pw@example.com"] {
            assert!(
                matches!(admit(odd, Reach::Private), Err(AddressError::Unsupported { .. })),
                "{odd}"
            );
        }
        assert!(matches!(admit("example.com", Reach::Private), Err(AddressError::NotAUrl { .. })));
        assert!(admit("https://example.com/base", Reach::Public).is_ok());
    }
}
