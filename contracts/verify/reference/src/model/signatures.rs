//! Who has signed: an account's key, or its code (EIP-1271).

use alloy::primitives::Address;

use super::state::{ReferenceModel, SignatureFacts};
use crate::wallets::WalletCode;

impl ReferenceModel {
    /// Whether the signature is the account's: its key's, or what its code calls its own. What a
    /// key has signed the code that it has delegated to can't take back.
    #[must_use]
    pub(crate) fn is_signed(&self, account: Address, signature: &SignatureFacts) -> bool {
        let by_code = self.codes.get(&account).is_some_and(|code| match code {
            WalletCode::Yes | WalletCode::Thrifty | WalletCode::Long => true,
            WalletCode::Password => signature.password,
            _ => false,
        });
        !account.is_zero() && (signature.key == account || by_code)
    }
}
