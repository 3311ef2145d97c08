//! Who has signed: an account's key, or its code (EIP-1271).

use alloy::primitives::Address;

use super::Model;

/// What an account's code says when it is asked whether a signature is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Yes, to everything.
    Yes,
    /// Yes if the signature is the digest itself, as 32 bytes.
    Password,
    /// Yes if it may use as much gas as wallets with several keys need.
    Thrifty,
    /// Yes, followed by kilobytes of something else.
    Long,
    /// No.
    No,
    /// Reverts.
    Reverts,
    /// Uses up all gas.
    Burns,
    /// The first bytes of a yes, and no more of it.
    Short,
    /// A yes at the wrong end of the word.
    Misplaced,
    /// Yes if it may use more gas than one row of a batch should be able to burn.
    Greedy,
}

/// Every behavior.
pub const CODES: [Code; 10] = [
    Code::Yes,
    Code::Password,
    Code::Thrifty,
    Code::Long,
    Code::No,
    Code::Reverts,
    Code::Burns,
    Code::Short,
    Code::Misplaced,
    Code::Greedy,
];

/// A signature over what it comes with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signature {
    /// The account of the key that made it, zero for none.
    pub key: Address,
    /// Whether it is what [`Code::Password`] asks for.
    pub password: bool,
}

impl Model {
    /// Whether the signature is the account's: its key's, or what its code calls its own. What a key has signed the
    /// code that it has delegated to can't take back.
    #[must_use]
    pub fn is_signed(&self, account: Address, signature: &Signature) -> bool {
        let by_code = self.codes.get(&account).is_some_and(|code| match code {
            Code::Yes | Code::Thrifty | Code::Long => true,
            Code::Password => signature.password,
            _ => false,
        });
        !account.is_zero() && (signature.key == account || by_code)
    }
}
