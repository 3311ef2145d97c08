//! What a rule answers: a refusal with its reasons, or the events that a call must cause.

use alloy::primitives::{Address, LogData};

/// The rules refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Reverts that name a rule that is broken, the bytecode must give one of them; empty where
    /// reasons are not modelled.
    pub(crate) reasons: Vec<Vec<u8>>,
}

impl Refused {
    /// For any reason.
    pub(crate) const ANY: Self = Self { reasons: Vec::new() };
}

/// Events of a successful operation, in their order.
pub(crate) type Events = Vec<(Address, LogData)>;
/// What a call must cause, or why it is refused.
pub(crate) type Caused = Result<Events, Refused>;
