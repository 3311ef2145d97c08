//! An account that signs, whether its key is here or a cloud holds it.

use crate::config::RemoteKey;
use alloy::consensus::SignableTransaction;
use alloy::network::TxSigner;
use alloy::primitives::{Address, B256, Signature};
use alloy::signers::Signer;
use async_trait::async_trait;
use oml_contracts::{Digest, EthAddress};
use oml_payments::{SignatureAnswer, VoucherSigner};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a cloud has for a public key or a signature; whatever is tried again is included.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Why an account can't sign.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// This program can't speak to the cloud that holds the key.
    #[error(
        "{key} needs a program with the cargo feature {feature}; build one with `cargo build \
         --release -p oml-cli --features {feature}`"
    )]
    NotBuilt {
        /// The key, as it was named.
        key: Box<RemoteKey>,
        /// Feature that it needs.
        feature: &'static str,
    },
    /// Nothing says in which region the key is.
    #[error("nothing says in which region {key} is; add @REGION to it, or set AWS_REGION")]
    NoRegion {
        /// The key, as it was named.
        key: Box<RemoteKey>,
    },
    /// The cloud did not give the public key.
    #[error(
        "{key} can't be used; check the credentials, that they may read the public key and sign, \
         and that it is a key for signatures on secp256k1"
    )]
    Unusable {
        /// The key, as it was named.
        key: Box<RemoteKey>,
        /// What the cloud, or the way to it, says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The key did not sign.
    #[error("{account} did not sign")]
    Refused {
        /// Account that was to sign.
        account: EthAddress,
        /// What its signer says.
        #[source]
        source: alloy::signers::Error,
    },
    /// The cloud did not answer.
    #[error("no answer of the service that holds the key of {account} within {seconds} s")]
    NoAnswer {
        /// Account that was to sign.
        account: EthAddress,
        /// How long was waited.
        seconds: u64,
    },
}

/// An account that signs transactions and typed data. Cheap to clone; shows its address alone.
#[derive(Clone)]
pub struct AccountSigner(Arc<dyn Signer + Send + Sync>);

impl AccountSigner {
    /// The account's address.
    #[must_use]
    pub fn address(&self) -> EthAddress {
        self.0.address().into()
    }

    /// Signs the digest of typed data (EIP-712).
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn sign(&self, digest: Digest) -> Result<oml_contracts::Signature, AccountError> {
        let signature = self.sign_hash(&B256::from(*digest.as_bytes())).await?;
        Ok(oml_contracts::Signature::new(signature.as_bytes()))
    }

    /// Signs a hash exactly as it is.
    pub(super) async fn sign_hash(&self, hash: &B256) -> Result<Signature, AccountError> {
        let account = self.address();
        match tokio::time::timeout(PATIENCE, self.0.sign_hash(hash)).await {
            Ok(Ok(signature)) => Ok(signature),
            Ok(Err(source)) => Err(AccountError::Refused { account, source }),
            Err(_) => Err(AccountError::NoAnswer { account, seconds: PATIENCE.as_secs() }),
        }
    }
}

impl<S: Signer + Send + Sync + 'static> From<S> for AccountSigner {
    fn from(signer: S) -> Self {
        Self(Arc::new(signer))
    }
}

impl fmt::Debug for AccountSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccountSigner").field(&self.address()).finish()
    }
}

#[async_trait]
impl TxSigner<Signature> for AccountSigner {
    fn address(&self) -> Address {
        self.0.address()
    }

    async fn sign_transaction(
        &self,
        tx: &mut dyn SignableTransaction<Signature>,
    ) -> alloy::signers::Result<Signature> {
        self.sign_hash(&tx.signature_hash()).await.map_err(alloy::signers::Error::other)
    }
}

impl VoucherSigner for AccountSigner {
    fn address(&self) -> EthAddress {
        self.address()
    }

    fn sign(&self, digest: Digest) -> SignatureAnswer<'_> {
        Box::pin(async move { Ok(self.sign(digest).await?) })
    }
}
