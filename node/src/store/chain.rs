//! Reads of what the follower indexed.

use super::StoreError;
use super::engine::{Store, StoredRow, int, text};
use super::rows::{
    BlockRef, ChannelRow, DeploymentRow, EventRow, LicenseRow, OfferRow, UniverseRow,
};
use alloy::primitives::B256;
use oml_contracts::{
    ChannelId, DeploymentHash, EthAddress, LicenseId, LicenseNonce, ModelId, OfferId,
};

macro_rules! columns {
    (offers) => { "SELECT offer_id, model_id, owner, terms, block, withdrawn_block FROM offers" };
    (licenses) => { "SELECT license_id, offer_id, host, nonce, serving_key, block FROM licenses" };
    (deployments) => { "SELECT license_id, deployment, uri, block, retired_block FROM deployments" };
    (universes) => { "SELECT model_id, epoch, root, block FROM universes" };
    (channels) => { "SELECT channel_id, license_id, payer, signer, salt, block, thawing_block, closed_block FROM channels" };
    (events) => {
        "SELECT block, log_index, tx_hash, contract, name, subject, topics, data, timestamp FROM events"
    };
    (window_blocks) => { "SELECT number, hash, timestamp FROM window_blocks" };
}

macro_rules! select {
    ($table:ident, $rest:literal) => {
        concat!(columns!($table), " ", $rest)
    };
}

impl Store {
    /// The newest block whose rows are stored.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn head(&self) -> Result<Option<BlockRef>, StoreError> {
        let sql = select!(window_blocks, "ORDER BY number DESC LIMIT 1");
        self.pool.first("read the head", sql, &[]).await?.map(|row| block(&row)).transpose()
    }

    /// The stored window, newest first.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn window(&self) -> Result<Vec<BlockRef>, StoreError> {
        let sql = select!(window_blocks, "ORDER BY number DESC");
        self.pool.all("read the window", sql, &[]).await?.iter().map(block).collect()
    }

    /// One offer.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn offer(&self, id: OfferId) -> Result<Option<OfferRow>, StoreError> {
        let sql = select!(offers, "WHERE offer_id = $1");
        self.pool.first("read an offer", sql, &[text(id)]).await?.map(|row| offer(&row)).transpose()
    }

    /// All offers, or those of one model, oldest first.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn offers(&self, model: Option<ModelId>) -> Result<Vec<OfferRow>, StoreError> {
        let op = "read offers";
        let rows = match model {
            Some(model) => {
                let sql = select!(offers, "WHERE model_id = $1 ORDER BY block, offer_id");
                self.pool.all(op, sql, &[text(model)]).await?
            }
            None => self.pool.all(op, select!(offers, "ORDER BY block, offer_id"), &[]).await?,
        };
        rows.iter().map(offer).collect()
    }

    /// One license.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn license(&self, id: LicenseId) -> Result<Option<LicenseRow>, StoreError> {
        let sql = select!(licenses, "WHERE license_id = $1");
        self.pool
            .first("read a license", sql, &[text(id)])
            .await?
            .map(|row| license(&row))
            .transpose()
    }

    /// All licenses, oldest first.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn licenses(&self) -> Result<Vec<LicenseRow>, StoreError> {
        let sql = select!(licenses, "ORDER BY block, license_id");
        self.pool.all("read licenses", sql, &[]).await?.iter().map(license).collect()
    }

    /// Licenses of one host, oldest first.
    ///
    /// # Errors
    /// The engine's error.
    pub(crate) async fn licenses_of_host(
        &self,
        host: EthAddress,
    ) -> Result<Vec<LicenseRow>, StoreError> {
        let sql = select!(licenses, "WHERE host = $1 ORDER BY block, license_id");
        self.pool
            .all("read licenses of a host", sql, &[text(host)])
            .await?
            .iter()
            .map(license)
            .collect()
    }

    /// A license with its offer: all that a call's `LicenseRef` needs.
    ///
    /// # Errors
    /// The engine's error.
    pub(crate) async fn license_ref(
        &self,
        id: LicenseId,
    ) -> Result<Option<(OfferRow, LicenseRow)>, StoreError> {
        let Some(license) = self.license(id).await? else { return Ok(None) };
        Ok(self.offer(license.offer_id).await?.map(|offer| (offer, license)))
    }

    /// Deployments ever declared under a license, oldest first.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn deployments(&self, license: LicenseId) -> Result<Vec<DeploymentRow>, StoreError> {
        let sql = select!(deployments, "WHERE license_id = $1 ORDER BY block, log_index");
        self.pool
            .all("read deployments", sql, &[text(license)])
            .await?
            .iter()
            .map(deployment)
            .collect()
    }

    /// The newest declaration of one deployment.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn deployment(
        &self,
        license: LicenseId,
        hash: DeploymentHash,
    ) -> Result<Option<DeploymentRow>, StoreError> {
        let sql = select!(
            deployments,
            "WHERE license_id = $1 AND deployment = $2 ORDER BY block DESC, log_index DESC LIMIT 1"
        );
        let row = self.pool.first("read a deployment", sql, &[text(license), text(hash)]).await?;
        row.map(|row| deployment(&row)).transpose()
    }

    /// One universe.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn universe(
        &self,
        model: ModelId,
        epoch: u32,
    ) -> Result<Option<UniverseRow>, StoreError> {
        let sql = select!(universes, "WHERE model_id = $1 AND epoch = $2");
        let row =
            self.pool.first("read a universe", sql, &[text(model), int(epoch.into())]).await?;
        row.map(|row| universe(&row)).transpose()
    }

    /// Universes of a model by epoch.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn universes(&self, model: ModelId) -> Result<Vec<UniverseRow>, StoreError> {
        let sql = select!(universes, "WHERE model_id = $1 ORDER BY epoch");
        self.pool.all("read universes", sql, &[text(model)]).await?.iter().map(universe).collect()
    }

    /// One channel.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRow>, StoreError> {
        let sql = select!(channels, "WHERE channel_id = $1");
        self.pool
            .first("read a channel", sql, &[text(id)])
            .await?
            .map(|row| channel(&row))
            .transpose()
    }

    /// Channels to a license, oldest first.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn channels(&self, license: LicenseId) -> Result<Vec<ChannelRow>, StoreError> {
        let sql = select!(channels, "WHERE license_id = $1 ORDER BY block, channel_id");
        self.pool.all("read channels", sql, &[text(license)]).await?.iter().map(channel).collect()
    }

    /// Channels to a license whose payer has started to leave, oldest first. Some have left
    /// already: the contract's state says which.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn thawing_channels(
        &self,
        license: LicenseId,
    ) -> Result<Vec<ChannelRow>, StoreError> {
        let sql = select!(
            channels,
            "WHERE license_id = $1 AND thawing_block IS NOT NULL ORDER BY thawing_block, channel_id"
        );
        self.pool
            .all("read thawing channels", sql, &[text(license)])
            .await?
            .iter()
            .map(channel)
            .collect()
    }

    /// Events about a subject (round, license, channel, offer, model), in order.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn events_of(&self, subject: B256) -> Result<Vec<EventRow>, StoreError> {
        let sql = select!(events, "WHERE subject = $1 ORDER BY block, log_index");
        self.pool.all("read events", sql, &[text(subject)]).await?.iter().map(event).collect()
    }

    /// Events of one name about a subject, in order.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn events_named(
        &self,
        subject: B256,
        name: &str,
    ) -> Result<Vec<EventRow>, StoreError> {
        let sql = select!(events, "WHERE subject = $1 AND name = $2 ORDER BY block, log_index");
        let rows = self.pool.all("read events by name", sql, &[text(subject), text(name)]).await?;
        rows.iter().map(event).collect()
    }

    /// Events of one name about whatever subject, in order.
    ///
    /// # Errors
    /// The engine's error.
    pub(crate) async fn events_called(&self, name: &str) -> Result<Vec<EventRow>, StoreError> {
        let sql = select!(events, "WHERE name = $1 ORDER BY block, log_index");
        let rows = self.pool.all("read events by name", sql, &[text(name)]).await?;
        rows.iter().map(event).collect()
    }
}

fn block(row: &StoredRow) -> Result<BlockRef, StoreError> {
    Ok(BlockRef { number: row.u64(0)?, hash: row.parse(1)?, timestamp: row.u64(2)? })
}

fn offer(row: &StoredRow) -> Result<OfferRow, StoreError> {
    Ok(OfferRow {
        offer_id: row.parse(0)?,
        model_id: row.parse(1)?,
        owner: row.parse(2)?,
        terms: row.json(3)?,
        block: row.u64(4)?,
        withdrawn_block: row.opt_u64(5)?,
    })
}

fn license(row: &StoredRow) -> Result<LicenseRow, StoreError> {
    let nonce = LicenseNonce::new(row.parse(3)?)
        .map_err(|source| StoreError::Corrupt { column: 3, source: source.into() })?;
    Ok(LicenseRow {
        license_id: row.parse(0)?,
        offer_id: row.parse(1)?,
        host: row.parse(2)?,
        nonce,
        serving_key: row.parse(4)?,
        block: row.u64(5)?,
    })
}

fn deployment(row: &StoredRow) -> Result<DeploymentRow, StoreError> {
    Ok(DeploymentRow {
        license_id: row.parse(0)?,
        deployment: row.parse(1)?,
        uri: row.text(2)?.to_owned(),
        block: row.u64(3)?,
        retired_block: row.opt_u64(4)?,
    })
}

fn universe(row: &StoredRow) -> Result<UniverseRow, StoreError> {
    Ok(UniverseRow {
        model_id: row.parse(0)?,
        epoch: row.u32(1)?,
        root: row.parse(2)?,
        block: row.u64(3)?,
    })
}

fn channel(row: &StoredRow) -> Result<ChannelRow, StoreError> {
    Ok(ChannelRow {
        channel_id: row.parse(0)?,
        license_id: row.parse(1)?,
        payer: row.parse(2)?,
        signer: row.parse(3)?,
        salt: row.parse(4)?,
        block: row.u64(5)?,
        thawing_block: row.opt_u64(6)?,
        closed_block: row.opt_u64(7)?,
    })
}

fn event(row: &StoredRow) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        block: row.u64(0)?,
        log_index: row.u64(1)?,
        tx_hash: row.parse(2)?,
        contract: row.parse(3)?,
        name: row.text(4)?.to_owned(),
        subject: row.parse(5)?,
        topics: row.json(6)?,
        data: row.bytes(7)?,
        timestamp: row.u64(8)?,
    })
}
