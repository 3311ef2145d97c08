//! The host's word that ends a channel: kept first, then given.

use oml_contracts::{Amount, ChannelId};

use super::port::LedgerError;
use super::sums::newest_paid;
use crate::store::{SignedCloseRow, Store, StoreError};

/// A request that was admitted this long ago has its receipt, or will get none: gateways give up on
/// their upstream after 600 s, unless `upstream_timeout_s` says otherwise.
pub const LONGEST_REQUEST_SECS: u64 = 900;

/// Why a close can't be signed.
#[derive(Debug, thiserror::Error)]
pub enum CloseRefused {
    /// Vouchers above the amount were served for.
    #[error(
        "{paid} is already served for on channel {channel}, and {amount} would give a part of it \
         away; sign at least {paid}"
    )]
    BelowServed {
        /// Channel that was to end.
        channel: ChannelId,
        /// Amount of its newest paid voucher.
        paid: Amount,
        /// What was to be signed.
        amount: Amount,
    },
    /// A request is on its way, whose voucher may be above the amount.
    #[error(
        "a request on channel {channel} was admitted {age} s ago and has no receipt yet; nothing \
         new is served there any more, so sign again when it is through, at the latest in {left} s"
    )]
    StillServing {
        /// Channel that is to end.
        channel: ChannelId,
        /// Seconds since it was admitted.
        age: u64,
        /// Seconds until it counts as failed.
        left: u64,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps a close in the host's store, so that its gateways serve nothing on the channel any more,
/// and sees that no voucher above the amount is, or will be, served for. Only then may it be
/// signed.
///
/// A gateway keeps a voucher, then looks for a close; this keeps the close, then looks for
/// vouchers: of two that meet, at least one sees the other.
///
/// # Errors
/// [`CloseRefused`]. The word is not given then; if it was kept, the channel stays without service.
pub async fn keep_close(
    store: &Store,
    close: &SignedCloseRow,
    now: u64,
) -> Result<(), CloseRefused> {
    refuse_below_served(store, close).await?;
    store.keep_close(close).await?;
    let channel = close.channel_id;
    if let Some(newest) = store.newest_voucher(channel).await? {
        let served = newest_paid(store, channel).await?;
        let is_served =
            served.is_some_and(|(_, paid)| paid.cumulative_requests >= newest.cumulative_requests);
        let age = now.saturating_sub(newest.received_at);
        if !is_served && age < LONGEST_REQUEST_SECS {
            let left = LONGEST_REQUEST_SECS - age;
            return Err(CloseRefused::StillServing { channel, age, left });
        }
    }
    refuse_below_served(store, close).await
}

async fn refuse_below_served(store: &Store, close: &SignedCloseRow) -> Result<(), CloseRefused> {
    let (channel, amount) = (close.channel_id, close.final_amount);
    match newest_paid(store, channel).await? {
        Some((_, paid)) if paid.cumulative_amount > amount => {
            Err(CloseRefused::BelowServed { channel, paid: paid.cumulative_amount, amount })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::store::tests::{LICENSE, receipt, voucher};
    use crate::ledger::{LedgerWriter, SharedWriter};
    use crate::tasks::Tasks;

    fn close(amount: u128) -> SignedCloseRow {
        SignedCloseRow {
            channel_id: ChannelId::new([9; 32]),
            deposited: Amount::new(100),
            final_amount: Amount::new(amount),
            signed_at: 1_000,
        }
    }

    async fn ledger(folder: &tempfile::TempDir) -> (Store, SharedWriter, Tasks) {
        let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
        let (store, tasks) = (Store::open(&url).await.unwrap(), Tasks::new());
        let writer = SharedWriter::start(store.clone(), &tasks);
        (store, writer, tasks)
    }

    #[tokio::test]
    async fn nothing_that_was_served_for_is_given_away() {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer, _tasks) = ledger(&folder).await;
        writer.put_voucher(LICENSE, &voucher(9, 1, 12), 0).await.unwrap();
        writer.put_receipt(&receipt(9, 1, 30)).await.unwrap();
        let refused = keep_close(&store, &close(11), 1_000).await;
        assert!(matches!(refused, Err(CloseRefused::BelowServed { paid, .. }) if paid.get() == 12));
        let id = close(11).channel_id;
        assert_eq!(store.signed_close(id).await.unwrap(), None, "a slip ends nothing");
        keep_close(&store, &close(12), 1_000).await.unwrap();
        keep_close(&store, &close(20), 1_000).await.unwrap();
        assert_eq!(store.signed_close(id).await.unwrap(), Some(close(12)), "the first one stays");
        // It outlives the program.
        drop((store, writer));
        let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
        let store = Store::open(&url).await.unwrap();
        assert_eq!(store.signed_close(id).await.unwrap(), Some(close(12)));
    }

    #[tokio::test]
    async fn a_request_on_its_way_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer, _tasks) = ledger(&folder).await;
        writer.put_voucher(LICENSE, &voucher(9, 1, 12), 900).await.unwrap();
        let refused = keep_close(&store, &close(5), 1_000).await;
        assert!(
            matches!(refused, Err(CloseRefused::StillServing { age: 100, left: 800, .. })),
            "{refused:?}"
        );
        let kept = store.signed_close(close(5).channel_id).await.unwrap();
        assert_eq!(kept, Some(close(5)), "nothing new is served meanwhile");
        // It comes through: then it is paid.
        writer.put_receipt(&receipt(9, 1, 30)).await.unwrap();
        let refused = keep_close(&store, &close(5), 1_001).await;
        assert!(matches!(refused, Err(CloseRefused::BelowServed { .. })), "{refused:?}");
        keep_close(&store, &close(12), 1_001).await.unwrap();
        // Or it fails, and is worth nothing after a while.
        writer.put_voucher(LICENSE, &voucher(9, 2, 50), 1_002).await.unwrap();
        keep_close(&store, &close(12), 1_002 + LONGEST_REQUEST_SECS).await.unwrap();
    }
}
