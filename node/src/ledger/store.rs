//! The ledger over the node's store.
//!
//! [`Store`] itself is a ledger that writes to disk for each row. [`SharedLedger`] lets rows that come
//! while the disk is busy share the next write, which is what bounds the requests a second.

use async_trait::async_trait;
use oml_contracts::{Amount, ChannelId, LicenseId, Signature};
use oml_payments::{SignedReceipt, SignedVoucher};
use tokio::sync::{mpsc, oneshot};

use super::port::{LedgerError, PaymentLedger};
use crate::store::{PaidRow, ReceiptRow, Store, StoreError, VoucherRow};
use crate::tasks::Tasks;

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
        let row = PaidRow::Voucher(voucher_row(license, voucher, received_at));
        self.keep_paid(&[row]).await?;
        Ok(())
    }

    async fn put_receipt(&self, receipt: &SignedReceipt) -> Result<(), LedgerError> {
        if Self::put_receipt(self, &receipt_row(receipt)).await? {
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

    async fn first_unpaid(
        &self,
        channel: ChannelId,
        claimed: Amount,
    ) -> Result<Option<SignedReceipt>, LedgerError> {
        let row = Self::first_unpaid(self, channel, claimed).await?;
        row.map(|row| signed_receipt(&row)).transpose()
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

/// Rows in one write to disk, and rows that may wait for it.
const MOST_TOGETHER: usize = 256;

/// A row that waits, and who is told whether it was kept.
type Waiting = (PaidRow, oneshot::Sender<Result<bool, LedgerError>>);

/// The store, written to by one task for all requests.
#[derive(Debug, Clone)]
pub struct SharedLedger {
    store: Store,
    rows: mpsc::Sender<Waiting>,
}

impl SharedLedger {
    /// Starts the writing task; it ends after the last row once all copies of the ledger are dropped.
    #[must_use]
    pub fn start(store: Store, tasks: &Tasks) -> Self {
        let (rows, waiting) = mpsc::channel(MOST_TOGETHER);
        tasks.spawn_detached("payment ledger", write(store.clone(), waiting));
        Self { store, rows }
    }

    async fn keep(&self, row: PaidRow) -> Result<bool, LedgerError> {
        let stopped = || LedgerError::Store("the ledger's task has stopped".to_owned());
        let (told, kept) = oneshot::channel();
        self.rows.send((row, told)).await.map_err(|_| stopped())?;
        kept.await.map_err(|_| stopped())?
    }
}

/// Writes what waits, all of it together, again and again.
async fn write(store: Store, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, MOST_TOGETHER).await > 0 {
        let (rows, told): (Vec<PaidRow>, Vec<_>) = batch.drain(..).unzip();
        let kept = store.keep_paid(&rows).await.map_err(LedgerError::from);
        for (index, told) in told.into_iter().enumerate() {
            let answer = kept.clone().map(|kept| kept.get(index).copied().unwrap_or(false));
            // A request that was given up does not wait for its row.
            let _ = told.send(answer);
        }
    }
}

#[async_trait]
impl PaymentLedger for SharedLedger {
    async fn put_voucher(
        &self,
        license: LicenseId,
        voucher: &SignedVoucher,
        received_at: u64,
    ) -> Result<(), LedgerError> {
        self.keep(PaidRow::Voucher(voucher_row(license, voucher, received_at))).await.map(drop)
    }

    async fn put_receipt(&self, receipt: &SignedReceipt) -> Result<(), LedgerError> {
        if self.keep(PaidRow::Receipt(receipt_row(receipt))).await? {
            Ok(())
        } else {
            Err(LedgerError::ReceiptExists { channel: receipt.channel_id, seq: receipt.seq })
        }
    }

    async fn newest_receipt(
        &self,
        channel: ChannelId,
    ) -> Result<Option<SignedReceipt>, LedgerError> {
        PaymentLedger::newest_receipt(&self.store, channel).await
    }

    async fn receipt(
        &self,
        channel: ChannelId,
        seq: u64,
    ) -> Result<Option<SignedReceipt>, LedgerError> {
        PaymentLedger::receipt(&self.store, channel, seq).await
    }

    async fn first_unpaid(
        &self,
        channel: ChannelId,
        claimed: Amount,
    ) -> Result<Option<SignedReceipt>, LedgerError> {
        PaymentLedger::first_unpaid(&self.store, channel, claimed).await
    }

    async fn newest_voucher(
        &self,
        channel: ChannelId,
        requests: u64,
    ) -> Result<Option<SignedVoucher>, LedgerError> {
        PaymentLedger::newest_voucher(&self.store, channel, requests).await
    }

    async fn served_channels(&self, license: LicenseId) -> Result<Vec<ChannelId>, LedgerError> {
        PaymentLedger::served_channels(&self.store, license).await
    }
}

fn receipt_row(receipt: &SignedReceipt) -> ReceiptRow {
    ReceiptRow { receipt: receipt.receipt(), signature: receipt.signature.as_bytes().to_vec() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::{Amount, EthAddress, RequestHash, ResponseHash, Salt};

    const LICENSE: LicenseId = LicenseId::new([1; 32]);

    fn voucher(channel: u8, requests: u64, amount: u128) -> SignedVoucher {
        SignedVoucher {
            channel_id: ChannelId::new([channel; 32]),
            payer: EthAddress::new([2; 20]),
            signer: EthAddress::ZERO,
            salt: Salt::ZERO,
            cumulative_amount: Amount::new(amount),
            cumulative_requests: requests,
            cumulative_tokens: u64::MAX,
            request_hash: RequestHash::new([3; 32]),
            signature: Signature::new([4; 65]),
        }
    }

    fn receipt(channel: u8, seq: u64, tokens: u64) -> SignedReceipt {
        SignedReceipt {
            license_id: LICENSE,
            channel_id: ChannelId::new([channel; 32]),
            seq,
            cumulative_requests: seq,
            cumulative_tokens: tokens,
            served_at: 5,
            request_hash: RequestHash::new([3; 32]),
            response_hash: ResponseHash::new([6; 32]),
            signature: Signature::new([7; 65]),
        }
    }

    async fn ledger(folder: &tempfile::TempDir) -> (SharedLedger, Tasks) {
        let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
        let tasks = Tasks::new();
        (SharedLedger::start(Store::open(&url).await.unwrap(), &tasks), tasks)
    }

    #[tokio::test]
    async fn the_voucher_of_a_receipt_is_the_last_of_its_count() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, _tasks) = ledger(&folder).await;
        let id = ChannelId::new([9; 32]);
        assert_eq!(super::super::newest_paid(&ledger, id).await, Ok(None));
        for amount in [10, 7, 12] {
            ledger.put_voucher(LICENSE, &voucher(9, 1, amount), 0).await.unwrap();
        }
        ledger.put_receipt(&receipt(9, 1, 30)).await.unwrap();
        // Its request fails: it does not count.
        ledger.put_voucher(LICENSE, &voucher(9, 2, 99), 0).await.unwrap();
        let paid = super::super::newest_paid(&ledger, id).await.unwrap().unwrap();
        assert_eq!(paid, (receipt(9, 1, 30), voucher(9, 1, 12)));
        assert_eq!(ledger.receipt(id, 1).await, Ok(Some(receipt(9, 1, 30))));
        assert_eq!(ledger.served_channels(LICENSE).await, Ok(vec![id]));
    }

    #[tokio::test]
    async fn one_receipt_a_number_even_within_one_write() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, _tasks) = ledger(&folder).await;
        let (first, second) = (receipt(9, 1, 30), receipt(9, 1, 31));
        let (a, b) = tokio::join!(ledger.put_receipt(&first), ledger.put_receipt(&second));
        let refused = Err(LedgerError::ReceiptExists { channel: first.channel_id, seq: 1 });
        assert!((a == Ok(()) && b == refused) || (b == Ok(()) && a == refused), "{a:?} {b:?}");
    }

    #[tokio::test]
    async fn many_requests_share_writes_and_all_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, tasks) = ledger(&folder).await;
        let puts = (0..200_u64).map(|i| {
            let ledger = ledger.clone();
            async move {
                let channel = u8::try_from(i).unwrap();
                ledger.put_voucher(LICENSE, &voucher(channel, 1, 5), i).await?;
                ledger.put_receipt(&receipt(channel, 1, i)).await
            }
        });
        for done in futures::future::join_all(puts).await {
            done.unwrap();
        }
        let store = ledger.store.clone();
        drop(ledger);
        assert_eq!(tasks.shutdown(std::time::Duration::from_secs(5)).await, 0, "the writer ends");
        assert_eq!(PaymentLedger::served_channels(&store, LICENSE).await.unwrap().len(), 200);
    }
}
