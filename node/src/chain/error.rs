//! Errors of the chain.

use super::endpoint::EndpointFailure;
use crate::causes::with_causes;
use alloy::primitives::B256;
use oml_contracts::addresses::AddressesError;
use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// What can go wrong between the node and the chain. Several requests may wait for one read, so it
/// is cheap to clone.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// The endpoint's URL is none.
    #[error("rpc_url {url:?} is not a URL: {source}")]
    BadUrl {
        /// URL as configured.
        url: String,
        /// What is wrong with it.
        source: <reqwest::Url as FromStr>::Err,
    },
    /// The endpoint serves another chain than the addresses file names.
    #[error(
        "{url} serves chain {found}, the addresses file is for chain {expected}; set rpc_url to an \
         endpoint of chain {expected} or use that chain's addresses file"
    )]
    WrongChain {
        /// URL as configured.
        url: String,
        /// Chain id of the addresses file.
        expected: u64,
        /// Chain id of the endpoint.
        found: u64,
    },
    /// A contract of the addresses file has no code on the chain.
    #[error(
        "no code at {address} ({name}) on chain {chain_id}; is the addresses file of another deployment?"
    )]
    NoCode {
        /// Name of the contract.
        name: &'static str,
        /// Where it should be.
        address: String,
        /// Chain id of the endpoint.
        chain_id: u64,
    },
    /// The endpoint gave no answer in time. May be tried again.
    #[error("{what}: no answer in {seconds} s")]
    NoAnswer {
        /// What was asked.
        what: String,
        /// How long the answer was waited for.
        seconds: u64,
    },
    /// The endpoint does not have yet what another answer of it named. May be tried again.
    #[error("{what}: the endpoint does not have it")]
    Missing {
        /// What was asked.
        what: String,
    },
    /// The endpoint's newest block is older than everything that could be compared with it. May be
    /// tried again.
    #[error(
        "the endpoint's newest block is {latest}, long before block {stored}, which was read \
         before; it lags, so nothing is changed until it has caught up"
    )]
    Behind {
        /// Newest block of the endpoint.
        latest: u64,
        /// Newest block in the store.
        stored: u64,
    },
    /// The endpoint serves another chain than before, with the same chain id.
    #[error(
        "the endpoint's chain begins with block {found}, the chain that was followed begins with \
         {expected}; nothing is changed until that chain answers again"
    )]
    OtherGenesis {
        /// Hash of the first block so far.
        expected: B256,
        /// Hash of the first block now.
        found: B256,
    },
    /// A request failed: the network, or an error that the endpoint reports. May be tried again.
    #[error("{what}: {source}")]
    Rpc {
        /// What was asked.
        what: String,
        /// What the transport says.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The contract reverted.
    #[error("{what} reverted: {revert}")]
    Reverted {
        /// What was called.
        what: String,
        /// Name and values of the revert.
        revert: String,
    },
    /// The endpoint answered, but not with what the contracts can say.
    #[error("{what}: {source}")]
    Unexpected {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// Reading the addresses file failed.
    #[error("addresses file {}: {}", path.display(), with_causes(source.as_ref()))]
    Addresses {
        /// Path as configured.
        path: PathBuf,
        /// What is wrong with it.
        source: Arc<AddressesError>,
    },
}

impl ChainError {
    pub(crate) fn rpc(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Rpc { what: what.into(), source: source.into().into() }
    }

    pub(crate) fn unexpected(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unexpected { what: what.into(), source: source.into().into() }
    }

    /// Whether the endpoint understood the request and refused it.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Rpc { source, .. } = self else { return false };
        source.downcast_ref().is_some_and(EndpointFailure::is_refusal)
    }

    /// Whether the answer may be missing because too much was asked for at once.
    pub(crate) fn may_have_asked_too_much(&self) -> bool {
        use EndpointFailure::{Status, Unreadable, WebPage};
        match self {
            Self::NoAnswer { .. } => true,
            Self::Rpc { source, .. } => {
                matches!(
                    source.downcast_ref(),
                    Some(Status { .. } | Unreadable { .. } | WebPage { .. })
                ) && !self.is_refusal()
            }
            _ => false,
        }
    }

    /// Whether the endpoint's whole view is of no use: it shows another chain, or the far past.
    pub(crate) const fn is_wrong_view(&self) -> bool {
        matches!(self, Self::WrongChain { .. } | Self::OtherGenesis { .. } | Self::Behind { .. })
    }
}
