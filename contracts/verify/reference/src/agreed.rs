//! What the rules and the EVM must take for granted alike.

use alloy::consensus::Header;
use alloy::primitives::{Address, B256, Bytes, keccak256};

/// Chain of the tests.
pub(crate) const CHAIN_ID: u64 = 31_337;

/// Blocks from a commitment to the block of its value.
pub(crate) const MARGIN: u64 = 2;

/// Blocks whose hashes are there without the history contract of EIP-2935.
pub(crate) const HASHES: u64 = 256;

/// RANDAO of a block of this chain.
#[must_use]
pub(crate) fn mix_hash(number: u64) -> B256 {
    keccak256(number.to_string())
}

/// Header of a block of this chain, as it is hashed.
#[must_use]
pub(crate) fn header(number: u64) -> Bytes {
    let header = Header { number, mix_hash: mix_hash(number), ..Header::default() };
    alloy::rlp::encode(header).into()
}

/// Hash of a block of this chain, as its database answers.
#[must_use]
pub(crate) fn block_hash(number: u64) -> B256 {
    keccak256(header(number))
}

/// What something is paid in: all sequences know one token beside the chain's own currency, and
/// those with rounds another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coin {
    /// The ERC-20 token of licenses.
    #[default]
    Token,
    /// The ERC-20 token of provers' stakes, which does not always do what it should.
    Stake,
    /// The chain's own currency, which comes with the call.
    Native,
}

impl Coin {
    /// The coin of a currency's address; zero stands for the chain's own.
    pub(crate) fn of(currency: Address) -> Self {
        Self::native_if(currency.is_zero())
    }

    /// The chain's own currency if this holds, else the token.
    pub(crate) const fn native_if(own: bool) -> Self {
        if own { Self::Native } else { Self::Token }
    }

    /// Whether it is the chain's own currency.
    pub(crate) fn is_native(self) -> bool {
        self == Self::Native
    }
}
