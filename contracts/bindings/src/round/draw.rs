//! What a round's seed draws: the tickets of its seats and the bundles behind their keys.

use crate::address::EthAddress;
use crate::draw::{Subject, modulo, seed};
use crate::ids::{RoundId, Seed};
use crate::keccak::keccak_parts;

/// Candidates after which a draw of bundles gives up.
pub const MAX_TRIES: u32 = 1024;

/// A seat of a round, from 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct SeatIndex(pub u8);

impl SeatIndex {
    /// Place of its bundle in the draw: two seats share one.
    #[must_use]
    pub const fn bundle(self) -> usize {
        self.0 as usize / 2
    }

    /// Its first leaf in that bundle, 0 or 8; the seat has eight.
    #[must_use]
    pub const fn first_leaf(self) -> usize {
        self.0 as usize % 2 * 8
    }
}

impl std::fmt::Display for SeatIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for SeatIndex {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Seed of a round from the beacon's value; `rounds` is the contract.
#[must_use]
pub fn round_seed(beacon_value: [u8; 32], rounds: EthAddress, round: RoundId) -> Seed {
    seed(beacon_value, rounds, Subject::Round(round))
}

/// The ticket, below `tickets`, that a seat is; whoever held it when the round was sealed sits
/// there. Without tickets there is no round; then 0.
#[must_use]
pub fn seat_ticket(seed: &Seed, seat: SeatIndex, tickets: u32) -> u32 {
    let hash = keccak_parts(&[seed.as_bytes(), b"seat", &[seat.0]]);
    remainder(&hash, tickets)
}

/// The bundles that a round opens, in the order of the draw.
pub type RoundBundles = Vec<u32>;

/// The first `wanted` different numbers among `keccak(seed ‖ uint32 t) mod bundles`, t = 0, 1, 2 …,
/// without those that were burned on a day before that of the seal; fewer if [`MAX_TRIES`]
/// candidates give no more, and none without bundles.
pub fn draw_bundles(
    seed: &Seed,
    bundles: u32,
    wanted: u8,
    mut burned_before: impl FnMut(u32) -> bool,
) -> RoundBundles {
    let mut found = Vec::new();
    for t in 0..MAX_TRIES {
        if bundles == 0 || found.len() == usize::from(wanted) {
            break;
        }
        let bundle = remainder(&keccak_parts(&[seed.as_bytes(), &t.to_be_bytes()]), bundles);
        if !burned_before(bundle) && !found.contains(&bundle) {
            found.push(bundle);
        }
    }
    found
}

fn remainder(hash: &[u8; 32], modulus: u32) -> u32 {
    u32::try_from(modulo(hash, (modulus as usize).max(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keccak::keccak256;
    use std::collections::BTreeSet;

    fn seed_of(name: &str) -> Seed {
        Seed::new(keccak256(name.as_bytes()))
    }

    #[test]
    fn bundles_are_distinct_and_were_not_burned_before() {
        let drawn = draw_bundles(&seed_of("round"), 8, 4, |bundle| bundle % 2 == 0);
        assert_eq!(drawn.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([1, 3, 5, 7]));
        // What is burned later moves nothing else.
        let all = draw_bundles(&seed_of("round"), 4096, 8, |_| false);
        let without = draw_bundles(&seed_of("round"), 4096, 8, |bundle| bundle == all[3]);
        assert_eq!(without[..3], all[..3]);
        assert_eq!(without[3..7], all[4..]);
    }

    #[test]
    fn a_universe_that_is_used_up_gives_what_it_has() {
        assert_eq!(draw_bundles(&seed_of("round"), 2, 8, |_| false).len(), 2);
        assert!(draw_bundles(&seed_of("round"), 16, 8, |_| true).is_empty());
        assert!(draw_bundles(&seed_of("round"), 0, 8, |_| false).is_empty());
    }

    #[test]
    fn seats_are_spread_evenly_over_tickets() {
        let mut counts = [0_u32; 10];
        for n in 0..1000_u32 {
            let seed = Seed::new(keccak256(&n.to_be_bytes()));
            for seat in 0..16 {
                counts[seat_ticket(&seed, SeatIndex(seat), 10) as usize] += 1;
            }
        }
        // Chi-square of 16,000 draws, nine degrees of freedom: the 1e-6 quantile is 45.
        let chi: f64 = counts.iter().map(|n| (f64::from(*n) - 1600.0).powi(2) / 1600.0).sum();
        assert!(chi < 45.0, "{counts:?}");
        assert_eq!(seat_ticket(&seed_of("round"), SeatIndex(0), 0), 0);
    }

    #[test]
    fn two_seats_share_a_bundle() {
        let places: Vec<_> =
            (0..4).map(SeatIndex).map(|seat| (seat.bundle(), seat.first_leaf())).collect();
        assert_eq!(places, [(0, 0), (0, 8), (1, 0), (1, 8)]);
    }
}
