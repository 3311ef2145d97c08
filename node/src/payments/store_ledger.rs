//! The ledger over the node's store.

use async_trait::async_trait;
use oml_contracts::{ChannelId, LicenseId, Signature};

use super::{LedgerError, PaymentLedger, SignedReceipt, SignedVoucher};
use crate::store::{ReceiptRow, Store, StoreError, VoucherRow};

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

#[async_trait]
impl PaymentLedger for Store {
    async fn put_voucher(
        &self,
        license: LicenseId,
        voucher: &SignedVoucher,
        received_at: u64,
    ) -> Result<(), LedgerError> {
        Ok(self.keep_voucher(&voucher_row(license, voucher, received_at)).await?)
    }

    async fn put_receipt(&self, receipt: &SignedReceipt) -> Result<(), LedgerError> {
        let row = ReceiptRow {
            receipt: receipt.receipt(),
            signature: receipt.signature.as_bytes().to_vec(),
        };
        if Self::put_receipt(self, &row).await? {
            Ok(())
        } else {
            Err(LedgerError::ReceiptExists { channel: receipt.channel_id, seq: receipt.seq })
        }
    }

    async fn newest_receipt(
        &self,
        channel: ChannelId,
    ) -> Result<Option<SignedReceipt>, LedgerError> {
        Self::newest_receipt(self, channel).await?.map(|row| signed_receipt(&row)).transpose()
    }

    async fn receipt(
        &self,
        channel: ChannelId,
        seq: u64,
    ) -> Result<Option<SignedReceipt>, LedgerError> {
        Self::receipt(self, channel, seq).await?.map(|row| signed_receipt(&row)).transpose()
    }

    async fn newest_voucher(
        &self,
        channel: ChannelId,
        requests: u64,
    ) -> Result<Option<SignedVoucher>, LedgerError> {
        self.voucher_of(channel, requests).await?.map(|row| signed_voucher(&row)).transpose()
    }

    async fn served_channels(&self, license: LicenseId) -> Result<Vec<ChannelId>, LedgerError> {
        Ok(Self::served_channels(self, license).await?)
    }
}

/// A voucher as the store keeps it.
fn voucher_row(license: LicenseId, voucher: &SignedVoucher, received_at: u64) -> VoucherRow {
    VoucherRow {
        channel_id: voucher.channel_id,
        license_id: license,
        payer: voucher.payer,
        signer: voucher.signer,
        salt: voucher.salt,
        cumulative_amount: voucher.cumulative_amount,
        cumulative_requests: voucher.cumulative_requests,
        cumulative_tokens: voucher.cumulative_tokens,
        request_hash: voucher.request_hash,
        signature: voucher.signature.as_bytes().to_vec(),
        received_at,
    }
}

fn signed_voucher(row: &VoucherRow) -> Result<SignedVoucher, LedgerError> {
    Ok(SignedVoucher {
        channel_id: row.channel_id,
        payer: row.payer,
        signer: row.signer,
        salt: row.salt,
        cumulative_amount: row.cumulative_amount,
        cumulative_requests: row.cumulative_requests,
        cumulative_tokens: row.cumulative_tokens,
        request_hash: row.request_hash,
        signature: signature(&row.signature)?,
    })
}

fn signed_receipt(row: &ReceiptRow) -> Result<SignedReceipt, LedgerError> {
    Ok(SignedReceipt::new(&row.receipt, signature(&row.signature)?))
}

fn signature(bytes: &[u8]) -> Result<Signature, LedgerError> {
    let bytes = <[u8; 65]>::try_from(bytes).map_err(|_| {
        LedgerError::Store(format!("a stored signature has {} bytes instead of 65", bytes.len()))
    })?;
    Ok(Signature::new(bytes))
}
