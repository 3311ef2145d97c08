//! The last word before something is sent: whoever is at the keyboard sees what it takes.

use crate::money::Money;
use oml_contracts::EthAddress;
use std::fmt;

/// A call that is about to be sent.
#[derive(Clone, Debug)]
pub struct PlannedCall {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Host of the chain's endpoint; the rest of its URL may hold a key.
    pub endpoint: String,
    /// Account that signs and pays.
    pub signer: EthAddress,
    /// What it is for, in words.
    pub step: String,
    /// What it takes from the signer besides gas.
    pub money: Option<Money>,
    /// Which parts the money has, in words; empty if there is one.
    pub parts: String,
}

impl PlannedCall {
    /// The deployment of all contracts, which takes gas only.
    #[must_use]
    pub fn of_deployment(chain_id: u64, url: &str, signer: EthAddress) -> Self {
        let (endpoint, step) = (host_of(url), "deploying the contracts".to_owned());
        Self { chain_id, endpoint, signer, step, money: None, parts: String::new() }
    }
}

/// Decides whether a call is sent.
pub trait Consent: fmt::Debug + Send + Sync {
    /// Whether the call may be sent. It was rehearsed, and nothing of it was sent yet.
    fn agrees(&self, call: &PlannedCall) -> bool;
}

/// The host and port of an endpoint's URL.
pub(crate) fn host_of(url: &str) -> String {
    let Ok(url) = url.parse::<reqwest::Url>() else { return "an endpoint".to_owned() };
    let host = url.host_str().unwrap_or("an endpoint");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_an_endpoints_url_are_not_shown() {
        assert_eq!(host_of("https://eth.example/v2/SECRET"), "eth.example");
        assert_eq!(host_of("https://u:SECRET@eth.example:8545/"), "eth.example:8545");
        assert_eq!(host_of("SECRET"), "an endpoint");
    }
}
