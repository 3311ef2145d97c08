//! Writes of the follower: blocks, events and facts in one transaction, and their removal on a
//! reorg.

use super::StoreError;
use super::engine::{SqlValue, Store, Tx, bytes, int, json, text, wide};
use super::rows::{
    BlockRef, ChainBatch, ChannelRow, DeploymentRow, EventRow, Fact, LicenseRow, RoundRow,
};

const APPLY: &str = "apply blocks";
const UNWIND: &str = "unwind blocks";

/// Everything that depends on blocks: what to delete and what to take back.
const UNWINDS: [&str; 11] = [
    "DELETE FROM window_blocks WHERE number > $1",
    "DELETE FROM events WHERE block > $1",
    "DELETE FROM offers WHERE block > $1",
    "DELETE FROM licenses WHERE block > $1",
    "DELETE FROM deployments WHERE block > $1",
    "DELETE FROM universes WHERE block > $1",
    "DELETE FROM rounds WHERE block > $1",
    "DELETE FROM channels WHERE block > $1",
    "UPDATE offers SET withdrawn_block = NULL WHERE withdrawn_block > $1",
    "UPDATE deployments SET retired_block = NULL WHERE retired_block > $1",
    "UPDATE rounds SET opened_block = NULL WHERE opened_block > $1",
];

impl Store {
    /// Commits blocks and what happened in them as one. Applying the same batch twice changes
    /// nothing.
    ///
    /// # Errors
    /// The engine's error; then nothing of the batch is stored.
    pub async fn apply(&self, batch: &ChainBatch) -> Result<(), StoreError> {
        let mut tx = self.pool.begin(APPLY).await?;
        for (event, fact) in &batch.events {
            put_event(&mut tx, event).await?;
            if let Some(fact) = fact {
                put_fact(&mut tx, event, fact).await?;
            }
        }
        for block in &batch.blocks {
            put_block(&mut tx, block).await?;
        }
        if let Some(last) = batch.blocks.last() {
            let keep_from = last.number.saturating_sub(batch.window);
            tx.exec(APPLY, "DELETE FROM window_blocks WHERE number < $1", &[int(keep_from)])
                .await?;
        }
        tx.commit(APPLY).await
    }

    /// Forgets every block above `number` and all that happened there.
    ///
    /// # Errors
    /// The engine's error; then nothing is forgotten.
    pub async fn unwind_to(&self, number: u64) -> Result<(), StoreError> {
        let mut tx = self.pool.begin(UNWIND).await?;
        unwind(&mut tx, number).await?;
        tx.commit(UNWIND).await
    }

    /// Forgets the whole chain, for a reorg deeper than the window. What the node itself produced
    /// (jobs, intents, secrets, vouchers, receipts) stays.
    ///
    /// # Errors
    /// The engine's error; then nothing is forgotten.
    pub async fn forget_chain(&self) -> Result<(), StoreError> {
        let mut tx = self.pool.begin(UNWIND).await?;
        unwind(&mut tx, 0).await?;
        // Block 0 holds no event of ours, only the window can have it.
        tx.exec(UNWIND, "DELETE FROM window_blocks WHERE number >= $1", &[int(0)]).await?;
        tx.commit(UNWIND).await
    }
}

async fn unwind(tx: &mut Tx, number: u64) -> Result<(), StoreError> {
    for sql in UNWINDS {
        tx.exec(UNWIND, sql, &[int(number)]).await?;
    }
    let sql = "UPDATE channels SET thawing_block = NULL WHERE thawing_block > $1";
    tx.exec(UNWIND, sql, &[int(number)]).await?;
    let sql = "UPDATE channels SET closed_block = NULL WHERE closed_block > $1";
    tx.exec(UNWIND, sql, &[int(number)]).await?;
    Ok(())
}

async fn put_block(tx: &mut Tx, block: &BlockRef) -> Result<(), StoreError> {
    let sql = "INSERT INTO window_blocks (number, hash, timestamp) VALUES ($1, $2, $3) \
               ON CONFLICT (number) DO UPDATE SET hash = excluded.hash, timestamp = excluded.timestamp";
    tx.exec(APPLY, sql, &[int(block.number), text(block.hash), int(block.timestamp)]).await?;
    Ok(())
}

async fn put_event(tx: &mut Tx, event: &EventRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO events (block, log_index, tx_hash, contract, name, subject, topics, data, timestamp) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    let values = [
        int(event.block),
        int(event.log_index),
        text(event.tx_hash),
        text(event.contract),
        text(&event.name),
        text(event.subject),
        json("topics of an event", &event.topics)?,
        bytes(&event.data),
        int(event.timestamp),
    ];
    tx.exec(APPLY, sql, &values).await?;
    Ok(())
}

async fn put_fact(tx: &mut Tx, event: &EventRow, fact: &Fact) -> Result<(), StoreError> {
    let (sql, values) = statement(event, fact)?;
    tx.exec(APPLY, sql, &values).await?;
    Ok(())
}

fn statement(event: &EventRow, fact: &Fact) -> Result<(&'static str, Vec<SqlValue>), StoreError> {
    Ok(match fact {
        Fact::Offer(row) => (
            "INSERT INTO offers (offer_id, model_id, owner, terms, block) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (offer_id) DO NOTHING",
            vec![
                text(row.offer_id),
                text(row.model_id),
                text(row.owner),
                json("terms", &row.terms)?,
                int(row.block),
            ],
        ),
        Fact::OfferWithdrawn(offer) => (
            "UPDATE offers SET withdrawn_block = $2 WHERE offer_id = $1 AND withdrawn_block IS NULL",
            vec![text(offer), int(event.block)],
        ),
        Fact::License(row) => license_statement(row),
        Fact::Deployment(row) => deployment_statement(row, event.log_index),
        Fact::DeploymentRetired(license, deployment) => (
            "UPDATE deployments SET retired_block = $3 \
             WHERE license_id = $1 AND deployment = $2 AND retired_block IS NULL AND block <= $3",
            vec![text(license), text(deployment), int(event.block)],
        ),
        Fact::Universe(row) => (
            "INSERT INTO universes (model_id, epoch, root, block) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (model_id, epoch) DO NOTHING",
            vec![text(row.model_id), int(row.epoch.into()), text(row.root), int(row.block)],
        ),
        Fact::Round(row) => round_statement(row),
        Fact::RoundOpened(round) => (
            "UPDATE rounds SET opened_block = $2 WHERE round_id = $1 AND opened_block IS NULL",
            vec![text(round), int(event.block)],
        ),
        Fact::Channel(row) => channel_statement(row),
        Fact::ChannelThawing(channel) => (
            "UPDATE channels SET thawing_block = $2 WHERE channel_id = $1",
            vec![text(channel), int(event.block)],
        ),
        // A closed channel can be left again: the first time counts.
        Fact::ChannelClosed(channel) => (
            "UPDATE channels SET closed_block = $2 WHERE channel_id = $1 AND closed_block IS NULL",
            vec![text(channel), int(event.block)],
        ),
    })
}

fn deployment_statement(row: &DeploymentRow, log_index: u64) -> (&'static str, Vec<SqlValue>) {
    (
        "INSERT INTO deployments (license_id, deployment, uri, block, log_index) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        vec![
            text(row.license_id),
            text(row.deployment),
            text(&row.uri),
            int(row.block),
            int(log_index),
        ],
    )
}

fn round_statement(row: &RoundRow) -> (&'static str, Vec<SqlValue>) {
    (
        "INSERT INTO rounds (round_id, account, payer, word, deployment, seats, beacon_round, \
         tickets, answer_until, open_until, block) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (round_id) DO NOTHING",
        vec![
            text(row.round_id),
            text(row.account),
            text(row.payer),
            text(row.word),
            text(row.deployment),
            int(row.seats.into()),
            int(row.beacon_round),
            int(row.tickets.into()),
            int(row.answer_until),
            int(row.open_until),
            int(row.block),
        ],
    )
}

fn license_statement(row: &LicenseRow) -> (&'static str, Vec<SqlValue>) {
    (
        "INSERT INTO licenses (license_id, offer_id, host, nonce, serving_key, block) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (license_id) DO NOTHING",
        vec![
            text(row.license_id),
            text(row.offer_id),
            text(row.host),
            wide(row.nonce.get()),
            text(row.serving_key),
            int(row.block),
        ],
    )
}

fn channel_statement(row: &ChannelRow) -> (&'static str, Vec<SqlValue>) {
    (
        "INSERT INTO channels (channel_id, license_id, payer, signer, salt, block) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (channel_id) DO NOTHING",
        vec![
            text(row.channel_id),
            text(row.license_id),
            text(row.payer),
            text(row.signer),
            text(row.salt),
            int(row.block),
        ],
    )
}
