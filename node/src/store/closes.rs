//! Closes that this host has signed: durable before the signature leaves, and for ever.

use oml_contracts::{Amount, ChannelId};

use super::StoreError;
use super::engine::{Store, int, text, wide};

/// A host's word that ends a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedCloseRow {
    /// The channel that ends.
    pub channel_id: ChannelId,
    /// The deposit that the host has seen.
    pub deposited: Amount,
    /// What of that it may still come to.
    pub final_amount: Amount,
    /// When it was signed first, Unix seconds.
    pub signed_at: u64,
}

impl Store {
    /// Keeps a word before it is given. A channel's first one stays: from it on nothing is served.
    ///
    /// # Errors
    /// The engine's error; then it is not kept, and must not be given.
    pub async fn keep_close(&self, row: &SignedCloseRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO signed_closes (channel_id, deposited, final_amount, signed_at) \
                   VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let values = [
            text(row.channel_id),
            wide(row.deposited.get()),
            wide(row.final_amount.get()),
            int(row.signed_at),
        ];
        self.pool.exec("keep a signed close", sql, &values).await.map(drop)
    }

    /// The first word that was given for a channel.
    ///
    /// # Errors
    /// The engine's error.
    pub(crate) async fn signed_close(
        &self,
        id: ChannelId,
    ) -> Result<Option<SignedCloseRow>, StoreError> {
        let sql = "SELECT channel_id, deposited, final_amount, signed_at FROM signed_closes \
                   WHERE channel_id = $1";
        let Some(row) = self.pool.first("read a signed close", sql, &[text(id)]).await? else {
            return Ok(None);
        };
        Ok(Some(SignedCloseRow {
            channel_id: row.parse(0)?,
            deposited: Amount::new(row.parse(1)?),
            final_amount: Amount::new(row.parse(2)?),
            signed_at: row.u64(3)?,
        }))
    }
}
