//! A transaction before it is signed, of the kind that its chain takes.

use crate::chain::endpoint::FeesPerGas;
use crate::chain::error::ChainError;
use crate::store::AttemptRow;
use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy::eips::{Decodable2718, Encodable2718};
use alloy::primitives::{Address, B256, Bytes, Signature, TxKind, U256};

/// Gas of a transfer to an account.
const TRANSFER_GAS: u64 = 21_000;

/// What a transaction does.
#[derive(Clone, Debug)]
pub(super) struct PlannedCall {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    pub(super) gas_limit: u64,
    pub(super) to: Address,
    pub(super) value: U256,
    pub(super) input: Bytes,
}

/// A transaction before it is signed.
#[derive(Clone, Debug)]
pub(super) enum Unsigned {
    /// With a fee cap and a tip.
    Eip1559(TxEip1559),
    /// With a gas price, for chains whose blocks have no base fee.
    Legacy(TxLegacy),
}

impl Unsigned {
    /// The kind that fits the fees.
    pub(super) fn new(call: PlannedCall, fees: FeesPerGas) -> Self {
        let PlannedCall { chain_id, nonce, gas_limit, to, value, input } = call;
        let to = TxKind::Call(to);
        if fees.is_price {
            let (chain_id, gas_price) = (Some(chain_id), fees.max_fee);
            return Self::Legacy(TxLegacy {
                chain_id,
                nonce,
                gas_price,
                gas_limit,
                to,
                value,
                input,
            });
        }
        Self::Eip1559(TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max_fee,
            max_priority_fee_per_gas: fees.tip,
            to,
            value,
            access_list: alloy::eips::eip2930::AccessList::default(),
            input,
        })
    }

    /// What an attempt signed.
    pub(super) fn of(attempt: &AttemptRow) -> Result<Self, ChainError> {
        let what = || format!("stored transaction {}", attempt.tx_hash);
        match TxEnvelope::decode_2718(&mut attempt.raw.as_slice()) {
            Ok(TxEnvelope::Eip1559(signed)) => Ok(Self::Eip1559(signed.into_parts().0)),
            Ok(TxEnvelope::Legacy(signed)) => Ok(Self::Legacy(signed.into_parts().0)),
            Ok(_) => Err(ChainError::unexpected(what(), "this node never signs its type")),
            Err(source) => Err(ChainError::unexpected(what(), source)),
        }
    }

    /// Does nothing but use the nonce.
    pub(super) fn cancel(&mut self, account: Address) {
        let (to, value, input, gas) = match self {
            Self::Eip1559(tx) => (&mut tx.to, &mut tx.value, &mut tx.input, &mut tx.gas_limit),
            Self::Legacy(tx) => (&mut tx.to, &mut tx.value, &mut tx.input, &mut tx.gas_limit),
        };
        (*to, *value, *input, *gas) =
            (TxKind::Call(account), U256::ZERO, Bytes::new(), TRANSFER_GAS);
    }

    /// Sets fees that a mempool accepts as a replacement of an attempt; returns what it then costs
    /// at most per gas.
    pub(super) fn raise_fees(&mut self, attempt: &AttemptRow, suggested: FeesPerGas) -> u128 {
        // Clients ask for 10 % more of both.
        let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
        let max_fee = suggested.max_fee.max(more(attempt.max_fee));
        match self {
            Self::Eip1559(tx) => {
                tx.max_fee_per_gas = max_fee;
                tx.max_priority_fee_per_gas = suggested.tip.max(more(attempt.tip)).min(max_fee);
            }
            Self::Legacy(tx) => tx.gas_price = max_fee,
        }
        max_fee
    }

    /// Fee cap and tip per gas.
    pub(super) const fn fees(&self) -> (u128, u128) {
        match self {
            Self::Eip1559(tx) => (tx.max_fee_per_gas, tx.max_priority_fee_per_gas),
            Self::Legacy(tx) => (tx.gas_price, tx.gas_price),
        }
    }

    /// What is to be signed.
    pub(super) fn signature_hash(&self) -> B256 {
        match self {
            Self::Eip1559(tx) => tx.signature_hash(),
            Self::Legacy(tx) => tx.signature_hash(),
        }
    }

    /// Hash and bytes of the signed transaction.
    pub(super) fn signed(self, signature: Signature) -> (B256, Vec<u8>) {
        let envelope = match self {
            Self::Eip1559(tx) => TxEnvelope::from(tx.into_signed(signature)),
            Self::Legacy(tx) => TxEnvelope::from(tx.into_signed(signature)),
        };
        (*envelope.tx_hash(), envelope.encoded_2718())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(fees: FeesPerGas) -> (Unsigned, AttemptRow) {
        let call = PlannedCall {
            chain_id: 5,
            nonce: 7,
            gas_limit: 90_000,
            to: Address::repeat_byte(1),
            value: U256::from(3),
            input: Bytes::from(vec![1, 2]),
        };
        let tx = Unsigned::new(call, fees);
        let (tx_hash, raw) = tx.clone().signed(Signature::test_signature());
        let (key, (max_fee, tip)) = ("a".to_owned(), tx.fees());
        (tx, AttemptRow { key, tx_hash, cancels: false, raw, max_fee, tip, created_at: 0 })
    }

    #[test]
    fn both_kinds_are_read_as_they_were_signed_replaced_and_cancelled() {
        for is_price in [true, false] {
            let fees = FeesPerGas { max_fee: 800, tip: if is_price { 800 } else { 80 }, is_price };
            let (tx, stored) = attempt(fees);
            let mut read = Unsigned::of(&stored).unwrap();
            assert_eq!(matches!(read, Unsigned::Legacy(_)), is_price);
            assert_eq!((read.signature_hash(), read.fees()), (tx.signature_hash(), tx.fees()));
            // The chain suggests less than a replacement needs.
            assert_eq!(read.raise_fees(&stored, fees), 901);
            assert_eq!(read.fees(), (901, if is_price { 901 } else { 91 }));
            read.cancel(Address::repeat_byte(9));
            let (hash, raw) = read.clone().signed(Signature::test_signature());
            let again = AttemptRow { tx_hash: hash, raw, cancels: true, ..stored };
            let again = Unsigned::of(&again).unwrap();
            assert_eq!(again.signature_hash(), read.signature_hash());
            assert_ne!(again.signature_hash(), tx.signature_hash());
        }
    }
}
