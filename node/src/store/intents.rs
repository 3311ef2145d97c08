//! Transactions of the sender: what is meant, and every signed attempt, stored before broadcast.

use super::StoreError;
use super::engine::{Store, StoredRow, Tx, bytes, int, opt_int, opt_text, text, wide};
use super::rows::{AttemptRow, IntentRow, IntentState};
use alloy::primitives::{Address, B256};

const PUT: &str = "keep an intent";

macro_rules! intents {
    ($rest:literal) => {
        concat!(
            "SELECT key, sender, target, calldata, value, describe, deadline, state, nonce, tx_hash, block, ",
            "succeeded, error, created_at FROM intents ",
            $rest
        )
    };
}

impl IntentState {
    const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Mined => "mined",
            Self::Done => "done",
            Self::Reverted => "reverted",
            Self::Dropped => "dropped",
        }
    }
}

impl Store {
    /// Keeps an intent with its first signed transaction, as one. Returns `false`, and changes
    /// nothing, if the key is taken.
    ///
    /// # Errors
    /// The engine's error; then nothing is kept and nothing may be broadcast.
    pub async fn put_intent(
        &self,
        intent: &IntentRow,
        attempt: &AttemptRow,
    ) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin(PUT).await?;
        let sql = "INSERT INTO intents (key, sender, target, calldata, value, describe, deadline, state, nonce, \
                   created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9) ON CONFLICT DO NOTHING";
        let values = [
            text(&intent.key),
            text(intent.sender),
            text(intent.to),
            bytes(&intent.calldata),
            wide(intent.value),
            text(&intent.describe),
            opt_int(intent.deadline),
            int(intent.nonce),
            int(intent.created_at),
        ];
        if tx.exec(PUT, sql, &values).await? == 0 {
            return Ok(false);
        }
        insert_attempt(&mut tx, attempt).await?;
        tx.commit(PUT).await?;
        Ok(true)
    }

    /// Keeps another signed transaction of an intent.
    ///
    /// # Errors
    /// The engine's error; then it may not be broadcast.
    pub async fn put_attempt(&self, attempt: &AttemptRow) -> Result<(), StoreError> {
        let mut tx = self.pool.begin(PUT).await?;
        insert_attempt(&mut tx, attempt).await?;
        tx.commit(PUT).await
    }

    /// One intent.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn intent(&self, key: &str) -> Result<Option<IntentRow>, StoreError> {
        let row =
            self.pool.first("read an intent", intents!("WHERE key = $1"), &[text(key)]).await?;
        row.map(|row| intent(&row)).transpose()
    }

    /// Intents of an account whose end is not final, by nonce.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn open_intents(&self, sender: Address) -> Result<Vec<IntentRow>, StoreError> {
        let sql = intents!("WHERE sender = $1 AND state IN ('pending', 'mined') ORDER BY nonce");
        self.pool.all("read open intents", sql, &[text(sender)]).await?.iter().map(intent).collect()
    }

    /// The newest intents, newest first.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn recent_intents(&self, limit: u32) -> Result<Vec<IntentRow>, StoreError> {
        let sql = intents!("ORDER BY created_at DESC, nonce DESC LIMIT $1");
        self.pool.all("read intents", sql, &[int(limit.into())]).await?.iter().map(intent).collect()
    }

    /// Signed transactions of an intent, newest first.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn attempts(&self, key: &str) -> Result<Vec<AttemptRow>, StoreError> {
        let sql = "SELECT key, tx_hash, raw, max_fee, tip, cancels, created_at FROM attempts \
                   WHERE key = $1 ORDER BY seq DESC";
        self.pool.all("read attempts", sql, &[text(key)]).await?.iter().map(attempt).collect()
    }

    /// Moves an intent to another state.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn set_intent(
        &self,
        key: &str,
        state: IntentState,
        mined: Option<(B256, u64, bool)>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE intents SET state = $2, tx_hash = $3, block = $4, succeeded = $5, error = $6 \
                   WHERE key = $1";
        let values = [
            text(key),
            text(state.word()),
            opt_text(mined.map(|(hash, _, _)| hash)),
            opt_int(mined.map(|(_, block, _)| block)),
            opt_int(mined.map(|(_, _, succeeded)| u64::from(succeeded))),
            opt_text(error),
        ];
        self.pool.exec("move an intent", sql, &values).await?;
        Ok(())
    }
}

async fn insert_attempt(tx: &mut Tx, row: &AttemptRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO attempts (tx_hash, key, raw, max_fee, tip, cancels, seq, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, \
               (SELECT COUNT(*) FROM attempts WHERE key = $2), $7) ON CONFLICT DO NOTHING";
    let values = [
        text(row.tx_hash),
        text(&row.key),
        bytes(&row.raw),
        wide(row.max_fee),
        wide(row.tip),
        int(u64::from(row.cancels)),
        int(row.created_at),
    ];
    tx.exec(PUT, sql, &values).await?;
    Ok(())
}

fn intent(row: &StoredRow) -> Result<IntentRow, StoreError> {
    Ok(IntentRow {
        key: row.text(0)?.to_owned(),
        sender: row.parse(1)?,
        to: row.parse(2)?,
        calldata: row.bytes(3)?,
        value: row.parse(4)?,
        describe: row.text(5)?.to_owned(),
        deadline: row.opt_u64(6)?,
        state: match row.text(7)? {
            "pending" => IntentState::Pending,
            "mined" => IntentState::Mined,
            "done" => IntentState::Done,
            "reverted" => IntentState::Reverted,
            "dropped" => IntentState::Dropped,
            other => {
                return Err(StoreError::Corrupt {
                    column: 7,
                    source: format!("unknown state {other:?}").into(),
                });
            }
        },
        nonce: row.u64(8)?,
        tx_hash: row.opt_parse(9)?,
        block: row.opt_u64(10)?,
        succeeded: row.opt_u64(11)?.map(|succeeded| succeeded == 1),
        error: row.opt_text(12)?,
        created_at: row.u64(13)?,
    })
}

fn attempt(row: &StoredRow) -> Result<AttemptRow, StoreError> {
    Ok(AttemptRow {
        key: row.text(0)?.to_owned(),
        tx_hash: row.parse(1)?,
        raw: row.bytes(2)?,
        max_fee: row.parse(3)?,
        tip: row.parse(4)?,
        cancels: row.u64(5)? == 1,
        created_at: row.u64(6)?,
    })
}
