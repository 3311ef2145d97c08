//! Where the gateway learns about its license and its payers' channels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use oml_contracts::{ChannelId, LicenseId, LicenseRef, ServingKeys};
use tokio::sync::watch;

use crate::chain::{ChainError, ChannelStatus, ChannelView, Head, Reader};
use crate::clock::unix_now;
use crate::ledger::ServedLicense;

/// Most channels whose state is kept; past it the oldest state is simply read again.
const MAX_CACHED: usize = 65_536;

/// What the gateway needs to know from the chain.
#[async_trait]
pub(crate) trait LicenseSource: std::fmt::Debug + Send + Sync {
    /// The license under which is served.
    async fn license(&self) -> Result<ServedLicense, ChainError>;

    /// All serving keys of the license, by epoch.
    async fn serving_keys(&self) -> Result<Arc<ServingKeys>, ChainError>;

    /// A channel; `None` if it was never opened.
    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelView>, ChainError>;

    /// Unix seconds by which terms are judged and receipts are dated.
    fn now(&self) -> u64;
}

/// What was read at one head.
#[derive(Debug, Default)]
struct Cached {
    head: alloy::primitives::B256,
    license: Option<ServedLicense>,
    keys: Option<Arc<ServingKeys>>,
    channels: HashMap<ChannelId, ChannelView>,
}

/// The chain itself. Each state is read once a block, not once a request.
#[derive(Debug)]
pub(crate) struct ChainSource {
    reader: Reader,
    heads: watch::Receiver<Head>,
    id: LicenseId,
    license: LicenseRef,
    cached: Mutex<Cached>,
}

impl ChainSource {
    /// Reads `license`, whose id is `id`.
    #[must_use]
    pub(crate) fn new(
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
    async fn license(&self) -> Result<ServedLicense, ChainError> {
        self.reader.require_view()?;
        if let Some(state) = self.at_head(|cached| cached.license) {
            return Ok(state);
        }
        let state = ServedLicense::read(&self.reader, self.id, &self.license).await?;
        self.at_head(|cached| cached.license = Some(state));
        Ok(state)
    }

    async fn serving_keys(&self) -> Result<Arc<ServingKeys>, ChainError> {
        if let Some(keys) = self.at_head(|cached| cached.keys.clone()) {
            return Ok(keys);
        }
        let keys = Arc::new(self.reader.serving_keys(self.id).await?);
        self.at_head(|cached| cached.keys = Some(Arc::clone(&keys)));
        Ok(keys)
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelView>, ChainError> {
        if let Some(view) = self.at_head(|cached| cached.channels.get(&id).copied()) {
            return Ok(Some(view));
        }
        let view = self.reader.channel(id).await?;
        if view.status == ChannelStatus::None {
            return Ok(None);
        }
        self.at_head(|cached| cached.channels.insert(id, view));
        Ok(Some(view))
    }

    fn now(&self) -> u64 {
        // Receipts dated after the term are proofs against the host, so the later clock counts.
        unix_now().max(self.heads.borrow().timestamp)
    }
}
