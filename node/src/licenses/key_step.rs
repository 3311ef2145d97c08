//! When the owner's key of a copy may go on chain. Pure.
//!
//! Whoever sees the key's transaction has the key, whether it is included or not. So it is sent
//! only where nothing can take back what pays for it: the acceptance is final, it is of our copy,
//! and the host can't cancel for long enough that the transaction will be included.

use oml_contracts::SealedRoot;
use oml_prover::delivery::CopyManifest;
use std::fmt;

/// Seconds of `LicenseRegistry`'s day that are left for the key's transaction to be included: half.
const LEFT_FOR_INCLUSION: u64 = 12 * 3_600;

/// What names a sealed copy on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyName {
    /// Root of its manifest.
    pub root: SealedRoot,
    /// Hash of its key.
    pub key_hash: [u8; 32],
}

impl CopyName {
    /// The name of the copy that a manifest describes.
    #[must_use]
    pub fn of(manifest: &CopyManifest) -> Self {
        Self { root: manifest.root(), key_hash: manifest.key_hash }
    }

    /// Reads what [`fmt::Display`] writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (root, hash) = text.split_once(' ')?;
        let mut key_hash = [0; 32];
        hex::decode_to_slice(hash, &mut key_hash).ok()?;
        Some(Self { root: root.parse().ok()?, key_hash })
    }
}

impl fmt::Display for CopyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.root, hex::encode(self.key_hash))
    }
}

/// What the host has accepted on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Root of the manifest that it accepted.
    pub root: SealedRoot,
    /// Hash of the key that it wants.
    pub key_hash: [u8; 32],
    /// Chain time after which it can cancel, Unix seconds.
    pub deadline: u64,
    /// Whether it stands in a block that no reorg takes back.
    pub is_final: bool,
}

/// What the host has done about its sealed copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAnswer {
    /// It has not accepted one yet.
    Awaited,
    /// It has accepted one.
    Accepted(Acceptance),
    /// It has got its money back, and the license is over.
    Cancelled,
}

/// What the owner does with the key now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// Sends it: nothing takes back what pays for it.
    Send,
    /// Waits: the host has not accepted.
    AwaitAcceptance,
    /// Waits: a reorg could still take the acceptance back.
    AwaitFinality,
    /// Keeps it: the host has accepted something else.
    OtherCopy,
    /// Keeps it: the host could cancel before the key is included.
    TooLate,
    /// Keeps it: nobody pays for it any more.
    Cancelled,
}

impl KeyStep {
    /// Whether waiting changes nothing.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::OtherCopy | Self::TooLate | Self::Cancelled)
    }
}

impl fmt::Display for KeyStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "it can be sent now",
            Self::AwaitAcceptance => "the host has not accepted its sealed copy",
            Self::AwaitFinality => "the host's acceptance is not final yet",
            Self::OtherCopy => "the host has accepted another copy or another key than ours",
            Self::TooLate => {
                "the host can cancel in less than half a day, perhaps before the key is included"
            }
            Self::Cancelled => "the license is cancelled; the host has its money back",
        })
    }
}

/// What to do at time `now`, Unix seconds: the chain's or the machine's, whichever is later.
#[must_use]
pub fn key_step(answer: &HostAnswer, own: &CopyName, now: u64) -> KeyStep {
    let accepted = match answer {
        HostAnswer::Awaited => return KeyStep::AwaitAcceptance,
        HostAnswer::Cancelled => return KeyStep::Cancelled,
        HostAnswer::Accepted(accepted) => accepted,
    };
    if accepted.root != own.root || accepted.key_hash != own.key_hash {
        return KeyStep::OtherCopy;
    }
    if now.saturating_add(LEFT_FOR_INCLUSION) > accepted.deadline {
        return KeyStep::TooLate;
    }
    if accepted.is_final { KeyStep::Send } else { KeyStep::AwaitFinality }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sent_only_where_nothing_takes_back_what_pays_for_it() {
        let own = CopyName { root: SealedRoot::new([1; 32]), key_hash: [2; 32] };
        let day = 86_400;
        let accepted =
            Acceptance { root: own.root, key_hash: [2; 32], deadline: day, is_final: true };
        let other_root = Acceptance { root: SealedRoot::new([9; 32]), ..accepted };
        let other_key = Acceptance { key_hash: [9; 32], ..accepted };
        let young = Acceptance { is_final: false, ..accepted };
        let is = HostAnswer::Accepted;
        for (answer, now, expected) in [
            (HostAnswer::Awaited, 0, KeyStep::AwaitAcceptance),
            (HostAnswer::Cancelled, 0, KeyStep::Cancelled),
            (is(young), 0, KeyStep::AwaitFinality),
            (is(accepted), 0, KeyStep::Send),
            (is(other_root), 0, KeyStep::OtherCopy),
            (is(other_key), 0, KeyStep::OtherCopy),
            (is(accepted), day / 2, KeyStep::Send),
            (is(accepted), day / 2 + 1, KeyStep::TooLate),
            (is(young), u64::MAX, KeyStep::TooLate),
        ] {
            assert_eq!(key_step(&answer, &own, now), expected, "{answer:?} {now}");
        }
    }

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let name = CopyName { root: SealedRoot::new([0xa1; 32]), key_hash: [0x2b; 32] };
        assert_eq!(CopyName::parse(&name.to_string()), Some(name));
        for bad in ["", "0x12 34", &name.root.to_string(), &format!("{name}00")] {
            assert_eq!(CopyName::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn nobody_waits_for_what_can_no_longer_come() {
        use KeyStep as K;
        for step in [K::Send, K::AwaitAcceptance, K::AwaitFinality] {
            assert!(!step.is_final(), "{step}");
        }
        for step in [K::OtherCopy, K::TooLate, K::Cancelled] {
            assert!(step.is_final(), "{step}");
        }
    }
}
