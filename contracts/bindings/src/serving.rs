//! The serving keys of a license, by epoch.

use crate::address::EthAddress;
use serde::{Deserialize, Serialize};

/// Seconds that a reporter has at least for a proof by a revoked key, however late its evidence is
/// due: `Receipts.REVOKED_PROOF_TIME`.
const REVOKED_PROOF_SECS: u64 = 7 * 86_400;

/// A key with which a license's receipts are signed, as the registry has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServingKey {
    /// Account of the key.
    pub signer: EthAddress,
    /// When it was named, Unix seconds.
    pub from: u64,
    /// Receipts dated later are not this key's, Unix seconds; none while nothing has ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Whether the host has declared it stolen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked: bool,
}

impl ServingKey {
    /// Whether a receipt of this date can be the key's.
    #[must_use]
    pub fn covers(&self, served_at: u64) -> bool {
        self.from <= served_at && self.until.is_none_or(|until| served_at <= until)
    }

    /// A receipt of this date was served then at the latest, as the contract reckons.
    #[must_use]
    pub fn served_by(&self, served_at: u64) -> u64 {
        self.until.map_or(served_at, |until| served_at.min(until))
    }

    /// A receipt of this date was served then at the earliest, as the contract reckons.
    #[must_use]
    pub fn served_from(&self, served_at: u64) -> u64 {
        served_at.max(self.from)
    }

    /// Last moment at which the contract admits proofs by this key, Unix seconds; none without a
    /// revocation.
    #[must_use]
    pub fn admissible_until(&self, settlement_period: u64) -> Option<u64> {
        let until = self.until.filter(|_| self.revoked)?;
        Some(until.saturating_add(settlement_period).saturating_add(REVOKED_PROOF_SECS))
    }
}

/// What makes a receipt of a license's channel unique: a host gives each number once. Ordered as
/// the host gives them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReceiptNumber {
    /// Epoch of the serving key, from 0.
    pub key_epoch: u32,
    /// Number within the epoch.
    pub seq: u64,
}

impl std::fmt::Display for ReceiptNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of epoch {}", self.seq, self.key_epoch)
    }
}

/// All keys that a license ever had; their places are their epochs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServingKeys(Vec<ServingKey>);

impl ServingKeys {
    /// Wraps the keys in the order of their epochs.
    #[must_use]
    pub const fn new(keys: Vec<ServingKey>) -> Self {
        Self(keys)
    }

    /// The first key of a license, named at `from`.
    #[must_use]
    pub fn first(signer: EthAddress, from: u64) -> Self {
        Self(vec![ServingKey { signer, from, until: None, revoked: false }])
    }

    /// Key of an epoch.
    #[must_use]
    pub fn of(&self, epoch: u32) -> Option<&ServingKey> {
        self.0.get(usize::try_from(epoch).ok()?)
    }

    /// The key that signs now; none if the newest one is revoked.
    #[must_use]
    pub fn current(&self) -> Option<(u32, &ServingKey)> {
        self.iter().last().filter(|(_, key)| !key.revoked)
    }

    /// The keys with their epochs.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &ServingKey)> + ExactSizeIterator {
        self.0
            .iter()
            .enumerate()
            .map(|(epoch, key)| (u32::try_from(epoch).unwrap_or(u32::MAX), key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(from: u64, until: Option<u64>, revoked: bool) -> ServingKey {
        ServingKey { signer: EthAddress::new([1; 20]), from, until, revoked }
    }

    #[test]
    fn a_receipt_is_of_its_keys_time() {
        let current = key(100, None, false);
        let ended = key(100, Some(200), false);
        for (served_at, by_current, by_ended) in
            [(99, false, false), (100, true, true), (200, true, true), (201, true, false)]
        {
            assert_eq!(current.covers(served_at), by_current, "{served_at}");
            assert_eq!(ended.covers(served_at), by_ended, "{served_at}");
        }
        assert_eq!((ended.served_by(300), current.served_by(300)), (200, 300));
        assert_eq!((ended.served_from(50), ended.served_from(150)), (100, 150));
    }

    #[test]
    fn only_a_revocation_ends_what_can_be_proven() {
        assert_eq!(key(1, Some(200), false).admissible_until(10), None);
        assert_eq!(key(1, Some(200), true).admissible_until(10), Some(210 + 7 * 86_400));
    }

    #[test]
    fn the_current_key_is_the_last_unless_it_is_revoked() {
        let keys = ServingKeys::new(vec![key(1, Some(9), true), key(5, None, false)]);
        assert_eq!(keys.current().map(|(epoch, key)| (epoch, key.from)), Some((1, 5)));
        assert_eq!(keys.of(2), None);
        let stolen = ServingKeys::new(vec![key(1, Some(9), true)]);
        assert_eq!(stolen.current(), None);
        assert_eq!(ServingKeys::default().current(), None);
    }
}
