//! The ledger over the node's store.
//!
//! [`Store`] is read directly. It is written by [`SharedWriter`], in which rows that come while the
//! disk is busy share the next write: that is what bounds the requests a second.

use async_trait::async_trait;
use oml_contracts::{ChannelId, LicenseId, Signature};
use oml_payments::{SignedReceipt, SignedVoucher};
use tokio::sync::{mpsc, oneshot};

use super::port::{LedgerError, LedgerReader, LedgerWriter};
use crate::store::{PaidRow, ReceiptRow, Store, VoucherRow};
use crate::tasks::Tasks;

#[async_trait]
impl LedgerReader for Store {
    async fn last_receipt(&self, channel: ChannelId) -> Result<Option<SignedReceipt>, LedgerError> {
        let Some(row) = self.newest_receipt(channel).await? else { return Ok(None) };
        Ok(Some(SignedReceipt::new(&row.receipt, signature(&row.signature)?)))
    }

    async fn last_voucher(
        &self,
        channel: ChannelId,
        requests: u64,
    ) -> Result<Option<SignedVoucher>, LedgerError> {
        self.voucher_of(channel, requests).await?.map(|row| signed_voucher(&row)).transpose()
    }

    async fn is_closing(&self, channel: ChannelId) -> Result<bool, LedgerError> {
        Ok(self.signed_close(channel).await?.is_some())
    }
}

/// Rows in one write to disk, and rows that may wait for it.
const MOST_TOGETHER: usize = 256;

/// A row that waits, and who is told whether it was kept.
type Waiting = (PaidRow, oneshot::Sender<Result<bool, LedgerError>>);

/// Writes to the store by one task for all requests.
#[derive(Debug, Clone)]
pub(crate) struct SharedWriter {
    rows: mpsc::Sender<Waiting>,
}

impl SharedWriter {
    /// Starts the writing task; it ends after the last row once all copies of the writer are
    /// dropped.
    pub(crate) fn start(store: Store, tasks: &Tasks) -> Self {
        let (rows, waiting) = mpsc::channel(MOST_TOGETHER);
        tasks.spawn_detached("payment ledger", write(store, waiting));
        Self { rows }
    }

    async fn keep(&self, row: PaidRow) -> Result<bool, LedgerError> {
        let (told, kept) = oneshot::channel();
        self.rows.send((row, told)).await.map_err(|_| LedgerError::Stopped)?;
        kept.await.map_err(|_| LedgerError::Stopped)?
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
impl LedgerWriter for SharedWriter {
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
            Err(LedgerError::ReceiptExists {
                channel: receipt.channel_id,
                number: receipt.number(),
                request: receipt.cumulative_requests,
            })
        }
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

fn signature(bytes: &[u8]) -> Result<Signature, LedgerError> {
    let bytes = <[u8; 65]>::try_from(bytes).map_err(|_| LedgerError::Signature(bytes.len()))?;
    Ok(Signature::new(bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ledger::newest_paid;
    use oml_contracts::{Amount, EthAddress, RequestHash, ResponseHash, Salt};

    pub(in crate::ledger) const LICENSE: LicenseId = LicenseId::new([1; 32]);

    pub(in crate::ledger) fn voucher(channel: u8, requests: u64, amount: u128) -> SignedVoucher {
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

    pub(in crate::ledger) fn receipt(channel: u8, seq: u64, tokens: u64) -> SignedReceipt {
        SignedReceipt {
            license_id: LICENSE,
            key_epoch: 0,
            channel_id: ChannelId::new([channel; 32]),
            // Numbers have gaps.
            seq: 1_000 * seq,
            cumulative_requests: seq,
            cumulative_tokens: tokens,
            served_at: 5,
            request_hash: RequestHash::new([3; 32]),
            response_hash: ResponseHash::new([6; 32]),
            signature: Signature::new([7; 65]),
        }
    }

    async fn ledger(folder: &tempfile::TempDir) -> (Store, SharedWriter, Tasks) {
        let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
        let (store, tasks) = (Store::open(&url).await.unwrap(), Tasks::new());
        let writer = SharedWriter::start(store.clone(), &tasks);
        (store, writer, tasks)
    }

    #[tokio::test]
    async fn the_voucher_of_a_receipt_is_the_last_of_its_count() {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer, _tasks) = ledger(&folder).await;
        let id = ChannelId::new([9; 32]);
        assert_eq!(newest_paid(&store, id).await.unwrap(), None);
        for amount in [10, 7, 12] {
            writer.put_voucher(LICENSE, &voucher(9, 1, amount), 0).await.unwrap();
        }
        writer.put_receipt(&receipt(9, 1, 30)).await.unwrap();
        // Its request fails: it does not count.
        writer.put_voucher(LICENSE, &voucher(9, 2, 99), 0).await.unwrap();
        let paid = newest_paid(&store, id).await.unwrap().unwrap();
        assert_eq!(paid, (receipt(9, 1, 30), voucher(9, 1, 12)));
        assert_eq!(store.served_channels(LICENSE).await.unwrap(), vec![id]);
    }

    #[tokio::test]
    async fn one_receipt_a_number_even_within_one_write() {
        let folder = tempfile::tempdir().unwrap();
        let (_store, writer, _tasks) = ledger(&folder).await;
        let (first, second) = (receipt(9, 1, 30), receipt(9, 1, 31));
        let (a, b) = tokio::join!(writer.put_receipt(&first), writer.put_receipt(&second));
        let is_refused = |put: &Result<(), LedgerError>| {
            matches!(put, Err(LedgerError::ReceiptExists { channel, request: 1, .. })
                if *channel == first.channel_id)
        };
        assert!((a.is_ok() && is_refused(&b)) || (b.is_ok() && is_refused(&a)), "{a:?} {b:?}");
    }

    #[tokio::test]
    async fn many_requests_share_writes_and_all_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer, tasks) = ledger(&folder).await;
        let puts = (0..200_u64).map(|i| {
            let writer = writer.clone();
            async move {
                let channel = u8::try_from(i).unwrap();
                writer.put_voucher(LICENSE, &voucher(channel, 1, 5), i).await?;
                writer.put_receipt(&receipt(channel, 1, i)).await
            }
        });
        for done in futures::future::join_all(puts).await {
            done.unwrap();
        }
        drop(writer);
        assert_eq!(tasks.shutdown(std::time::Duration::from_secs(5)).await, 0, "the writer ends");
        assert_eq!(store.served_channels(LICENSE).await.unwrap().len(), 200);
    }
}
