//! The accounts that make calls, with their keys.

use alloy::primitives::{Address, keccak256};
use alloy::signers::local::PrivateKeySigner;

use crate::evm::SetUpError;
use crate::wallets::CODES;

/// Everybody who makes calls.
#[derive(Debug, Clone)]
pub(super) struct People {
    pub(super) owner: Address,
    pub(super) parent: Address,
    /// One with a key, one whose key has delegated to code, one that is a contract.
    pub(super) hosts: Vec<Address>,
    /// As the hosts.
    pub(super) payers: Vec<Address>,
    /// Keys of all who have one.
    pub(super) keys: Vec<PrivateKeySigner>,
    pub(super) session: Address,
    /// Contracts that sign for sessions, or do not.
    pub(super) wallets: Vec<Address>,
    pub(super) stranger: Address,
    /// Signs what is somebody else's to sign.
    pub(super) forger: PrivateKeySigner,
    /// Signs the hosts' receipts.
    pub(super) serving: PrivateKeySigner,
    /// Signs them after a rotation.
    pub(super) next_serving: PrivateKeySigner,
}

pub(super) fn people() -> Result<People, SetUpError> {
    let names = ["host 0", "host 1", "payer 0", "payer 1", "session"];
    let keys: Result<Vec<_>, _> = names.into_iter().map(key).collect();
    let keys = keys?;
    let [host, other_host, payer, other_payer, session] =
        [0, 1, 2, 3, 4].map(|at: usize| keys[at].address());
    let contract = person("contract");
    Ok(People {
        owner: person("owner"),
        parent: person("parent owner"),
        hosts: vec![host, other_host, contract],
        payers: vec![payer, other_payer, contract],
        keys,
        session,
        wallets: CODES.iter().map(|code| person(&format!("{code:?}"))).collect(),
        stranger: person("stranger"),
        forger: key("forger")?,
        serving: key("serving")?,
        next_serving: key("next serving")?,
    })
}

fn key(name: &str) -> Result<PrivateKeySigner, SetUpError> {
    PrivateKeySigner::from_bytes(&keccak256(name)).map_err(|e| SetUpError(e.to_string()))
}

pub(super) fn person(name: &str) -> Address {
    Address::from_word(keccak256(name))
}
