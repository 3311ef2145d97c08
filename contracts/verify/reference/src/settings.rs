//! What contracts are deployed with, and who decides in the place of some.

use alloy::primitives::Address;
use oml_contracts::rpc::abi::Proofs::Config;
use oml_contracts::rpc::abi::{ProverRegistry, Rounds};

use crate::agreed::Coin;

/// What the deployment fixes.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Time of the first block.
    pub(crate) time: u64,
    /// Who decides over proofs.
    pub(crate) proofs: ProofAuthority,
    /// Who decides over rounds.
    pub(crate) rounds: RoundAuthority,
}

/// Who decides over rounds.
#[derive(Debug, Clone)]
pub(crate) enum RoundAuthority {
    /// An account: it slashes, burns and redirects when it likes. It tells in how many seconds
    /// seats answer, and owners open.
    Account(Address, [u32; 2]),
    /// The contract with these settings, and provers whose stake is in this coin.
    Contract(Rounds::Config, ProverRegistry::Config, Coin),
}

/// Who decides over proofs.
#[derive(Debug, Clone)]
pub(crate) enum ProofAuthority {
    /// An account: it slashes and terminates when it likes.
    Account(Address),
    /// The contract with these settings.
    Contract(Config),
}
