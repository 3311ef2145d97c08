//! Errors of the chain.

use super::endpoint::EndpointFailure;
use crate::causes::with_causes;
use crate::config::EndpointUrlError;
use alloy::primitives::B256;
use oml_contracts::addresses::AddressesError;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// What endpoints say of one final block, where they do not say the same.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{endpoint} says that block {number}, which is final, is {found}, but {others} says \
     {expected}: one of them is on another fork, or lies"
)]
pub struct Contradiction {
    /// Scheme, host and port of the endpoint.
    pub endpoint: String,
    /// The same of the others.
    pub others: String,
    /// Number of the block.
    pub number: u64,
    /// Hash that the endpoint gives.
    pub found: B256,
    /// Hash that the others give.
    pub expected: B256,
}

/// What can go wrong between the node and the chain. Several requests may wait for one read, so it
/// is cheap to clone.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// The endpoint's URL is none.
    #[error("rpc_url {0}")]
    BadUrl(#[source] EndpointUrlError),
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
        "the chain of {endpoint} begins with block {found}, the chain that was followed begins \
         with {expected}; nothing is changed until that chain answers again"
    )]
    OtherGenesis {
        /// Scheme, host and port of the endpoint.
        endpoint: String,
        /// Hash of the first block so far.
        expected: B256,
        /// Hash of the first block now.
        found: B256,
    },
    /// An endpoint shows another final block than others.
    #[error(transparent)]
    Contradicted(Box<Contradiction>),
    /// Blocks that counted as final are gone, and no second endpoint could be asked.
    #[error(
        "{endpoint} shows a reorg below block {finalized}, which is final, and no second endpoint \
         confirms it; nothing is changed until one does"
    )]
    UnconfirmedReorg {
        /// Scheme, host and port of the endpoint.
        endpoint: String,
        /// Newest final block.
        finalized: u64,
    },
    /// The endpoint left out logs of the contracts.
    #[error(
        "{endpoint} left out logs of block {number} ({shown_by}); what it says about events is not \
         complete"
    )]
    LogsOmitted {
        /// Scheme, host and port of the endpoint.
        endpoint: String,
        /// Number of the block.
        number: u64,
        /// What shows it.
        shown_by: &'static str,
    },
    /// Two endpoints say different things about the state after the same block.
    #[error(
        "{one} and {other} disagree about {what} after the same block; nothing is done on the \
         ground of it until they agree"
    )]
    Disagreement {
        /// What was asked.
        what: String,
        /// Scheme, host and port of one endpoint.
        one: String,
        /// The same of the other.
        other: String,
    },
    /// Several endpoints are configured, and only one could be asked. May be tried again.
    #[error(
        "{what}: no second endpoint could be asked, and money depends on it; it is tried again"
    )]
    NoSecondEndpoint {
        /// What was asked.
        what: String,
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
        use EndpointFailure::{Slow, Status, Unreadable, WebPage};
        match self {
            Self::NoAnswer { .. } => true,
            Self::Rpc { source, .. } => {
                matches!(
                    source.downcast_ref(),
                    Some(Slow { .. } | Status { .. } | Unreadable { .. } | WebPage { .. })
                ) && !self.is_refusal()
            }
            _ => false,
        }
    }

    /// Whether the endpoint's whole view is of no use: it shows another chain, another fork, the
    /// far past, or not all that happened.
    pub(crate) const fn is_wrong_view(&self) -> bool {
        matches!(
            self,
            Self::WrongChain { .. }
                | Self::OtherGenesis { .. }
                | Self::Behind { .. }
                | Self::Contradicted { .. }
                | Self::UnconfirmedReorg { .. }
                | Self::LogsOmitted { .. }
        )
    }
}
