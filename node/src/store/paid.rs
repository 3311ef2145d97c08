//! Vouchers and receipts as the gateway and the redeemer ask for them; append-only.
//!
//! A request that failed leaves its voucher without a receipt, and is asked again under the same
//! count. So several vouchers may have one count; the one that arrived last belongs to the receipt.

use super::StoreError;
use super::engine::{SqlValue, Store, StoredRow, bytes, counter, int, json, text, wide};
use super::rows::{ReceiptRow, VoucherRow};
use oml_contracts::{Amount, ChannelId, LicenseId};

/// A row to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaidRow {
    /// A voucher, before its request is served.
    Voucher(VoucherRow),
    /// A receipt, before it leaves the host.
    Receipt(ReceiptRow),
}

const KEEP: &str = "keep vouchers and receipts";

macro_rules! vouchers {
    ($rest:literal) => {
        concat!(
            "SELECT channel_id, license_id, payer, signer, salt, cumulative_amount, cumulative_requests, ",
            "cumulative_tokens, request_hash, signature, received_at FROM vouchers ",
            $rest
        )
    };
}

const NEWEST: &str =
    vouchers!("WHERE channel_id = $1 ORDER BY cumulative_requests DESC, attempt DESC LIMIT 1");

impl Store {
    /// Keeps rows in one transaction: many together cost one write to disk. Per row, whether it was
    /// kept; a receipt is not if there is one of its license, channel and number.
    ///
    /// # Errors
    /// The engine's error; then none is kept.
    pub async fn keep_paid(&self, rows: &[PaidRow]) -> Result<Vec<bool>, StoreError> {
        let mut tx = self.pool.begin(KEEP).await?;
        // Two gateways would else count the same attempts of a request.
        tx.lock(KEEP, "paid").await?;
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            let changed = match row {
                PaidRow::Voucher(row) => tx.exec(KEEP, KEEP_VOUCHER, &voucher_values(row)).await?,
                PaidRow::Receipt(row) => tx.exec(KEEP, KEEP_RECEIPT, &receipt_values(row)?).await?,
            };
            kept.push(changed == 1);
        }
        tx.commit(KEEP).await?;
        Ok(kept)
    }

    /// A channel's newest voucher.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn newest_voucher(
        &self,
        channel: ChannelId,
    ) -> Result<Option<VoucherRow>, StoreError> {
        let row = self.pool.first("read the newest voucher", NEWEST, &[text(channel)]).await?;
        row.map(|row| voucher(&row)).transpose()
    }

    /// A channel's receipt that counts most requests.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn newest_receipt(
        &self,
        channel: ChannelId,
    ) -> Result<Option<ReceiptRow>, StoreError> {
        let sql = "SELECT receipt, signature FROM receipts WHERE channel_id = $1 ORDER BY requests DESC LIMIT 1";
        let row = self.pool.first("read the newest receipt", sql, &[text(channel)]).await?;
        row.map(|row| receipt(&row)).transpose()
    }

    /// The voucher that arrived last among a channel's vouchers of one count.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn voucher_of(
        &self,
        channel: ChannelId,
        requests: u64,
    ) -> Result<Option<VoucherRow>, StoreError> {
        let sql = vouchers!(
            "WHERE channel_id = $1 AND cumulative_requests = $2 ORDER BY attempt DESC LIMIT 1"
        );
        let row =
            self.pool.first("read a voucher", sql, &[text(channel), counter(requests)]).await?;
        row.map(|row| voucher(&row)).transpose()
    }

    /// The first receipt of a channel that no voucher of at most `claimed` pays for.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn first_unpaid(
        &self,
        channel: ChannelId,
        claimed: Amount,
    ) -> Result<Option<ReceiptRow>, StoreError> {
        let paid = "SELECT MAX(cumulative_requests) FROM vouchers \
                    WHERE channel_id = $1 AND cumulative_amount <= $2";
        let values = [text(channel), wide(claimed.get())];
        let paid = self.pool.first("read the newest paid voucher", paid, &values).await?;
        let paid = paid.map_or(Ok(None), |row| row.opt_parse::<u64>(0))?.unwrap_or_default();
        let sql = "SELECT receipt, signature FROM receipts WHERE channel_id = $1 AND requests > $2 \
                   ORDER BY requests LIMIT 1";
        let values = [text(channel), counter(paid)];
        let row = self.pool.first("read the first unpaid receipt", sql, &values).await?;
        row.map(|row| receipt(&row)).transpose()
    }

    /// Channels of a license on which something was served.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn served_channels(&self, license: LicenseId) -> Result<Vec<ChannelId>, StoreError> {
        let sql =
            "SELECT DISTINCT channel_id FROM receipts WHERE license_id = $1 ORDER BY channel_id";
        let rows = self.pool.all("read served channels", sql, &[text(license)]).await?;
        rows.iter().map(|row| row.parse(0)).collect()
    }
}

const KEEP_VOUCHER: &str = "INSERT INTO vouchers (channel_id, license_id, payer, signer, salt, cumulative_amount, \
     cumulative_requests, cumulative_tokens, request_hash, signature, received_at, attempt) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
     (SELECT COUNT(*) FROM vouchers WHERE channel_id = $1 AND cumulative_requests = $7))";

fn voucher_values(row: &VoucherRow) -> [SqlValue; 11] {
    [
        text(row.channel_id),
        text(row.license_id),
        text(row.payer),
        text(row.signer),
        text(row.salt),
        wide(row.cumulative_amount.get()),
        counter(row.cumulative_requests),
        counter(row.cumulative_tokens),
        text(row.request_hash),
        bytes(&row.signature),
        int(row.received_at),
    ]
}

/// Changes nothing where there is a receipt of the same number, or for the same request.
const KEEP_RECEIPT: &str = "INSERT INTO receipts (license_id, key_epoch, channel_id, seq, requests, receipt, signature) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

fn receipt_values(row: &ReceiptRow) -> Result<[SqlValue; 7], StoreError> {
    Ok([
        text(row.receipt.license_id),
        int(row.receipt.key_epoch.into()),
        text(row.receipt.channel_id),
        counter(row.receipt.seq),
        counter(row.receipt.cumulative_requests),
        json("receipt", &row.receipt)?,
        bytes(&row.signature),
    ])
}

fn voucher(row: &StoredRow) -> Result<VoucherRow, StoreError> {
    Ok(VoucherRow {
        channel_id: row.parse(0)?,
        license_id: row.parse(1)?,
        payer: row.parse(2)?,
        signer: row.parse(3)?,
        salt: row.parse(4)?,
        cumulative_amount: Amount::new(row.parse(5)?),
        cumulative_requests: row.parse(6)?,
        cumulative_tokens: row.parse(7)?,
        request_hash: row.parse(8)?,
        signature: row.bytes(9)?,
        received_at: row.u64(10)?,
    })
}

fn receipt(row: &StoredRow) -> Result<ReceiptRow, StoreError> {
    Ok(ReceiptRow { receipt: row.json(0)?, signature: row.bytes(1)? })
}
