//! What a block's bloom filter says about the logs that an endpoint returned for it. Pure.

use alloy::primitives::{Address, B256, Bloom, BloomInput};
use alloy::rpc::types::Log;

/// A contract, and the first topics of the events that it has.
#[derive(Clone, Debug)]
pub(crate) struct WatchedContract {
    pub(crate) address: Address,
    pub(crate) events: Vec<B256>,
}

/// What the filter says about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filtered {
    /// It has no event of the contracts besides those that came.
    Complete,
    /// It may have an event that did not come: one in a few thousand answers, or one in a few where
    /// blocks are full.
    MayLack,
    /// It does not have a log that came.
    Excludes,
}

/// Holds the logs of one block against its filter.
pub(super) fn filtered(bloom: &Bloom, watched: &[WatchedContract], logs: &[Log]) -> Filtered {
    if logs.iter().any(|log| !bloom.contains_log(&log.inner)) {
        return Filtered::Excludes;
    }
    let came = |address: Address, event: B256| {
        logs.iter().any(|log| log.address() == address && log.topic0() == Some(&event))
    };
    let lacks = watched.iter().any(|contract| {
        contains(bloom, contract.address.as_slice())
            && contract
                .events
                .iter()
                .any(|event| contains(bloom, event.as_slice()) && !came(contract.address, *event))
    });
    if lacks { Filtered::MayLack } else { Filtered::Complete }
}

/// Whether the logs of a block account for all that its filter has. They may have more: some chains
/// keep logs of their own out of it.
pub(super) fn explains(bloom: &Bloom, logs: &[Log]) -> bool {
    let mut found = Bloom::ZERO;
    for log in logs {
        found.accrue_log(&log.inner);
    }
    found.contains(bloom)
}

fn contains(bloom: &Bloom, bytes: &[u8]) -> bool {
    bloom.contains_input(BloomInput::Raw(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Bytes, Log as RawLog};

    fn log(address: u8, topics: &[u8]) -> Log {
        let topics = topics.iter().map(|byte| B256::repeat_byte(*byte)).collect();
        let inner = RawLog::new_unchecked(Address::repeat_byte(address), topics, Bytes::new());
        Log { inner, ..Log::default() }
    }

    fn bloom_of(logs: &[Log]) -> Bloom {
        let mut bloom = Bloom::ZERO;
        for log in logs {
            bloom.accrue_log(&log.inner);
        }
        bloom
    }

    #[test]
    fn what_the_filter_has_and_the_answer_lacks_is_seen() {
        let event = |byte| B256::repeat_byte(byte);
        let contract = |address, events: &[u8]| WatchedContract {
            address: Address::repeat_byte(address),
            events: events.iter().map(|byte| event(*byte)).collect(),
        };
        let watched = [contract(1, &[10, 11]), contract(2, &[20])];
        let block = [log(1, &[10, 99]), log(1, &[11]), log(7, &[10, 20])];
        for (in_block, came, expected) in [
            (&block[..0], &block[..0], Filtered::Complete),
            (&block[2..], &block[..0], Filtered::Complete),
            (&block[..1], &block[..1], Filtered::Complete),
            (&block[..1], &block[..0], Filtered::MayLack),
            (&block[..2], &block[..1], Filtered::MayLack),
            (&block, &block[..2], Filtered::Complete),
            (&block, &block[1..2], Filtered::MayLack),
            (&block[2..], &block[..1], Filtered::Excludes),
        ] {
            let found = filtered(&bloom_of(in_block), &watched, came);
            assert_eq!(found, expected, "{in_block:?} {came:?}");
        }
    }

    #[test]
    fn receipts_must_account_for_the_whole_filter() {
        let block = [log(1, &[10, 99]), log(7, &[10, 20])];
        let bloom = bloom_of(&block[..1]);
        assert!(explains(&bloom, &block[..1]) && explains(&bloom, &block));
        assert!(!explains(&bloom, &block[1..]) && !explains(&bloom, &[]));
        assert!(explains(&Bloom::ZERO, &[]));
    }
}
