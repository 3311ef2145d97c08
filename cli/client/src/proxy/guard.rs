//! Who may spend money through the local endpoint. Pure.
//!
//! Every program of this machine reaches it, and so does every web page that its browser shows: a
//! page can post to a loopback address, and with a name that it points there even as its own site.
//! So a request must name the endpoint by an address, come from no page, and be JSON, which a page
//! can't send to another site unasked.

use std::net::IpAddr;

/// What the guard looks at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caller<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    pub(super) content_type: Option<&'a str>,
    pub(super) authorization: Option<&'a str>,
}

/// Why a caller may not spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    #[error("a web page may not spend through this endpoint")]
    Page,
    #[error("name this endpoint by its address, such as http://127.0.0.1:4010/v1, not by a name")]
    Name,
    #[error("send the request as application/json")]
    NotJson,
    #[error("the API key of this request is not the one of the endpoint")]
    Key,
}

/// Whether a caller may spend; `key` is what it must give, if the endpoint has one.
pub(super) fn check(caller: &Caller<'_>, key: Option<&str>) -> Result<(), Stranger> {
    if caller.origin.is_some() {
        return Err(Stranger::Page);
    }
    // No page knows the key, so whoever gives it may name the endpoint as they like.
    if key.is_none() && !caller.host.is_some_and(is_address) {
        return Err(Stranger::Name);
    }
    let kind = caller.content_type.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Stranger::NotJson);
    }
    let given = caller.authorization.and_then(|text| text.strip_prefix("Bearer "));
    match key {
        Some(key) if !given.is_some_and(|given| is_same(given.trim(), key)) => Err(Stranger::Key),
        _ => Ok(()),
    }
}

/// Whether the host of a request is an address, or the one name that no page can have.
fn is_address(host: &str) -> bool {
    let without_port = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    without_port.eq_ignore_ascii_case("localhost") || without_port.parse::<IpAddr>().is_ok()
}

/// Compares without telling by its time how much is right.
fn is_same(given: &str, key: &str) -> bool {
    let (given, key) = (given.as_bytes(), key.as_bytes());
    let differing = given.iter().zip(key).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == key.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Caller<'_> = Caller {
        host: Some("127.0.0.1:4010"),
        origin: None,
        content_type: Some("application/json; charset=utf-8"),
        authorization: Some("Bearer secret"),
    };

    #[test]
    fn clients_may_spend() {
        for host in ["127.0.0.1:4010", "localhost:4010", "LOCALHOST", "[::1]:4010", "10.0.0.7:1"] {
            assert_eq!(check(&Caller { host: Some(host), ..CLIENT }, None), Ok(()), "{host}");
        }
        assert_eq!(check(&CLIENT, Some("secret")), Ok(()));
        let named = Caller { host: Some("payer.internal:4010"), ..CLIENT };
        assert_eq!(check(&named, Some("secret")), Ok(()));
    }

    #[test]
    fn pages_may_not() {
        let page = Caller { origin: Some("null"), ..CLIENT };
        assert_eq!(check(&page, None), Err(Stranger::Page));
        // A name that its owner points at this machine.
        for host in [Some("evil.example:4010"), Some("127.0.0.1.evil.example"), None] {
            assert_eq!(check(&Caller { host, ..CLIENT }, None), Err(Stranger::Name));
        }
        // What a page can post to any site without a question.
        for kind in [Some("text/plain"), Some("application/x-www-form-urlencoded"), None] {
            let caller = Caller { content_type: kind, ..CLIENT };
            assert_eq!(check(&caller, None), Err(Stranger::NotJson));
        }
    }

    #[test]
    fn a_key_must_be_the_one() {
        for authorization in [None, Some("Bearer secre"), Some("Bearer secrets"), Some("secret")] {
            let caller = Caller { authorization, ..CLIENT };
            assert_eq!(check(&caller, Some("secret")), Err(Stranger::Key), "{authorization:?}");
        }
    }
}
