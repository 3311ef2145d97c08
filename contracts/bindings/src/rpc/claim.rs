//! A voucher as `PaymentEscrow` takes it.

use super::abi::PaymentEscrow::ClaimRow;
use crate::claim::ChannelVoucher;

impl From<ChannelVoucher<'_>> for ClaimRow {
    fn from(given: ChannelVoucher<'_>) -> Self {
        Self {
            payer: given.payer.into(),
            signer: given.signer.into(),
            salt: given.salt.into(),
            cumulativeAmount: given.voucher.cumulative_amount.get(),
            cumulativeRequests: given.voucher.cumulative_requests,
            cumulativeTokens: given.voucher.cumulative_tokens,
            requestHash: given.voucher.request_hash.into(),
            signature: given.signature.to_vec().into(),
        }
    }
}
