//! What a host does next about the copy of one of its licenses. Pure.

use std::fmt;

use oml_contracts::{CopyKey, SealedRoot};
use oml_prover::delivery::key_hash;

use super::super::key_step::CopyName;
use crate::chain::{LicenseStatus, LicenseView};

/// What is here of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LocalCopy {
    /// The first copy that this node was about to accept; no other is ever accepted.
    pub(super) promised: Option<CopyName>,
    /// The copy whose manifest is in the folder.
    pub(super) here: Option<CopyName>,
    /// Whether every byte of it was compared with the manifest since the node started.
    pub(super) checked: bool,
    /// Whether it is opened.
    pub(super) opened: bool,
    /// Whether it fits its manifest and does not open with its key.
    pub(super) rubbish: bool,
}

/// Who accepts a copy whose every byte fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AcceptedBy {
    /// The node does, as soon as it has checked the copy.
    Node,
    /// A person does, with `oml license accept`.
    Person,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReceiveStep {
    /// Wait: the license's seed is not drawn, so nothing can be sealed yet.
    AwaitSeed,
    /// Fetch what is missing of the copy and check it.
    Fetch {
        /// The only copy that may come, if one was accepted.
        root: Option<SealedRoot>,
    },
    /// Wait: a person accepts.
    AwaitAcceptance,
    /// Accept the copy that is here.
    Accept(CopyName),
    /// Wait: the owner has until then to deliver the key.
    AwaitKey {
        /// Chain time after which the host can cancel, Unix seconds.
        until: u64,
    },
    /// Open the copy with its key.
    Open {
        /// The only copy that it opens.
        root: SealedRoot,
        /// The key that is on chain.
        key: CopyKey,
    },
    /// Nothing: it is opened.
    Opened,
    /// Nothing: it does not open, and its owner made it so. A person can reject it in the trial.
    Rubbish {
        /// Until when it can be rejected, Unix seconds; 0 if there is no trial.
        reject_until: u64,
    },
    /// Nothing: another copy was accepted than the one here.
    OtherCopy,
    /// Wait: what the endpoint says is not the key of the copy that it says was accepted.
    WrongKey,
    /// Nothing: the owner is late, and the host can get everything back.
    Refundable,
    /// Nothing: it was received elsewhere.
    Elsewhere,
    /// Nothing: the license is over.
    Over,
}

impl ReceiveStep {
    /// All words of [`ReceiveStep::state`].
    pub(super) const STATES: [&str; 13] = [
        "awaits-seed",
        "fetching",
        "awaits-acceptance",
        "accepting",
        "awaits-key",
        "opening",
        "opened",
        "rubbish",
        "other-copy",
        "wrong-key",
        "refundable",
        "elsewhere",
        "over",
    ];

    /// A word for programs.
    pub(super) const fn state(&self) -> &'static str {
        let place = match self {
            Self::AwaitSeed => 0,
            Self::Fetch { .. } => 1,
            Self::AwaitAcceptance => 2,
            Self::Accept(_) => 3,
            Self::AwaitKey { .. } => 4,
            Self::Open { .. } => 5,
            Self::Opened => 6,
            Self::Rubbish { .. } => 7,
            Self::OtherCopy => 8,
            Self::WrongKey => 9,
            Self::Refundable => 10,
            Self::Elsewhere => 11,
            Self::Over => 12,
        };
        Self::STATES[place]
    }

    /// Whether nothing goes on before a person acts.
    pub(super) const fn needs_a_person(&self) -> bool {
        matches!(
            self,
            Self::AwaitAcceptance | Self::Rubbish { .. } | Self::OtherCopy | Self::Refundable
        )
    }
}

impl fmt::Display for ReceiveStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwaitSeed => "the license's seed is not drawn, so its copy can't be sealed yet",
            Self::Fetch { .. } => "it is fetched from the owner's node and checked",
            Self::AwaitAcceptance => {
                "every byte fits; accept it with `oml license accept --sealed FOLDER`"
            }
            Self::Accept(_) => "every byte fits; it is being accepted on chain",
            Self::AwaitKey { until } => {
                return write!(f, "it is accepted; its owner has until {until} to deliver the key");
            }
            Self::Open { .. } => "the key is on chain; it is being opened",
            Self::Opened => "it is opened and can be served",
            Self::Rubbish { reject_until: 0 } => {
                "it does not open, its owner sealed it so, and the offer has no trial"
            }
            Self::Rubbish { reject_until } => {
                return write!(
                    f,
                    "it does not open, and its owner sealed it so; `oml license reject` brings \
                     half of the fee back until {reject_until}"
                );
            }
            Self::OtherCopy => "another copy was accepted than the one in this folder",
            Self::WrongKey => {
                "the endpoint names a key that is not that of the accepted copy; asking again"
            }
            Self::Refundable => "its owner is late; `oml license cancel` brings everything back",
            Self::Elsewhere => "it was received by hand, outside of this node",
            Self::Over => "the license is over",
        })
    }
}

/// What to do at chain time `now`, Unix seconds.
pub(super) fn receive_step(
    license: &LicenseView,
    local: &LocalCopy,
    by: AcceptedBy,
    now: u64,
) -> ReceiveStep {
    match license.status {
        LicenseStatus::None | LicenseStatus::Acquired => ReceiveStep::AwaitSeed,
        LicenseStatus::Cancelled | LicenseStatus::Terminated => ReceiveStep::Over,
        LicenseStatus::Seeded => before_acceptance(license, local, by, now),
        LicenseStatus::Accepted | LicenseStatus::Active => after_acceptance(license, local, now),
    }
}

fn before_acceptance(
    license: &LicenseView,
    local: &LocalCopy,
    by: AcceptedBy,
    now: u64,
) -> ReceiveStep {
    // The money can come back at once; an acceptance would tie it for another day.
    if now > license.deadline {
        return ReceiveStep::Refundable;
    }
    let Some(here) = local.here.filter(|_| local.checked) else {
        return ReceiveStep::Fetch { root: local.promised.map(|copy| copy.root) };
    };
    match (local.promised, by) {
        (Some(promised), _) if promised != here => ReceiveStep::OtherCopy,
        // What was promised is sent, even where somebody has changed the configuration since.
        (Some(_), _) | (None, AcceptedBy::Node) => ReceiveStep::Accept(here),
        (None, AcceptedBy::Person) => ReceiveStep::AwaitAcceptance,
    }
}

fn after_acceptance(license: &LicenseView, local: &LocalCopy, now: u64) -> ReceiveStep {
    let Some(copy) = local.here.or(local.promised) else {
        return ReceiveStep::Elsewhere;
    };
    let root = license.sealed_root;
    // A folder that was lost, or holds something else, is filled again if this node accepted.
    let lost = local.promised.is_some_and(|promised| promised.root == root);
    if copy.root != root {
        return if lost { ReceiveStep::Fetch { root: Some(root) } } else { ReceiveStep::OtherCopy };
    }
    if license.status == LicenseStatus::Accepted {
        return match local.here {
            _ if license.copy_key.as_bytes() != &copy.key_hash => ReceiveStep::OtherCopy,
            _ if now > license.deadline => ReceiveStep::Refundable,
            None => ReceiveStep::Fetch { root: Some(root) },
            Some(_) => ReceiveStep::AwaitKey { until: license.deadline },
        };
    }
    if local.opened {
        ReceiveStep::Opened
    } else if key_hash(&license.copy_key) != copy.key_hash {
        ReceiveStep::WrongKey
    } else if local.rubbish {
        ReceiveStep::Rubbish { reject_until: license.trial_end }
    } else {
        ReceiveStep::Open { root, key: license.copy_key }
    }
}

#[cfg(test)]
mod tests;
