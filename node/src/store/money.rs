//! Vouchers and receipts: append-only. What the gateway keeps goes through `keep_paid` of the file
//! `paid.rs`.

use super::StoreError;
use super::engine::{SqlValue, Store, StoredRow, Tx, bytes, counter, int, json, text, wide};
use super::rows::{PutVoucher, ReceiptRow, VoucherRow};
use oml_contracts::{Amount, ChannelId, LicenseId};

const PUT: &str = "keep a voucher";

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
    /// Keeps a voucher if it is the channel's newest. Two requests can't both win with the same
    /// count.
    ///
    /// # Errors
    /// The engine's error; then it is not kept.
    pub async fn put_voucher(&self, row: &VoucherRow) -> Result<PutVoucher, StoreError> {
        let mut tx = self.pool.begin(PUT).await?;
        tx.lock(PUT, &row.channel_id.to_string()).await?;
        if let Some(newest) = tx.all(PUT, NEWEST, &[text(row.channel_id)]).await?.first() {
            let newest = voucher(newest)?;
            if same_voucher(&newest, row) {
                return Ok(PutVoucher::Duplicate);
            }
            let goes_on = row.cumulative_requests > newest.cumulative_requests
                && row.cumulative_tokens >= newest.cumulative_tokens
                && row.cumulative_amount >= newest.cumulative_amount;
            if !goes_on {
                return Ok(PutVoucher::Stale { newest: Box::new(newest) });
            }
        }
        insert_voucher(&mut tx, row).await?;
        tx.commit(PUT).await?;
        Ok(PutVoucher::Stored)
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

    /// The newest voucher of every channel of a license.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn newest_vouchers(&self, license: LicenseId) -> Result<Vec<VoucherRow>, StoreError> {
        let sql = vouchers!(
            "AS v WHERE license_id = $1 AND cumulative_requests = \
             (SELECT MAX(cumulative_requests) FROM vouchers WHERE channel_id = v.channel_id) ORDER BY channel_id"
        );
        self.pool
            .all("read the newest vouchers", sql, &[text(license)])
            .await?
            .iter()
            .map(voucher)
            .collect()
    }

    /// How many vouchers of a license are kept.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn voucher_count(&self, license: LicenseId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) FROM vouchers WHERE license_id = $1";
        let row = self.pool.first("count vouchers", sql, &[text(license)]).await?;
        row.map_or(Ok(0), |row| row.u64(0))
    }

    /// Keeps a receipt. Returns `false`, and changes nothing, if there is one with the same
    /// license, epoch, channel and number, which would be equivocation, or for the same request.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn put_receipt(&self, row: &ReceiptRow) -> Result<bool, StoreError> {
        Ok(self.pool.exec("keep a receipt", KEEP_RECEIPT, &receipt_values(row)?).await? == 1)
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

    /// Receipts of a channel by request.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn receipts(&self, channel: ChannelId) -> Result<Vec<ReceiptRow>, StoreError> {
        let sql = "SELECT receipt, signature FROM receipts WHERE channel_id = $1 ORDER BY requests";
        self.pool.all("read receipts", sql, &[text(channel)]).await?.iter().map(receipt).collect()
    }
}

/// Changes nothing where there is a receipt of the same number, or for the same request.
pub(super) const KEEP_RECEIPT: &str = "INSERT INTO receipts (license_id, key_epoch, channel_id, seq, requests, receipt, signature) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

pub(super) fn receipt_values(row: &ReceiptRow) -> Result<[SqlValue; 7], StoreError> {
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

/// Equal in all that is signed; the same voucher may arrive twice at different times.
fn same_voucher(a: &VoucherRow, b: &VoucherRow) -> bool {
    (a.cumulative_requests, a.cumulative_tokens, a.cumulative_amount, a.request_hash)
        == (b.cumulative_requests, b.cumulative_tokens, b.cumulative_amount, b.request_hash)
        && a.signature == b.signature
}

async fn insert_voucher(tx: &mut Tx, row: &VoucherRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO vouchers (channel_id, license_id, payer, signer, salt, cumulative_amount, \
               cumulative_requests, cumulative_tokens, request_hash, signature, received_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = [
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
    ];
    tx.exec(PUT, sql, &values).await?;
    Ok(())
}

pub(super) fn voucher(row: &StoredRow) -> Result<VoucherRow, StoreError> {
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

pub(super) fn receipt(row: &StoredRow) -> Result<ReceiptRow, StoreError> {
    Ok(ReceiptRow { receipt: row.json(0)?, signature: row.bytes(1)? })
}
