//! A transaction before it is sent.

use alloy::network::TransactionBuilder as _;
use alloy::primitives::{Address, Bytes, U256};
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;

/// A transaction to send.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// What it is for, in words.
    pub(super) step: String,
    /// Contract that is called.
    pub(super) to: Address,
    /// Function and arguments.
    data: Bytes,
    /// Native currency sent along, in wei.
    pub(super) value: U256,
}

impl Call {
    /// A call that sends no money along.
    pub(crate) fn new<C: SolCall>(step: &str, to: Address, call: &C) -> Self {
        Self { step: step.to_owned(), to, data: call.abi_encode().into(), value: U256::ZERO }
    }

    /// The same with native currency sent along, in wei.
    pub(crate) fn with_value(self, value: U256) -> Self {
        Self { value, ..self }
    }

    /// As the endpoint takes it.
    pub(super) fn request(&self, from: Address) -> TransactionRequest {
        TransactionRequest::default()
            .with_from(from)
            .with_to(self.to)
            .with_input(self.data.clone())
            .with_value(self.value)
    }
}
