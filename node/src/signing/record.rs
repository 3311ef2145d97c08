//! What is kept of the numbers that were given, and whether it can be gone on from: a pure
//! decision.

use std::fmt;

use oml_contracts::{EthAddress, LicenseId};
use rand::RngCore as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Numbers that are reserved at a time: one write to disk for so many receipts, and so many numbers
/// are left out at a restart.
pub(super) const BLOCK: u64 = 1_000;

/// A random name of one reservation. Whoever has the newest one knows of all that were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark([u8; 16]);

impl Mark {
    fn random() -> Self {
        let mut bytes = [0; 16];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 16];
        hex::decode_to_slice(&text, &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// The key whose numbers are counted: one epoch of one license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NumberedKey {
    /// License under which is served.
    pub(super) license: LicenseId,
    /// Epoch of the serving key.
    pub(super) key_epoch: u32,
    /// Account of the serving key.
    pub(super) signer: EthAddress,
}

/// What is written, in the same words to the history and to the boot mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NumberRecord {
    /// Whose numbers they are.
    #[serde(flatten)]
    pub(super) key: NumberedKey,
    /// Name of this reservation.
    pub(super) mark: Mark,
    /// Name of the one before; none for the first.
    pub(super) previous: Option<Mark>,
    /// No number from here on was given.
    pub(super) reserved_below: u64,
}

impl NumberRecord {
    /// The next reservation, of the block that begins at `from`; none at the end of all numbers.
    pub(super) fn reserving(before: Option<&Self>, key: NumberedKey, from: u64) -> Option<Self> {
        Some(Self {
            key,
            mark: Mark::random(),
            previous: before.map(|before| before.mark),
            reserved_below: from.checked_add(BLOCK)?,
        })
    }
}

/// Why numbers can't be gone on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HistoryProblem {
    /// The mark of this machine is not there.
    #[error(
        "it has no boot mark on this machine: the data directory was copied, or the mark is lost"
    )]
    NoMark,
    /// The history is not there, though this machine has signed.
    #[error("it is gone, though this machine has reserved numbers below {reserved_below}")]
    NoHistory {
        /// What the boot mark knows.
        reserved_below: u64,
    },
    /// The history is older than the mark.
    #[error(
        "it knows numbers below {known}, but this machine has reserved those below {reserved_below}: \
         a backup was restored"
    )]
    SetBack {
        /// What the history knows.
        known: u64,
        /// What the boot mark knows.
        reserved_below: u64,
    },
    /// The history went on elsewhere.
    #[error("it was written after this machine's boot mark: another machine went on with it")]
    Elsewhere,
    /// One of the two is of another key.
    #[error("it is of serving key {found}, which is not the license's of this epoch")]
    OtherKey {
        /// Account that is named there.
        found: EthAddress,
    },
}

/// The least number that was surely never given.
///
/// The history is in the data directory, which backups keep; the mark is outside of it. A
/// reservation writes the history first, so a history that is one reservation ahead is that of a
/// crash between the two; only the first reservation of all writes the mark first, so that a
/// history without a mark is never a crash.
pub(super) fn least_free(
    key: &NumberedKey,
    history: Option<&NumberRecord>,
    mark: Option<&NumberRecord>,
) -> Result<u64, HistoryProblem> {
    if let Some(other) = [history, mark].into_iter().flatten().find(|record| record.key != *key) {
        return Err(HistoryProblem::OtherKey { found: other.key.signer });
    }
    match (history, mark) {
        (None, None) => Ok(0),
        (Some(_), None) => Err(HistoryProblem::NoMark),
        (None, Some(mark)) if mark.previous.is_none() => Ok(mark.reserved_below),
        (None, Some(mark)) => {
            Err(HistoryProblem::NoHistory { reserved_below: mark.reserved_below })
        }
        (Some(history), Some(mark)) if history.mark == mark.mark => Ok(mark.reserved_below),
        (Some(history), Some(mark)) if history.previous == Some(mark.mark) => {
            Ok(history.reserved_below)
        }
        (Some(history), Some(mark)) if history.reserved_below > mark.reserved_below => {
            Err(HistoryProblem::Elsewhere)
        }
        (Some(history), Some(mark)) => Err(HistoryProblem::SetBack {
            known: history.reserved_below,
            reserved_below: mark.reserved_below,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> NumberedKey {
        NumberedKey {
            license: LicenseId::new([1; 32]),
            key_epoch: 0,
            signer: EthAddress::new([2; 20]),
        }
    }

    /// Reservations in their order.
    fn chain(count: u64) -> Vec<NumberRecord> {
        let mut records: Vec<NumberRecord> = Vec::new();
        for at in 0..count {
            let next = NumberRecord::reserving(records.last(), key(), at * BLOCK).unwrap();
            records.push(next);
        }
        records
    }

    #[test]
    fn every_pair_of_files_is_judged() {
        let known = chain(4);
        let at = |place: usize| known.get(place);
        let judge = |history, mark| least_free(&key(), history, mark);
        assert_eq!(judge(None, None), Ok(0), "the first start");
        assert_eq!(judge(None, at(0)), Ok(1_000), "a crash in the first reservation");
        assert_eq!(judge(at(2), at(2)), Ok(3_000), "a restart");
        assert_eq!(judge(at(3), at(2)), Ok(4_000), "a crash in a reservation");
        assert_eq!(judge(at(0), None), Err(HistoryProblem::NoMark), "a copy");
        let gone = HistoryProblem::NoHistory { reserved_below: 2_000 };
        assert_eq!(judge(None, at(1)), Err(gone));
        for (old, known) in [(0, 1_000), (1, 2_000), (2, 3_000)] {
            let back = HistoryProblem::SetBack { known, reserved_below: 4_000 };
            assert_eq!(judge(at(old), at(3)), Err(back), "a restored backup");
        }
        assert_eq!(judge(at(3), at(1)), Err(HistoryProblem::Elsewhere));
        // Two copies that went on by themselves have reserved the same numbers under other names.
        let (here, there) = (chain(2), chain(2));
        assert!(judge(here.get(1), there.get(1)).is_err());
        let other = NumberedKey { signer: EthAddress::new([3; 20]), ..key() };
        let found = key().signer;
        assert_eq!(least_free(&other, at(2), at(2)), Err(HistoryProblem::OtherKey { found }));
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let record = chain(2)[1];
        let text = serde_json::to_string(&record).unwrap();
        assert!(text.contains("\"reservedBelow\":2000"), "{text}");
        assert_eq!(serde_json::from_str::<NumberRecord>(&text).unwrap(), record);
        assert_eq!(NumberRecord::reserving(None, key(), u64::MAX), None, "no number is left");
    }
}
