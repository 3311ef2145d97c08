//! Errors of the chain.

/// What can go wrong between the node and the chain.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// The endpoint's URL is none.
    #[error("rpc_url {url:?} is not a URL: {cause}")]
    BadUrl {
        /// As configured.
        url: String,
        /// Why.
        cause: String,
    },
    /// The endpoint serves another chain than the addresses file names.
    #[error(
        "{url} serves chain {found}, the addresses file is for chain {expected}; set rpc_url to an \
         endpoint of chain {expected} or use that chain's addresses file"
    )]
    WrongChain {
        /// The endpoint.
        url: String,
        /// Of the addresses file.
        expected: u64,
        /// Of the endpoint.
        found: u64,
    },
    /// A contract of the addresses file has no code on the chain.
    #[error(
        "no code at {address} ({name}) on chain {chain_id}; is the addresses file of another deployment?"
    )]
    NoCode {
        /// Which contract.
        name: &'static str,
        /// Its address.
        address: String,
        /// The chain.
        chain_id: u64,
    },
    /// A request failed: network, timeout, or the endpoint's own error. May be tried again.
    #[error("{what}: {cause}")]
    Rpc {
        /// What was asked.
        what: String,
        /// The transport's message.
        cause: String,
    },
    /// The contract reverted.
    #[error("{what} reverted: {reason}")]
    Reverted {
        /// What was called.
        what: String,
        /// Decoded reason.
        reason: String,
    },
    /// The endpoint answered, but not with what the contracts can say.
    #[error("{what}: {cause}")]
    Unexpected {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        cause: String,
    },
    /// Reading the addresses file failed.
    #[error("addresses file {path}: {cause}")]
    Addresses {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
}

impl ChainError {
    pub(crate) fn rpc(what: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::Rpc { what: what.into(), cause: cause.to_string() }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Rpc { .. })
    }
}
