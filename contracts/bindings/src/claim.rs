//! A voucher with what names its channel.

use crate::EthAddress;
use crate::eip712::Voucher;
use crate::ids::Salt;

/// A signed voucher with what its channel's id is made of, beside the license.
#[derive(Debug, Clone, Copy)]
pub struct ChannelVoucher<'a> {
    /// Account whose deposit pays.
    pub payer: EthAddress,
    /// Session key of the channel, zero if the payer signs itself.
    pub signer: EthAddress,
    /// Tells apart the payer's channels to one license.
    pub salt: Salt,
    /// What was promised.
    pub voucher: Voucher,
    /// Signature of the voucher's digest.
    pub signature: &'a [u8],
}
