//! Why a deployment stops, and how a provider's failure becomes such a reason.

use alloy::primitives::B256;

use super::artefacts::ArtefactError;
use super::convert::ConvertError;
use super::points::PointFault;
use super::reverts;
use crate::address::EthAddress;

/// Why a deployment stopped. What was deployed before stays, unused.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The compiled contract inside this program is unusable.
    #[error(transparent)]
    Artefact(#[from] ArtefactError),
    /// A parameter does not fit.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The public key of the drand network is none.
    #[error(
        "the public key of the drand network can't be used: {0}; give it as drand publishes it"
    )]
    DrandKey(#[source] PointFault),
    /// The node refused or could not be reached.
    #[error("deploying {contract} failed: {}", shown(.revert.as_deref(), .source.as_ref()))]
    Rpc {
        /// The contract, or what was asked.
        contract: &'static str,
        /// The decoded revert, if it was one.
        revert: Option<String>,
        /// The error itself.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The transaction was mined and reverted.
    #[error("deploying {contract} failed: transaction {transaction} was mined and reverted")]
    Reverted {
        /// The contract, or what was asked.
        contract: &'static str,
        /// Hash of the transaction.
        transaction: B256,
    },
    /// The transaction was mined, and nothing is where it should have created it.
    #[error("{contract} was not created at {expected}; does the chain refuse its size or its gas?")]
    NotCreated {
        /// Name of the contract.
        contract: &'static str,
        /// Where it should be.
        expected: EthAddress,
    },
}

/// The decoded revert, or else the node's message.
fn shown(revert: Option<&str>, source: &(dyn std::error::Error + Send + Sync)) -> String {
    revert.map_or_else(|| source.to_string(), str::to_owned)
}

pub(crate) fn transport(
    contract: &'static str,
) -> impl Fn(alloy::transports::TransportError) -> DeployError {
    move |error| DeployError::Rpc {
        contract,
        revert: reverts::of_transport_error(&error),
        source: Box::new(error),
    }
}

pub(crate) fn contract_error(
    contract: &'static str,
) -> impl Fn(alloy::contract::Error) -> DeployError {
    move |error| DeployError::Rpc {
        contract,
        revert: reverts::of_contract_error(&error),
        source: Box::new(error),
    }
}
