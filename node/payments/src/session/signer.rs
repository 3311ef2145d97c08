//! Who signs a payer's vouchers.

use std::pin::Pin;

use k256::ecdsa::SigningKey;
use oml_contracts::{Digest, EthAddress, Signature};

/// The answer of a [`VoucherSigner`].
pub type SignatureAnswer<'a> = Pin<
    Box<
        dyn Future<Output = Result<Signature, Box<dyn std::error::Error + Send + Sync>>>
            + Send
            + 'a,
    >,
>;

/// Signs the vouchers of a channel: a key at hand, or an account whose key somebody else holds and
/// which takes its time for each.
pub trait VoucherSigner: std::fmt::Debug + Send + Sync {
    /// Account whose signatures they are.
    fn address(&self) -> EthAddress;

    /// Signs the digest of a voucher.
    fn sign(&self, digest: Digest) -> SignatureAnswer<'_>;
}

impl VoucherSigner for SigningKey {
    fn address(&self) -> EthAddress {
        EthAddress::of_key(self.verifying_key())
    }

    fn sign(&self, digest: Digest) -> SignatureAnswer<'_> {
        Box::pin(std::future::ready(Signature::sign(digest, self).map_err(Into::into)))
    }
}
