//! Rounds: what the follower has seen of them, hand-outs that came in, sheets, and an owner's
//! orders.

use super::StoreError;
use super::engine::{Store, StoredRow, bytes, int, json, opt_int, opt_text, text};
use super::rows::{HandOutRow, RoundRow, SealOrderRow, SheetRow};
use oml_contracts::round::{SeatIndex, SheetTags};
use oml_contracts::{LicenseId, RoundId, Seed};

/// Draws of one round of which hand-outs are kept: more are no reorg, but a sender that floods.
const KEPT_DRAWS: u64 = 4;

macro_rules! select {
    (rounds, $rest:literal) => {
        concat!(
            "SELECT round_id, account, payer, word, deployment, seats, beacon_round, tickets, \
             answer_until, open_until, block, opened_block FROM rounds ",
            $rest
        )
    };
    (sheets, $rest:literal) => {
        concat!(
            "SELECT round_id, seat, seed, prover, keys_hash, tags, transcript, settled FROM sheets ",
            $rest
        )
    };
    (orders, $rest:literal) => {
        concat!(
            "SELECT order_id, license_id, word_index, uri, leak, access, payer, promise_bps \
             FROM seal_orders ",
            $rest
        )
    };
}

impl Store {
    /// One round.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn round(&self, id: RoundId) -> Result<Option<RoundRow>, StoreError> {
        let sql = select!(rounds, "WHERE round_id = $1");
        let row = self.pool.first("read a round", sql, &[text(id)]).await?;
        row.map(|row| round(&row)).transpose()
    }

    /// All rounds, oldest first.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn rounds(&self) -> Result<Vec<RoundRow>, StoreError> {
        let sql = select!(rounds, "ORDER BY block, round_id");
        self.pool.all("read rounds", sql, &[]).await?.iter().map(round).collect()
    }

    /// Rounds that can still be opened at `time`, oldest first.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn open_rounds(&self, time: u64) -> Result<Vec<RoundRow>, StoreError> {
        let sql = select!(
            rounds,
            "WHERE opened_block IS NULL AND open_until >= $1 ORDER BY block, round_id"
        );
        self.pool.all("read open rounds", sql, &[int(time)]).await?.iter().map(round).collect()
    }

    /// Keeps a hand-out, unless there is one for this seat and draw. Returns the one that is kept,
    /// or nothing if a flood of draws has used up the seat's room.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn keep_hand_out(&self, row: &HandOutRow) -> Result<Option<HandOutRow>, StoreError> {
        const OPERATION: &str = "keep a hand-out";
        let (id, seat) = (text(row.round_id), int(row.seat.0.into()));
        let sql = "INSERT INTO hand_outs (round_id, seat, seed, sealed) SELECT $1, $2, $3, $4 \
                   WHERE (SELECT COUNT(*) FROM hand_outs WHERE round_id = $1 AND seat = $2) < $5 \
                   ON CONFLICT DO NOTHING";
        let values = [id, seat, text(row.seed), bytes(&row.sealed), int(KEPT_DRAWS)];
        self.pool.exec(OPERATION, sql, &values).await?;
        self.hand_out(row.round_id, row.seat, row.seed).await
    }

    /// The hand-out of a seat for a draw.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn hand_out(
        &self,
        round_id: RoundId,
        seat: SeatIndex,
        seed: Seed,
    ) -> Result<Option<HandOutRow>, StoreError> {
        let sql = "SELECT sealed FROM hand_outs WHERE round_id = $1 AND seat = $2 AND seed = $3";
        let values = [text(round_id), int(seat.0.into()), text(seed)];
        let row = self.pool.first("read a hand-out", sql, &values).await?;
        row.map(|row| Ok(HandOutRow { round_id, seat, seed, sealed: row.bytes(0)? })).transpose()
    }

    /// Keeps what a seat found. Never overwrites: it may have been sent.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn keep_sheet(&self, row: &SheetRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO sheets \
                   (round_id, seat, seed, prover, keys_hash, tags, transcript, settled) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT DO NOTHING";
        let values = [
            text(row.round_id),
            int(row.seat.0.into()),
            text(row.seed),
            text(row.prover),
            text(row.keys),
            bytes(&row.tags.word()),
            json("transcript of a check", &row.transcript)?,
        ];
        self.pool.exec("keep a sheet", sql, &values).await.map(drop)
    }

    /// What a seat found for a draw.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn sheet(
        &self,
        round_id: RoundId,
        seat: SeatIndex,
        seed: Seed,
    ) -> Result<Option<SheetRow>, StoreError> {
        let sql = select!(sheets, "WHERE round_id = $1 AND seat = $2 AND seed = $3");
        let values = [text(round_id), int(seat.0.into()), text(seed)];
        let row = self.pool.first("read a sheet", sql, &values).await?;
        row.map(|row| sheet(&row)).transpose()
    }

    /// Sheets whose fee is neither paid nor known to be lost.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn unsettled_sheets(&self) -> Result<Vec<SheetRow>, StoreError> {
        let sql = select!(sheets, "WHERE settled = 0 ORDER BY round_id, seat, seed");
        self.pool.all("read unsettled sheets", sql, &[]).await?.iter().map(sheet).collect()
    }

    /// Nothing is left to do about a sheet.
    ///
    /// # Errors
    /// The engine's error.
    pub(crate) async fn settle_sheet(&self, row: &SheetRow) -> Result<(), StoreError> {
        let sql = "UPDATE sheets SET settled = 1 WHERE round_id = $1 AND seat = $2 AND seed = $3";
        let values = [text(row.round_id), int(row.seat.0.into()), text(row.seed)];
        self.pool.exec("settle a sheet", sql, &values).await.map(drop)
    }

    /// Keeps an order. Returns `false` if there is one of this name already.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn put_seal_order(&self, row: &SealOrderRow) -> Result<bool, StoreError> {
        let sql = "INSERT INTO seal_orders \
                   (order_id, license_id, word_index, uri, leak, access, payer, promise_bps) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        let values = [
            text(&row.order_id),
            text(row.license_id),
            opt_int(row.index.map(u64::from)),
            text(&row.uri),
            int(row.leak.into()),
            opt_text(row.access.as_ref()),
            opt_text(row.payer),
            int(row.promise_bps.into()),
        ];
        Ok(self.pool.exec("keep a seal order", sql, &values).await? == 1)
    }

    /// An owner's orders, by name.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn seal_orders(&self) -> Result<Vec<SealOrderRow>, StoreError> {
        let sql = select!(orders, "ORDER BY order_id");
        self.pool.all("read seal orders", sql, &[]).await?.iter().map(order).collect()
    }

    /// Gives an order its word for ever. Returns `false` if it has one, or another order has that
    /// one: one word seals one round.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn take_word(
        &self,
        order_id: &str,
        license: LicenseId,
        index: u8,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE seal_orders SET word_index = $2 WHERE order_id = $1 \
                   AND word_index IS NULL AND NOT EXISTS \
                   (SELECT 1 FROM seal_orders WHERE license_id = $3 AND word_index = $2)";
        let values = [text(order_id), int(index.into()), text(license)];
        Ok(self.pool.exec("take a word", sql, &values).await? == 1)
    }

    /// Takes an order's word from it, so that it gets another one. Returns `false` if it has
    /// another by now.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn drop_word(&self, order_id: &str, index: u8) -> Result<bool, StoreError> {
        let sql = "UPDATE seal_orders SET word_index = NULL \
                   WHERE order_id = $1 AND word_index = $2";
        let values = [text(order_id), int(index.into())];
        Ok(self.pool.exec("drop a word", sql, &values).await? == 1)
    }
}

fn small(row: &StoredRow, column: usize) -> Result<u8, StoreError> {
    u8::try_from(row.u64(column)?)
        .map_err(|source| StoreError::Corrupt { column, source: source.into() })
}

fn round(row: &StoredRow) -> Result<RoundRow, StoreError> {
    Ok(RoundRow {
        round_id: row.parse(0)?,
        account: row.parse(1)?,
        payer: row.parse(2)?,
        word: row.parse(3)?,
        deployment: row.parse(4)?,
        seats: small(row, 5)?,
        beacon_round: row.u64(6)?,
        tickets: row.u32(7)?,
        answer_until: row.u64(8)?,
        open_until: row.u64(9)?,
        block: row.u64(10)?,
        opened_block: row.opt_u64(11)?,
    })
}

fn sheet(row: &StoredRow) -> Result<SheetRow, StoreError> {
    let word = <[u8; 32]>::try_from(row.bytes(5)?)
        .map_err(|_| StoreError::Corrupt { column: 5, source: "tags of another length".into() })?;
    Ok(SheetRow {
        round_id: row.parse(0)?,
        seat: SeatIndex(small(row, 1)?),
        seed: row.parse(2)?,
        prover: row.parse(3)?,
        keys: row.parse(4)?,
        tags: SheetTags::from_word(word),
        transcript: row.json(6)?,
        settled: row.u64(7)? != 0,
    })
}

fn order(row: &StoredRow) -> Result<SealOrderRow, StoreError> {
    let index = row.opt_u64(2)?.map(u8::try_from).transpose();
    let corrupt = |source: std::num::TryFromIntError| StoreError::Corrupt {
        column: 2,
        source: source.into(),
    };
    let payer = row.opt_text(6)?.map(|text| text.parse()).transpose();
    Ok(SealOrderRow {
        order_id: row.text(0)?.to_owned(),
        license_id: row.parse(1)?,
        index: index.map_err(corrupt)?,
        uri: row.text(3)?.to_owned(),
        leak: row.u64(4)? != 0,
        access: row.opt_text(5)?,
        payer: payer.map_err(|source: oml_contracts::ParseHexError| StoreError::Corrupt {
            column: 6,
            source: source.into(),
        })?,
        promise_bps: u16::try_from(row.u64(7)?)
            .map_err(|source| StoreError::Corrupt { column: 7, source: source.into() })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::{EthAddress, KeysHash, Tag};

    async fn store() -> Store {
        Store::open("sqlite::memory:").await.unwrap()
    }

    fn hand_out(seed: u8, sealed: u8) -> HandOutRow {
        HandOutRow {
            round_id: RoundId::new([1; 32]),
            seat: SeatIndex(3),
            seed: Seed::new([seed; 32]),
            sealed: vec![sealed; 4],
        }
    }

    #[tokio::test]
    async fn the_first_hand_out_of_a_draw_stays_and_draws_are_few() {
        let store = store().await;
        let first = hand_out(1, 1);
        assert_eq!(store.keep_hand_out(&first).await.unwrap(), Some(first.clone()));
        assert_eq!(store.keep_hand_out(&hand_out(1, 2)).await.unwrap(), Some(first));
        for seed in 2..=4 {
            let other = hand_out(seed, seed);
            assert_eq!(store.keep_hand_out(&other).await.unwrap(), Some(other));
        }
        assert_eq!(store.keep_hand_out(&hand_out(5, 5)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_sheet_is_never_replaced_and_settled_once() {
        let store = store().await;
        let sheet = |tag: u8| SheetRow {
            round_id: RoundId::new([1; 32]),
            seat: SeatIndex(0),
            seed: Seed::new([2; 32]),
            prover: EthAddress::new([3; 20]),
            keys: KeysHash::new([4; 32]),
            tags: SheetTags([Tag::new([tag; 4]); 8]),
            transcript: serde_json::json!({ "n": tag }),
            settled: false,
        };
        store.keep_sheet(&sheet(1)).await.unwrap();
        store.keep_sheet(&sheet(2)).await.unwrap();
        assert_eq!(store.unsettled_sheets().await.unwrap(), [sheet(1)]);
        store.settle_sheet(&sheet(1)).await.unwrap();
        assert!(store.unsettled_sheets().await.unwrap().is_empty());
        let kept = store.sheet(sheet(1).round_id, SeatIndex(0), sheet(1).seed).await.unwrap();
        assert!(kept.unwrap().settled);
    }

    #[tokio::test]
    async fn one_word_is_one_orders() {
        let store = store().await;
        let license = LicenseId::new([7; 32]);
        let order = |name: &str| SealOrderRow {
            order_id: name.to_owned(),
            license_id: license,
            index: None,
            uri: "https://host.example".to_owned(),
            leak: false,
            access: Some("{\"headers\":{}}".to_owned()),
            payer: Some(EthAddress::new([9; 20])),
            promise_bps: 250,
        };
        assert!(store.put_seal_order(&order("a")).await.unwrap());
        assert!(!store.put_seal_order(&order("a")).await.unwrap());
        assert!(store.put_seal_order(&order("b")).await.unwrap());
        assert!(store.take_word("a", license, 5).await.unwrap());
        assert!(!store.take_word("a", license, 6).await.unwrap());
        assert!(!store.take_word("b", license, 5).await.unwrap());
        assert!(store.take_word("b", license, 6).await.unwrap());
        // Another node has sealed with the word: the order gets the next one.
        assert!(!store.drop_word("b", 5).await.unwrap());
        assert!(store.drop_word("b", 6).await.unwrap());
        assert!(store.take_word("b", license, 6).await.unwrap());
        let orders = store.seal_orders().await.unwrap();
        let expected = |name, index| SealOrderRow { index: Some(index), ..order(name) };
        assert_eq!(orders, [expected("a", 5), expected("b", 6)]);
    }
}
