//! Where the gateway learns about its license and its payers' channels.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use oml_contracts::{ChannelId, LicenseId, LicenseRef};
use oml_payments::Price;
use tokio::sync::watch;

use super::admission::LicenseState;
use crate::chain::{ChainError, ChannelView, Head, LicenseStatus, Reader};

/// Most channels whose state is kept; past it the oldest state is simply read again.
const MAX_CACHED: usize = 65_536;

/// What the gateway needs to know from the chain.
#[async_trait]
pub trait LicenseSource: std::fmt::Debug + Send + Sync {
    /// The license under which is served.
    async fn license(&self) -> Result<LicenseState, ChainError>;

    /// A channel; `None` if it was never opened.
    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelView>, ChainError>;

    /// Unix seconds by which terms are judged and receipts are dated.
    fn now(&self) -> u64;
}

/// What was read at one head.
#[derive(Debug, Default)]
struct Cached {
    head: alloy::primitives::B256,
    license: Option<LicenseState>,
    channels: HashMap<ChannelId, ChannelView>,
}

/// The chain itself. Each state is read once a block, not once a request.
#[derive(Debug)]
pub struct ChainSource {
    reader: Reader,
    heads: watch::Receiver<Head>,
    id: LicenseId,
    license: LicenseRef,
    cached: Mutex<Cached>,
}

impl ChainSource {
    /// Reads `license`, whose id is `id`.
    #[must_use]
    pub fn new(
        reader: Reader,
        heads: watch::Receiver<Head>,
        id: LicenseId,
        license: LicenseRef,
    ) -> Self {
        Self { reader, heads, id, license, cached: Mutex::default() }
    }

    /// Runs `read` on what is known at the newest head.
    fn at_head<T>(&self, read: impl FnOnce(&mut Cached) -> T) -> T {
        let head = self.heads.borrow().hash;
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.head != head || cached.channels.len() > MAX_CACHED {
            *cached = Cached { head, ..Cached::default() };
        }
        read(&mut cached)
    }
}

#[async_trait]
impl LicenseSource for ChainSource {
    async fn license(&self) -> Result<LicenseState, ChainError> {
        if let Some(state) = self.at_head(|cached| cached.license) {
            return Ok(state);
        }
        let view = self.reader.license(self.id).await?;
        let collateral = self.reader.collateral(&self.license).await?;
        let terms = &self.license.terms;
        let state = LicenseState {
            license_id: self.id,
            active: view.status == LicenseStatus::Active,
            expires_at: view.deadline,
            price: Price::of_terms(terms),
            collateral: collateral.amount,
            min_collateral_ratio_bps: terms.min_collateral_ratio_bps.into(),
        };
        self.at_head(|cached| cached.license = Some(state));
        Ok(state)
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelView>, ChainError> {
        if let Some(view) = self.at_head(|cached| cached.channels.get(&id).copied()) {
            return Ok(Some(view));
        }
        let view = self.reader.channel(id).await?;
        if !view.is_open {
            return Ok(None);
        }
        self.at_head(|cached| cached.channels.insert(id, view));
        Ok(Some(view))
    }

    fn now(&self) -> u64 {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        // Receipts dated after the term are proofs against the host, so the later clock counts.
        machine.max(self.heads.borrow().timestamp)
    }
}
