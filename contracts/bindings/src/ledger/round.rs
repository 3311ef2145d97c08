//! What a round's sheets are worth: the strike and the bet.

use super::size::{LEAVES_PER_SEAT, RoundSize};
use crate::evidence::{EvidenceError, Log2, Multiplier, check_pair, log2_floor};

/// Hits of one seat; a seat that is vacant, silent, late, burned or not opened has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SheetHits(u8);

impl SheetHits {
    /// A sheet on which every leaf is a hit.
    pub const ALL: Self = Self(LEAVES_PER_SEAT);

    /// So many hits; a seat has eight leaves, so that more can't count.
    #[must_use]
    pub const fn new(hits: u8) -> Self {
        Self(if hits > LEAVES_PER_SEAT { LEAVES_PER_SEAT } else { hits })
    }

    /// The number of hits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Hits of the seats that are left after the strike: the fewest that `kept` of the seats have.
///
/// Seats without a sheet need not be listed; they have no hits, so they are never struck.
#[must_use]
pub fn kept_hits(size: RoundSize, sheets: &[SheetHits]) -> u16 {
    let mut seats_with = [0_u16; LEAVES_PER_SEAT as usize + 1];
    for sheet in sheets.iter().take(size.seats().into()) {
        seats_with[usize::from(sheet.get())] += 1;
    }
    let listed: u16 = seats_with.iter().sum();
    // The seats that are not listed are left first.
    let mut left = u16::from(size.kept()).saturating_sub(u16::from(size.seats()) - listed);
    let mut hits = 0;
    for (each, seats) in (0_u16..).zip(seats_with) {
        let taken = seats.min(left);
        hits += each * taken;
        left -= taken;
    }
    hits
}

/// The bet of a round: logarithms of what a hit and a miss multiply the evidence by.
///
/// There is exactly one. With several to choose from after the fact, whoever knows the answers and
/// buys seats after the draw convicts an innocent in two rounds of three (decision 023).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundBet {
    hit: Log2,
    miss: Log2,
}

impl RoundBet {
    /// h = 6.4 in 32 fractional bits, rounded down: tuned to a hit rate of 0.4 against 1/16.
    pub const HIT: Multiplier = Multiplier::new(27_487_790_694);

    /// m = 0.64 in 32 fractional bits, rounded down.
    pub const MISS: Multiplier = Multiplier::new(2_748_779_069);

    /// The bet of every round.
    #[must_use]
    pub fn of_rounds() -> Self {
        Self { hit: log2(Self::HIT), miss: log2(Self::MISS) }
    }

    /// Another bet, for what is compared with the bet of rounds: fair if an innocent hits with
    /// probability `p` / `scale`.
    ///
    /// # Errors
    /// [`EvidenceError`] if its mean under innocence is above 1, or not h > 1 > m > 0.
    pub fn fair(
        hit: Multiplier,
        miss: Multiplier,
        p: u32,
        scale: u32,
    ) -> Result<Self, EvidenceError> {
        check_pair("round", hit, miss, p.into(), scale.into())?;
        Ok(Self { hit: log2(hit), miss: log2(miss) })
    }

    /// log E: evidence of so many hits among the leaves that decide, never above the true one.
    #[must_use]
    pub fn evidence(self, hits: u16, leaves: u16) -> Log2 {
        let misses = leaves.saturating_sub(hits);
        Log2::new(i64::from(hits) * self.hit.raw() + i64::from(misses) * self.miss.raw())
    }

    /// What a round adds to the ledger before its premium: max(0, log E).
    #[must_use]
    pub fn gain(self, hits: u16, leaves: u16) -> Log2 {
        self.evidence(hits, leaves).max(Log2::new(0))
    }

    /// The strike and the bet together.
    #[must_use]
    pub fn gain_of_sheets(self, size: RoundSize, sheets: &[SheetHits]) -> Log2 {
        self.gain(kept_hits(size, sheets), size.kept_leaves())
    }
}

fn log2(multiplier: Multiplier) -> Log2 {
    log2_floor(multiplier.raw().into())
}
