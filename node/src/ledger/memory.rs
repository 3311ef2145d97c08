//! A ledger in memory, for tests of what is built on one.

use std::sync::Mutex;

use async_trait::async_trait;
use oml_contracts::{ChannelId, LicenseId};
use oml_payments::{SignedReceipt, SignedVoucher};

use super::port::{LedgerError, LedgerReader, LedgerWriter};

/// A ledger for tests; can be told to fail.
#[derive(Debug, Default)]
pub(crate) struct MemoryLedger {
    pub(crate) vouchers: Mutex<Vec<SignedVoucher>>,
    pub(crate) receipts: Mutex<Vec<SignedReceipt>>,
    pub(crate) closing: Mutex<Vec<ChannelId>>,
    pub(crate) broken: std::sync::atomic::AtomicBool,
}

impl MemoryLedger {
    fn check(&self) -> Result<(), LedgerError> {
        if self.broken.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(LedgerError::Stopped);
        }
        Ok(())
    }
}

#[async_trait]
impl LedgerWriter for MemoryLedger {
    async fn put_voucher(
        &self,
        _: LicenseId,
        voucher: &SignedVoucher,
        _: u64,
    ) -> Result<(), LedgerError> {
        self.check()?;
        self.vouchers.lock().unwrap().push(voucher.clone());
        Ok(())
    }

    async fn put_receipt(&self, receipt: &SignedReceipt) -> Result<(), LedgerError> {
        self.check()?;
        let mut receipts = self.receipts.lock().unwrap();
        let (channel, number) = (receipt.channel_id, receipt.number());
        let request = receipt.cumulative_requests;
        let twin = |r: &SignedReceipt| r.number() == number || r.cumulative_requests == request;
        if receipts.iter().any(|r| r.channel_id == channel && twin(r)) {
            return Err(LedgerError::ReceiptExists { channel, number, request });
        }
        receipts.push(receipt.clone());
        Ok(())
    }
}

#[async_trait]
impl LedgerReader for MemoryLedger {
    async fn last_receipt(&self, channel: ChannelId) -> Result<Option<SignedReceipt>, LedgerError> {
        let receipts = self.receipts.lock().unwrap();
        let of_channel = receipts.iter().filter(|r| r.channel_id == channel);
        Ok(of_channel.max_by_key(|r| r.cumulative_requests).cloned())
    }

    async fn last_voucher(
        &self,
        channel: ChannelId,
        requests: u64,
    ) -> Result<Option<SignedVoucher>, LedgerError> {
        let vouchers = self.vouchers.lock().unwrap();
        let wanted =
            |v: &&SignedVoucher| v.channel_id == channel && v.cumulative_requests == requests;
        Ok(vouchers.iter().rev().find(wanted).cloned())
    }

    async fn is_closing(&self, channel: ChannelId) -> Result<bool, LedgerError> {
        Ok(self.closing.lock().unwrap().contains(&channel))
    }
}
