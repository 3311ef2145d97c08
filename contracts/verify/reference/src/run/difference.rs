//! What is reported when bytecode and model part.

use alloy::primitives::U256;
use oml_contracts::rpc::reverts;

use crate::evm::SetUpError;

/// The bytecode did something else than the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// One refused and the other did not.
    Refusal {
        /// What was called.
        step: String,
        /// Whether the model refused.
        model_refuses: bool,
        /// What the bytecode answered.
        answer: String,
    },
    /// Both refused, the bytecode for a reason that does not hold.
    Reason {
        /// What was called.
        step: String,
        /// Reasons that hold.
        expected: String,
        /// The reason that the bytecode gave.
        found: String,
    },
    /// Both went through and caused different events.
    Events {
        /// What was called.
        step: String,
        /// Events that the rules ask for.
        expected: String,
        /// Events that the bytecode caused.
        found: String,
    },
    /// Another amount at the end.
    Balance {
        /// Whose, of what.
        what: String,
        /// What the rules say.
        expected: U256,
        /// What the bytecode says.
        found: U256,
    },
    /// This program's own fault.
    SetUp(SetUpError),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Difference {}

impl From<SetUpError> for Difference {
    fn from(error: SetUpError) -> Self {
        Self::SetUp(error)
    }
}

/// A revert in words.
pub(super) fn reason(data: &[u8]) -> String {
    reverts::decode(data).unwrap_or_else(|| alloy::hex::encode_prefixed(data))
}

/// All reasons in words.
pub(super) fn shown(reasons: &[Vec<u8>]) -> String {
    let reasons: Vec<String> = reasons.iter().map(|data| reason(data)).collect();
    reasons.join(" or ")
}
