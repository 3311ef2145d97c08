//! Signed vouchers and receipts (EIP-712).

use k256::ecdsa::{RecoveryId, SigningKey, VerifyingKey};

use crate::abi_encode::AbiWords;
use crate::address::EthAddress;
use crate::amount::Amount;
use crate::ids::{ChannelId, Digest, LicenseId, RequestHash, ResponseHash};
use crate::keccak::{keccak_parts, keccak256};
use crate::serving::ReceiptNumber;
use crate::text::{ParseHexError, parse_hex, serde_as_text};

const DOMAIN_TYPE: &str =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const VOUCHER_TYPE: &str = "Voucher(bytes32 channelId,uint128 cumulativeAmount,\
    uint64 cumulativeRequests,uint64 cumulativeTokens,bytes32 requestHash)";
const RECEIPT_TYPE: &str = "Receipt(bytes32 licenseId,uint32 keyEpoch,bytes32 channelId,uint64 seq,\
    uint64 cumulativeRequests,uint64 cumulativeTokens,uint64 servedAt,bytes32 requestHash,\
    bytes32 responseHash)";
const CLOSE_TYPE: &str = "Close(bytes32 channelId,uint128 deposited,uint128 finalAmount)";

/// What a signature is for: a chain and the contract that verifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Domain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// `PaymentEscrow` for vouchers and closes, `Proofs` for receipts, `Rounds` for seals and
    /// hand-outs.
    pub verifying_contract: EthAddress,
}

impl Domain {
    /// Domain separator; the name is `OML`, the version `1`.
    #[must_use]
    pub fn separator(&self) -> [u8; 32] {
        AbiWords::default()
            .bytes32(keccak256(DOMAIN_TYPE.as_bytes()))
            .bytes32(keccak256(b"OML"))
            .bytes32(keccak256(b"1"))
            .uint(self.chain_id)
            .address(self.verifying_contract)
            .hash()
    }

    fn digest(&self, struct_hash: [u8; 32]) -> Digest {
        Digest::new(keccak_parts(&[b"\x19\x01", &self.separator(), &struct_hash]))
    }
}

/// A struct that is signed under a [`Domain`]: vouchers and closes under `PaymentEscrow`'s,
/// receipts under `Proofs`', seals and hand-outs under `Rounds`'.
pub trait Signable {
    /// `hashStruct` of EIP-712: the type's hash, then the fields.
    fn struct_hash(&self) -> [u8; 32];

    /// EIP-712 digest under a domain.
    fn digest(&self, domain: &Domain) -> Digest {
        domain.digest(self.struct_hash())
    }

    /// Signs with the key of the payer, host or serving key, whichever the contract asks for.
    ///
    /// # Errors
    /// [`SignatureError::CannotSign`], which no valid key runs into in practice.
    fn sign(&self, domain: &Domain, key: &SigningKey) -> Result<Signature, SignatureError> {
        Signature::sign(self.digest(domain), key)
    }

    /// Account whose key made this signature of the struct.
    ///
    /// # Errors
    /// [`SignatureError`] if the signature belongs to no key.
    fn signer(&self, domain: &Domain, by: &Signature) -> Result<EthAddress, SignatureError> {
        by.recover(self.digest(domain))
    }
}

/// A payer's cumulative promise that names the request: payment and permission in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Voucher {
    /// The channel that pays.
    pub channel_id: ChannelId,
    /// All that the channel ever promised.
    pub cumulative_amount: Amount,
    /// Requests so far, this one included.
    pub cumulative_requests: u64,
    /// Tokens so far, those of this request included.
    pub cumulative_tokens: u64,
    /// The request that this voucher permits.
    pub request_hash: RequestHash,
}

impl Signable for Voucher {
    fn struct_hash(&self) -> [u8; 32] {
        AbiWords::default()
            .bytes32(keccak256(VOUCHER_TYPE.as_bytes()))
            .bytes32(self.channel_id)
            .uint(self.cumulative_amount)
            .uint(self.cumulative_requests)
            .uint(self.cumulative_tokens)
            .bytes32(self.request_hash)
            .hash()
    }
}

/// A host's word that of a deposit it claims nothing above an amount, so that the payer needs no
/// thaw. It closes the channel for good, and releases nothing that was deposited later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Close {
    /// The channel that ends.
    pub channel_id: ChannelId,
    /// The channel's deposit as the host has seen it.
    pub deposited: Amount,
    /// All that the host ever claims of that deposit.
    pub final_amount: Amount,
}

impl Signable for Close {
    fn struct_hash(&self) -> [u8; 32] {
        AbiWords::default()
            .bytes32(keccak256(CLOSE_TYPE.as_bytes()))
            .bytes32(self.channel_id)
            .uint(self.deposited)
            .uint(self.final_amount)
            .hash()
    }
}

/// A host's statement of what it served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The license under which it was served.
    pub license_id: LicenseId,
    /// Epoch of the serving key that signs, from 0.
    pub key_epoch: u32,
    /// The channel that pays.
    pub channel_id: ChannelId,
    /// Number of this receipt: the host gives each once for every license, epoch and channel, in
    /// increasing order; numbers may be left out.
    pub seq: u64,
    /// Requests so far, this one included.
    pub cumulative_requests: u64,
    /// Tokens so far, those of this response included.
    pub cumulative_tokens: u64,
    /// Unix time in seconds.
    pub served_at: u64,
    /// The request that was answered.
    pub request_hash: RequestHash,
    /// Hash of the answer, see [`crate::hash::response_hash`].
    pub response_hash: ResponseHash,
}

impl Receipt {
    /// What makes it unique on its channel.
    #[must_use]
    pub const fn number(&self) -> ReceiptNumber {
        ReceiptNumber { key_epoch: self.key_epoch, seq: self.seq }
    }
}

impl Signable for Receipt {
    fn struct_hash(&self) -> [u8; 32] {
        AbiWords::default()
            .bytes32(keccak256(RECEIPT_TYPE.as_bytes()))
            .bytes32(self.license_id)
            .uint(self.key_epoch)
            .bytes32(self.channel_id)
            .uint(self.seq)
            .uint(self.cumulative_requests)
            .uint(self.cumulative_tokens)
            .uint(self.served_at)
            .bytes32(self.request_hash)
            .bytes32(self.response_hash)
            .hash()
    }
}

/// Why a signature says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The last byte is neither 27 nor 28.
    #[error("recovery byte {0} is neither 27 nor 28; sign with EIP-712 and append v")]
    RecoveryByte(u8),
    /// s lies in the upper half, which OpenZeppelin's and solady's checks refuse in part.
    #[error("s is in the upper half of the curve's order; use the low-s form of the signature")]
    HighS,
    /// r and s belong to no key.
    #[error("r and s recover to no public key; the signature is damaged")]
    NoKey,
    /// The key could not sign.
    #[error("the key could not sign this digest")]
    CannotSign,
}

/// r ‖ s ‖ v with low s and v = 27 or 28.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 65]);

impl Signature {
    /// Wraps raw bytes; they are judged by [`Self::recover`].
    #[must_use]
    pub const fn new(bytes: [u8; 65]) -> Self {
        Self(bytes)
    }

    /// The raw bytes, as the contracts take them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 65] {
        &self.0
    }

    /// Signs a digest.
    ///
    /// # Errors
    /// [`SignatureError::CannotSign`].
    pub fn sign(digest: Digest, key: &SigningKey) -> Result<Self, SignatureError> {
        let (signature, recovery) = key
            .sign_prehash_recoverable(digest.as_bytes())
            .map_err(|_| SignatureError::CannotSign)?;
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = 27 + recovery.to_byte();
        Ok(Self(bytes))
    }

    /// Address whose key signed the digest.
    ///
    /// # Errors
    /// [`SignatureError`] if v is unknown, s is high, or no key fits.
    pub fn recover(&self, digest: Digest) -> Result<EthAddress, SignatureError> {
        let byte = self.0[64];
        let recovery = byte
            .checked_sub(27)
            .filter(|v| *v < 2)
            .and_then(RecoveryId::from_byte)
            .ok_or(SignatureError::RecoveryByte(byte))?;
        let signature =
            k256::ecdsa::Signature::from_slice(&self.0[..64]).map_err(|_| SignatureError::NoKey)?;
        if signature.normalize_s().is_some() {
            return Err(SignatureError::HighS);
        }
        let key = VerifyingKey::recover_from_prehash(digest.as_bytes(), &signature, recovery)
            .map_err(|_| SignatureError::NoKey)?;
        Ok(EthAddress::of_key(&key))
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl std::str::FromStr for Signature {
    type Err = ParseHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_hex("signature", text).map(Self)
    }
}

serde_as_text!(Signature);

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::sol_types::{SolStruct as _, eip712_domain};

    mod sol {
        alloy::sol! {
            struct Voucher {
                bytes32 channelId;
                uint128 cumulativeAmount;
                uint64 cumulativeRequests;
                uint64 cumulativeTokens;
                bytes32 requestHash;
            }

            struct Close {
                bytes32 channelId;
                uint128 deposited;
                uint128 finalAmount;
            }

            struct Receipt {
                bytes32 licenseId;
                uint32 keyEpoch;
                bytes32 channelId;
                uint64 seq;
                uint64 cumulativeRequests;
                uint64 cumulativeTokens;
                uint64 servedAt;
                bytes32 requestHash;
                bytes32 responseHash;
            }
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_slice(&[0x42; 32]).unwrap()
    }

    fn domain() -> Domain {
        Domain { chain_id: 31_337, verifying_contract: EthAddress::new([0xe5; 20]) }
    }

    fn voucher() -> Voucher {
        Voucher {
            channel_id: ChannelId::new([1; 32]),
            cumulative_amount: Amount::new(u128::MAX - 1),
            cumulative_requests: 7,
            cumulative_tokens: u64::MAX,
            request_hash: RequestHash::new([2; 32]),
        }
    }

    fn receipt() -> Receipt {
        Receipt {
            license_id: LicenseId::new([3; 32]),
            key_epoch: 10,
            channel_id: ChannelId::new([4; 32]),
            seq: 5,
            cumulative_requests: 6,
            cumulative_tokens: 7,
            served_at: 1_800_000_000,
            request_hash: RequestHash::new([8; 32]),
            response_hash: ResponseHash::new([9; 32]),
        }
    }

    #[test]
    fn digests_equal_those_of_alloy() {
        let alloy_domain = eip712_domain! {
            name: "OML",
            version: "1",
            chain_id: 31_337,
            verifying_contract: alloy::primitives::Address::repeat_byte(0xe5),
        };
        assert_eq!(domain().separator(), alloy_domain.separator().0);
        let v = voucher();
        let theirs = sol::Voucher {
            channelId: (*v.channel_id.as_bytes()).into(),
            cumulativeAmount: v.cumulative_amount.get(),
            cumulativeRequests: v.cumulative_requests,
            cumulativeTokens: v.cumulative_tokens,
            requestHash: (*v.request_hash.as_bytes()).into(),
        };
        assert_eq!(*v.digest(&domain()).as_bytes(), theirs.eip712_signing_hash(&alloy_domain).0);
        let close = Close {
            channel_id: v.channel_id,
            deposited: Amount::MAX,
            final_amount: v.cumulative_amount,
        };
        let theirs = sol::Close {
            channelId: (*close.channel_id.as_bytes()).into(),
            deposited: close.deposited.get(),
            finalAmount: close.final_amount.get(),
        };
        assert_eq!(
            *close.digest(&domain()).as_bytes(),
            theirs.eip712_signing_hash(&alloy_domain).0
        );
        let r = receipt();
        let theirs = sol::Receipt {
            licenseId: (*r.license_id.as_bytes()).into(),
            keyEpoch: r.key_epoch,
            channelId: (*r.channel_id.as_bytes()).into(),
            seq: r.seq,
            cumulativeRequests: r.cumulative_requests,
            cumulativeTokens: r.cumulative_tokens,
            servedAt: r.served_at,
            requestHash: (*r.request_hash.as_bytes()).into(),
            responseHash: (*r.response_hash.as_bytes()).into(),
        };
        assert_eq!(*r.digest(&domain()).as_bytes(), theirs.eip712_signing_hash(&alloy_domain).0);
    }

    #[test]
    fn signatures_recover_only_for_what_was_signed() {
        let me = EthAddress::of_key(key().verifying_key());
        let signature = voucher().sign(&domain(), &key()).unwrap();
        assert_eq!(voucher().signer(&domain(), &signature), Ok(me));
        let other = Voucher { cumulative_requests: 8, ..voucher() };
        assert_ne!(other.signer(&domain(), &signature), Ok(me));
        let elsewhere = Domain { chain_id: 1, ..domain() };
        assert_ne!(voucher().signer(&elsewhere, &signature), Ok(me));
        let signature = receipt().sign(&domain(), &key()).unwrap();
        assert_eq!(receipt().signer(&domain(), &signature), Ok(me));
    }

    #[test]
    fn malformed_signatures_say_why() {
        let digest = voucher().digest(&domain());
        let good = Signature::sign(digest, &key()).unwrap();
        let mut bytes = *good.as_bytes();
        bytes[64] = 29;
        assert_eq!(Signature::new(bytes).recover(digest), Err(SignatureError::RecoveryByte(29)));
        assert_eq!(Signature::new([0; 65]).recover(digest), Err(SignatureError::RecoveryByte(0)));
        let mut empty = [0; 65];
        empty[64] = 27;
        assert_eq!(Signature::new(empty).recover(digest), Err(SignatureError::NoKey));
        let parsed = k256::ecdsa::Signature::from_slice(&good.as_bytes()[..64]).unwrap();
        let high = k256::ecdsa::Signature::from_scalars(*parsed.r(), -*parsed.s()).unwrap();
        let mut bytes = *good.as_bytes();
        bytes[..64].copy_from_slice(&high.to_bytes());
        assert_eq!(Signature::new(bytes).recover(digest), Err(SignatureError::HighS));
    }
}
