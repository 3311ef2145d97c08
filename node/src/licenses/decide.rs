//! Pure decisions about licenses.

use serde::{Deserialize, Serialize};

use crate::chain::beacon::RoundStep;
use crate::chain::{CollateralView, LicenseStatus, LicenseView, UniverseView};

/// What a seed waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeedAction {
    /// The round is out, and nobody has brought it.
    Bring {
        /// The round that the seed waits for.
        round: u64,
    },
    /// Draw the seed, or name a new round for a stale one.
    Draw {
        /// The round that the seed waits for now; part of the action's key.
        round: u64,
    },
}

/// Whether the seed of a license can be drawn.
#[must_use]
pub(crate) const fn license_action(license: &LicenseView, step: RoundStep) -> Option<SeedAction> {
    match license.status {
        LicenseStatus::Acquired => seed_action(license.seed_round, step),
        _ => None,
    }
}

/// Whether the model seed of a committed universe can be drawn.
#[must_use]
pub(crate) fn universe_action(universe: &UniverseView, step: RoundStep) -> Option<SeedAction> {
    let waits = !universe.root.is_zero() && universe.seed.is_zero();
    if waits { seed_action(universe.seed_round, step) } else { None }
}

const fn seed_action(round: u64, step: RoundStep) -> Option<SeedAction> {
    match step {
        RoundStep::Wait => None,
        RoundStep::Bring => Some(SeedAction::Bring { round }),
        RoundStep::Draw | RoundStep::Renew => Some(SeedAction::Draw { round }),
    }
}

/// What a host can expect or do next. Times are chain time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub(crate) enum HostStatus {
    /// There is no such license.
    Unknown,
    /// The owner has until then to draw, embed and deliver.
    AwaitsDelivery {
        /// Chain time until which the copy must be delivered, Unix seconds.
        until: u64,
        /// Whether the seed is drawn.
        seeded: bool,
    },
    /// The host has accepted its sealed copy; the owner has until then to deliver its key.
    AwaitsKey {
        /// Chain time until which the key must be on chain, Unix seconds.
        until: u64,
    },
    /// Not delivered in time: the host can cancel and gets everything back.
    Refundable,
    /// The license is in force.
    Active {
        /// Chain time at which it expires, Unix seconds.
        until: u64,
    },
    /// Ended; the host can start to thaw its collateral.
    Ended {
        /// End of the term.
        since: u64,
    },
    /// It has ended, and its collateral thaws.
    Thawing {
        /// When the collateral can be withdrawn.
        until: u64,
    },
    /// The host can withdraw its collateral.
    Withdrawable,
    /// Nothing is left to do.
    Closed,
}

/// Where a license stands for its host.
#[must_use]
pub(crate) const fn host_status(
    license: &LicenseView,
    collateral: &CollateralView,
    now: u64,
) -> HostStatus {
    match license.status {
        LicenseStatus::None => HostStatus::Unknown,
        LicenseStatus::Cancelled => HostStatus::Closed,
        LicenseStatus::Acquired | LicenseStatus::Seeded | LicenseStatus::Accepted
            if now > license.deadline =>
        {
            HostStatus::Refundable
        }
        LicenseStatus::Accepted => HostStatus::AwaitsKey { until: license.deadline },
        LicenseStatus::Acquired => {
            HostStatus::AwaitsDelivery { until: license.deadline, seeded: false }
        }
        LicenseStatus::Seeded => {
            HostStatus::AwaitsDelivery { until: license.deadline, seeded: true }
        }
        LicenseStatus::Active if now <= license.deadline => {
            HostStatus::Active { until: license.deadline }
        }
        LicenseStatus::Active | LicenseStatus::Terminated => ended(license, collateral, now),
    }
}

const fn ended(license: &LicenseView, collateral: &CollateralView, now: u64) -> HostStatus {
    if collateral.amount.is_zero() {
        HostStatus::Closed
    } else if collateral.thaw_end == 0 {
        HostStatus::Ended { since: license.deadline }
    } else if now < collateral.thaw_end {
        HostStatus::Thawing { until: collateral.thaw_end }
    } else {
        HostStatus::Withdrawable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::{Amount, CasesRoot, CopyKey, Root, SealedRoot, Seed};

    fn license(status: LicenseStatus) -> LicenseView {
        LicenseView {
            status,
            deadline: 100,
            seed_round: 5,
            seed: Seed::ZERO,
            trial_end: 0,
            fee_due: false,
            sealed_root: SealedRoot::ZERO,
            copy_key: CopyKey::ZERO,
            cases_root: CasesRoot::ZERO,
        }
    }

    fn collateral(amount: u128, thaw_end: u64) -> CollateralView {
        CollateralView { amount: Amount::new(amount), thaw_end }
    }

    #[test]
    fn a_seed_is_drawn_once_its_round_is_out_and_never_twice() {
        let draw = Some(SeedAction::Draw { round: 5 });
        let bring = Some(SeedAction::Bring { round: 5 });
        for (status, step, expected) in [
            (LicenseStatus::Acquired, RoundStep::Wait, None),
            (LicenseStatus::Acquired, RoundStep::Bring, bring),
            (LicenseStatus::Acquired, RoundStep::Draw, draw),
            (LicenseStatus::Acquired, RoundStep::Renew, draw),
            (LicenseStatus::Seeded, RoundStep::Draw, None),
            (LicenseStatus::Seeded, RoundStep::Bring, None),
            (LicenseStatus::Active, RoundStep::Draw, None),
            (LicenseStatus::Cancelled, RoundStep::Renew, None),
            (LicenseStatus::None, RoundStep::Draw, None),
        ] {
            assert_eq!(license_action(&license(status), step), expected, "{status:?} {step:?}");
        }
    }

    #[test]
    fn only_a_committed_unseeded_universe_is_drawn() {
        let mut universe = UniverseView {
            root: Root::new([1; 32]),
            seed: Seed::ZERO,
            personal_count: 16,
            shared_count: 0,
            seed_round: 9,
            licenses: 0,
            burned_bundles: 0,
        };
        let ready = RoundStep::Draw;
        assert_eq!(universe_action(&universe, ready), Some(SeedAction::Draw { round: 9 }));
        let due = universe_action(&universe, RoundStep::Bring);
        assert_eq!(due, Some(SeedAction::Bring { round: 9 }));
        assert_eq!(universe_action(&universe, RoundStep::Wait), None);
        universe.seed = Seed::new([2; 32]);
        assert_eq!(universe_action(&universe, ready), None);
        universe.seed = Seed::ZERO;
        universe.root = Root::ZERO;
        assert_eq!(universe_action(&universe, ready), None);
    }

    #[test]
    fn a_host_sees_what_it_can_do() {
        use HostStatus as H;
        let kept = collateral(5, 0);
        for (status, collateral, now, expected) in [
            (LicenseStatus::None, kept, 50, H::Unknown),
            (LicenseStatus::Acquired, kept, 100, H::AwaitsDelivery { until: 100, seeded: false }),
            (LicenseStatus::Seeded, kept, 100, H::AwaitsDelivery { until: 100, seeded: true }),
            (LicenseStatus::Seeded, kept, 101, H::Refundable),
            (LicenseStatus::Accepted, kept, 100, H::AwaitsKey { until: 100 }),
            (LicenseStatus::Accepted, kept, 101, H::Refundable),
            (LicenseStatus::Active, kept, 100, H::Active { until: 100 }),
            (LicenseStatus::Active, kept, 101, H::Ended { since: 100 }),
            (LicenseStatus::Terminated, kept, 50, H::Ended { since: 100 }),
            (LicenseStatus::Terminated, collateral(5, 200), 199, H::Thawing { until: 200 }),
            (LicenseStatus::Terminated, collateral(5, 200), 200, H::Withdrawable),
            (LicenseStatus::Terminated, collateral(0, 200), 200, H::Closed),
            (LicenseStatus::Cancelled, collateral(0, 0), 200, H::Closed),
        ] {
            assert_eq!(
                host_status(&license(status), &collateral, now),
                expected,
                "{status:?} {now}"
            );
        }
    }
}
