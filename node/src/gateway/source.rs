//! Where the gateway learns about its license and its payers' channels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use oml_contracts::{Amount, ChannelId, LicenseId, LicenseRef, ServingKeys};
use tokio::sync::watch;

use crate::chain::{ChainError, ChannelStatus, ChannelView, Head, Reader};
use crate::clock::unix_now;
use crate::ledger::ServedLicense;

/// Most channels whose state is kept; past it the oldest state is simply read again.
const MAX_CACHED: usize = 65_536;
/// Heads for which a channel is waited for that is newer than the head that was read last.
const NEW_HEADS: u32 = 3;
/// Longest time for which each of them is waited for.
const HEAD_PATIENCE: Duration = Duration::from_secs(2);

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
    /// What two endpoints have agreed on, by channel: how much was paid in.
    confirmed: Mutex<HashMap<ChannelId, Amount>>,
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
        let (cached, confirmed) = (Mutex::default(), Mutex::default());
        Self { reader, heads, id, license, cached, confirmed }
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

    /// Refuses to believe one endpoint alone that a channel holds money, where others can be asked.
    /// What was confirmed once is not asked again until more is paid in.
    async fn confirm(&self, id: ChannelId, view: &ChannelView) -> Result<(), ChainError> {
        let known = |confirmed: &HashMap<ChannelId, Amount>| confirmed.get(&id).copied();
        if known(&self.confirmed()).is_some_and(|amount| amount >= view.deposited) {
            return Ok(());
        }
        let what = format!("channel {id}");
        let mut heads = self.heads.clone();
        for _ in 0..NEW_HEADS {
            let head = heads.borrow_and_update().hash;
            let read = |reader: Reader| async move { reader.channel(id).await };
            match self.reader.confirmed(&what, head, read).await {
                Ok(found) if found.status == view.status && found.deposited >= view.deposited => {
                    let mut confirmed = self.confirmed();
                    if confirmed.len() >= MAX_CACHED {
                        confirmed.clear();
                    }
                    confirmed.insert(id, found.deposited);
                    return Ok(());
                }
                // It is newer than the head that was read last.
                Ok(_) => drop(tokio::time::timeout(HEAD_PATIENCE, heads.changed()).await),
                // As with one endpoint that is configured: a host that serves nobody while one of
                // two is away would lose more than a channel.
                Err(error @ ChainError::NoSecondEndpoint { .. }) => {
                    tracing::warn!(%error, "one endpoint's word must do");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Err(ChainError::Missing { what })
    }

    fn confirmed(&self) -> MutexGuard<'_, HashMap<ChannelId, Amount>> {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
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
        if self.reader.has_several_endpoints() && view.status == ChannelStatus::Open {
            self.confirm(id, &view).await?;
        }
        self.at_head(|cached| cached.channels.insert(id, view));
        Ok(Some(view))
    }

    fn now(&self) -> u64 {
        // Receipts dated after the term are proofs against the host, so the later clock counts.
        unix_now().max(self.heads.borrow().timestamp)
    }
}
