//! The few shapes of `abi.encode` that the formats hash; checked against alloy's encoder in tests.

use crate::address::EthAddress;

/// 32-byte words, in order.
#[derive(Debug, Default)]
pub(crate) struct AbiWords(Vec<u8>);

impl AbiWords {
    pub(crate) fn bytes32(mut self, bytes: impl AsRef<[u8]>) -> Self {
        debug_assert_eq!(bytes.as_ref().len(), 32, "a word is 32 bytes");
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    pub(crate) fn uint(mut self, number: impl Into<u128>) -> Self {
        self.0.extend_from_slice(&[0; 16]);
        self.0.extend_from_slice(&number.into().to_be_bytes());
        self
    }

    pub(crate) fn address(mut self, address: EthAddress) -> Self {
        self.0.extend_from_slice(&[0; 12]);
        self.0.extend_from_slice(address.as_bytes());
        self
    }

    pub(crate) fn append(mut self, tail: Self) -> Self {
        self.0.extend_from_slice(&tail.0);
        self
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        crate::keccak::keccak256(&self.0)
    }
}
