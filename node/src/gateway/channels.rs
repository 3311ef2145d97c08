//! One request at a time on each channel: vouchers count up by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oml_contracts::ChannelId;
use tokio::sync::OwnedMutexGuard;

use crate::ledger::ChannelLedger;

/// How long a request waits for the one before it on the same channel.
const PATIENCE: Duration = Duration::from_millis(250);
/// Channels above which unused entries are dropped.
const PRUNE_ABOVE: usize = 4096;

/// Sums of a channel; `None` until they are read from the ledger, or when they must be read again.
pub(super) type Slot = Option<ChannelLedger>;

/// Locks of all channels.
#[derive(Debug, Default)]
pub(super) struct Channels(Mutex<HashMap<ChannelId, Arc<tokio::sync::Mutex<Slot>>>>);

impl Channels {
    /// Locks a channel; `None` if a request on it is running.
    pub(super) async fn lock(&self, id: ChannelId) -> Option<OwnedMutexGuard<Slot>> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if slots.len() > PRUNE_ABOVE {
                slots.retain(|_, slot| Arc::strong_count(slot) > 1);
            }
            Arc::clone(slots.entry(id).or_default())
        };
        tokio::time::timeout(PATIENCE, slot.lock_owned()).await.ok()
    }
}
