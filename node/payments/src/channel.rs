//! A channel as its payer sees it.

use k256::ecdsa::SigningKey;
use oml_contracts::Signable as _;
use oml_contracts::eip712::SignatureError;
use oml_contracts::hash::channel_id;
use oml_contracts::{
    ChannelId, Domain, EthAddress, LicenseId, ModelId, Salt, ServingKeys, Signature, Voucher,
};
use serde::{Deserialize, Serialize};

use crate::price::Price;
use crate::wire::{GatewayTerms, SignedVoucher};

/// A channel with everything that its payer must know to pay and to judge receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayerChannel {
    /// Chain of the contracts.
    pub chain_id: u64,
    /// Contract that holds channels: `PaymentEscrow`.
    pub escrow: EthAddress,
    /// Contract that judges receipts: `Proofs`.
    pub proofs: EthAddress,
    /// License that the channel pays to.
    pub license_id: LicenseId,
    /// The licensed model.
    pub model_id: ModelId,
    /// Keys that sign receipts, by epoch, as the registry has them.
    pub serving_keys: ServingKeys,
    /// Account that deposited.
    pub payer: EthAddress,
    /// Session key that signs vouchers, zero if the payer signs itself.
    pub signer: EthAddress,
    /// Tells apart the payer's channels to one license.
    pub salt: Salt,
    /// Price of units.
    pub price: Price,
}

impl PayerChannel {
    /// A channel of `payer` to the license that a gateway says it serves. What the gateway says is
    /// worth nothing until it is compared with the chain.
    #[must_use]
    pub fn from_terms(
        terms: &GatewayTerms,
        payer: EthAddress,
        signer: EthAddress,
        salt: Salt,
    ) -> Self {
        Self {
            chain_id: terms.chain_id,
            escrow: terms.escrow,
            proofs: terms.proofs,
            license_id: terms.license_id,
            model_id: terms.model_id,
            serving_keys: terms.serving_keys.clone(),
            payer,
            signer,
            salt,
            price: terms.price,
        }
    }

    /// Id of the channel, computed from its parts.
    #[must_use]
    pub fn id(&self) -> ChannelId {
        let (chain, escrow) = (self.chain_id, self.escrow);
        channel_id(chain, escrow, self.license_id, self.payer, self.signer, self.salt)
    }

    /// Domain of vouchers.
    #[must_use]
    pub const fn voucher_domain(&self) -> Domain {
        Domain { chain_id: self.chain_id, verifying_contract: self.escrow }
    }

    /// Domain of receipts.
    #[must_use]
    pub const fn receipt_domain(&self) -> Domain {
        Domain { chain_id: self.chain_id, verifying_contract: self.proofs }
    }

    /// Account whose key must sign vouchers.
    #[must_use]
    pub fn voucher_signer(&self) -> EthAddress {
        if self.signer.is_zero() { self.payer } else { self.signer }
    }

    /// Signs a voucher of this channel.
    ///
    /// # Errors
    /// [`SignatureError::CannotSign`].
    pub fn sign(
        &self,
        voucher: &Voucher,
        key: &SigningKey,
    ) -> Result<SignedVoucher, SignatureError> {
        Ok(self.signed(voucher, voucher.sign(&self.voucher_domain(), key)?))
    }

    /// A voucher of this channel with its signature, which nobody has checked.
    pub(crate) fn signed(&self, voucher: &Voucher, signature: Signature) -> SignedVoucher {
        SignedVoucher {
            channel_id: voucher.channel_id,
            payer: self.payer,
            signer: self.signer,
            salt: self.salt,
            cumulative_amount: voucher.cumulative_amount,
            cumulative_requests: voucher.cumulative_requests,
            cumulative_tokens: voucher.cumulative_tokens,
            request_hash: voucher.request_hash,
            signature,
        }
    }
}
