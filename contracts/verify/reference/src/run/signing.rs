//! Signatures over vouchers and closes: by keys, by accounts with code, good and bad.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolValue;
use oml_contracts::Signable as _;
use oml_contracts::eip712::{Domain, Voucher};
use rand::Rng;

use super::difference::Difference;
use super::world::World;
use crate::agreed::CHAIN_ID;
use crate::evm::SetUpError;
use crate::model::{CloseWord, ReferenceModel, SignatureFacts};

impl World {
    fn key_of(&self, account: Address) -> Option<PrivateKeySigner> {
        self.people.keys.iter().find(|key| key.address() == account).cloned()
    }

    /// As good a signature as this account can give, or a bad one; and what it is worth.
    pub(super) fn signature(
        &mut self,
        account: Address,
        digest: B256,
        good: bool,
    ) -> Result<(Bytes, SignatureFacts), Difference> {
        let has_code = self.model.codes.contains_key(&account);
        let key = self.key_of(account).filter(|_| good);
        if let Some(key) = key.filter(|_| !has_code || self.random.random()) {
            let signature = SignatureFacts { key: account, password: false };
            return Ok((sign(&key, digest)?, signature));
        }
        if good && has_code {
            return Ok((digest.into(), SignatureFacts { key: Address::ZERO, password: true }));
        }
        match self.random.random_range(0..4_u32) {
            0 => Ok((Bytes::new(), SignatureFacts::default())),
            1 => Ok((self.random.random::<[u8; 32]>().into(), SignatureFacts::default())),
            _ => {
                let other = self.people.serving.clone();
                let signature = SignatureFacts { key: other.address(), password: false };
                Ok((sign(&other, digest)?, signature))
            }
        }
    }

    /// What is signed for a voucher.
    pub(super) fn voucher_digest(
        &self,
        channel: B256,
        amount: u128,
        requests: u64,
        tokens: u64,
        request: B256,
    ) -> B256 {
        let voucher = Voucher {
            channel_id: channel.into(),
            cumulative_amount: amount.into(),
            cumulative_requests: requests,
            cumulative_tokens: tokens,
            request_hash: request.into(),
        };
        B256::from(voucher.digest(&domain(&self.model)))
    }
}

fn domain(model: &ReferenceModel) -> Domain {
    Domain { chain_id: CHAIN_ID, verifying_contract: model.escrow.into() }
}

pub(super) fn sign(by: &PrivateKeySigner, digest: B256) -> Result<Bytes, SetUpError> {
    let signature = by.sign_hash_sync(&digest).map_err(|e| SetUpError(e.to_string()))?;
    Ok(signature.as_bytes().to_vec().into())
}

/// EIP-712 `Close(bytes32 channelId,uint128 deposited,uint128 finalAmount)`, spelled out.
pub(super) fn close_digest(model: &ReferenceModel, channel: B256, word: &CloseWord) -> B256 {
    let kind = keccak256("Close(bytes32 channelId,uint128 deposited,uint128 finalAmount)");
    let fields = (kind, channel, U256::from(word.deposited), U256::from(word.last));
    let hash = keccak256(fields.abi_encode_params());
    let separator = B256::from(domain(model).separator());
    let prefix: &[u8] = &[0x19, 0x01];
    keccak256([prefix, separator.as_slice(), hash.as_slice()].concat())
}

/// A signature in two words (EIP-2098).
pub(super) fn sign_short(by: &PrivateKeySigner, digest: B256) -> Result<(B256, B256), SetUpError> {
    let signature = by.sign_hash_sync(&digest).map_err(|e| SetUpError(e.to_string()))?;
    let parity = U256::from(u8::from(signature.v())) << 255;
    Ok((B256::from(signature.r()), B256::from(signature.s() | parity)))
}
