//! Why a round's proof could not be had.

use crate::causes::with_causes;
use crate::chain::error::ChainError;
use alloy::primitives::B256;
use oml_contracts::rpc::points::PointFault;
use std::sync::Arc;

/// A proof that could not be had now. Says nothing about the round's value; may be tried again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BeaconError {
    /// The chain's endpoint failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The chain's endpoint gave a header that is not that of the block.
    #[error(
        "the endpoint's header of block {block} hashes to {computed}, but it says {claimed}; it \
         lies or has a header that this version does not know: ask another endpoint, or update"
    )]
    FalseHeader {
        /// Number of the block.
        block: u64,
        /// Hash of the header's own bytes.
        computed: B256,
        /// Hash that the endpoint claims.
        claimed: B256,
    },
    /// The beacon refuses the header of a block that the endpoint itself has given.
    #[error(
        "the beacon refuses the endpoint's header of block {block}: {revert}; is the endpoint on \
         another fork, or the block too old?"
    )]
    RefusedHeader {
        /// Number of the block.
        block: u64,
        /// Name and values of the revert.
        revert: String,
    },
    /// No relay gave a signature that the beacon accepts.
    #[error("no relay gave a signature of drand round {round}: {}", listed(refused))]
    NoSignature {
        /// Number of the round that was asked for.
        round: u64,
        /// Every relay that was asked.
        refused: Vec<RefusedRelay>,
    },
    /// No relay is configured, and the network is not one of drand's public ones.
    #[error(
        "no drand relay is known for this deployment's network; set chain.drand_endpoints \
         (--drand-endpoint) to the URLs of its relays"
    )]
    NoRelays,
    /// The HTTP client does not start.
    #[error("the HTTP client does not start: {0}")]
    Client(Arc<reqwest::Error>),
}

/// A relay whose answer is of no use, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{url}: {fault}")]
pub struct RefusedRelay {
    /// URL of the relay's chain.
    pub url: String,
    /// What is wrong.
    #[source]
    pub fault: DrandFault,
}

/// What is wrong with a relay or its answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DrandFault {
    /// It can't be reached, or breaks off.
    #[error("{}", with_causes(.0.as_ref()))]
    Unreachable(Arc<reqwest::Error>),
    /// It answers with an error.
    #[error("HTTP status {0}")]
    Status(u16),
    /// It says more than any round has to say.
    #[error("its answer is longer than {limit} bytes")]
    TooLong {
        /// Bytes that are read.
        limit: usize,
    },
    /// Its answer is not drand's.
    #[error("its answer is not that of a drand relay: {0}")]
    NotDrand(Arc<serde_json::Error>),
    /// It answers with another round.
    #[error("it gave round {found}")]
    OtherRound {
        /// Round of the answer.
        found: u64,
    },
    /// What it calls a signature is not hex.
    #[error("its signature is not hex: {0}")]
    NotHex(hex::FromHexError),
    /// What it calls a signature is no point of the curve.
    #[error("its signature is none: {0}")]
    NotAPoint(PointFault),
    /// The beacon refuses the signature in a simulation.
    #[error("the beacon refuses its signature: {revert}")]
    Refused {
        /// Name and values of the revert.
        revert: String,
    },
    /// The simulation itself failed, so nothing is known of the signature.
    #[error("its signature could not be tried: {0}")]
    Untried(ChainError),
}

fn listed(refused: &[RefusedRelay]) -> String {
    refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
