//! What differs between the kinds of sequences with rounds.

use super::units::DAY;
use crate::agreed::Coin;

/// First kind of sequences with rounds.
pub(super) const FIRST: u8 = 5;

/// Settings of the contracts, and what the offers say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flavor {
    /// What stake and fees are paid in.
    pub(super) coin: Coin,
    /// Seconds in which seats answer, and owners open.
    pub(super) windows: [u64; 2],
    /// By how many seconds rounds are shorter than tickets are made for.
    pub(super) longer: u64,
    /// Seconds until a ticket can be drawn, and until a slash is paid.
    pub(super) warm_up: u64,
    pub(super) payout_delay: u64,
    /// Seats of a round, by offer.
    pub(super) seats: [u8; 2],
    /// 1/α, by offer.
    pub(super) alpha: [u64; 2],
    pub(super) max_deployments: u16,
    /// Personal leaves of a universe, by offer.
    pub(super) leaves: [u32; 2],
    /// About one leaf in so many is not well-formed, none for 0.
    pub(super) malformed: u64,
}

const FLAVORS: [Flavor; 5] = [
    Flavor {
        coin: Coin::Stake,
        windows: [DAY, DAY],
        longer: 0,
        warm_up: 1,
        payout_delay: 0,
        seats: [4, 4],
        alpha: [1 << 20, 1_000_000_000],
        max_deployments: 1,
        leaves: [192, 512],
        malformed: 0,
    },
    Flavor {
        coin: Coin::Native,
        windows: [DAY / 2, DAY + DAY / 2],
        longer: DAY / 3,
        warm_up: 3_600,
        payout_delay: DAY,
        seats: [4, 8],
        alpha: [1_000, 1_000_000_000_000],
        max_deployments: 3,
        leaves: [96, 640],
        malformed: 150,
    },
    Flavor {
        coin: Coin::Stake,
        windows: [DAY, DAY / 2],
        longer: 0,
        warm_up: 3_600,
        payout_delay: 3 * DAY,
        seats: [8, 8],
        alpha: [1_000_000, 1 << 40],
        max_deployments: 2,
        leaves: [320, 768],
        malformed: 0,
    },
    Flavor {
        coin: Coin::Native,
        windows: [DAY, DAY],
        longer: 1,
        warm_up: 1,
        payout_delay: 7 * DAY,
        seats: [8, 4],
        alpha: [2, 1_000_000_000],
        max_deployments: 3,
        leaves: [256, 1_024],
        malformed: 0,
    },
    Flavor {
        coin: Coin::Stake,
        windows: [DAY, DAY],
        longer: 0,
        warm_up: 60,
        payout_delay: DAY,
        seats: [16, 32],
        alpha: [1 << 30, 1 << 40],
        max_deployments: 4,
        leaves: [512, 1_536],
        malformed: 0,
    },
];

/// The settings of a kind.
pub(super) fn flavor(kind: u8) -> Flavor {
    FLAVORS[usize::from(kind - FIRST) % FLAVORS.len()]
}

/// The kind of a sequence; large rounds are rare, since each of them takes many calls.
pub(super) fn kind_of(seed: u64) -> u8 {
    let large = seed % 16 == 15;
    let small = u8::try_from(seed % 4).unwrap_or(0);
    FIRST + if large { 4 } else { small }
}
