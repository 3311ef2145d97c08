//! Whole lives of an innocent license against accusers who adapt: how many are ever convicted.
//!
//! Every history has 64 rounds. A leaf is a hit with probability exactly 1/16, and up to c seats,
//! chosen before the answers can be known, are hostile; [`Accuser::Bribes`] breaks that on purpose.

use oml_contracts::evidence::Log2;
use oml_contracts::ledger::{LEAVES_PER_SEAT, LicenseLedger, RoundIndex, RoundSize, SheetHits};
use rand::{Rng as _, RngCore as _};
use rand_chacha::ChaCha8Rng;

use super::rule::{Rule, Stand};
use crate::simulate::{Rate, Trials, play};

/// Rounds of a license's life.
const ROUNDS: usize = RoundIndex::COUNT as usize;

/// Deployments of a license where there are several.
pub const DEPLOYMENTS: u32 = 4;

/// How an accuser plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accuser {
    /// c hostile seats claim every hit; every round is opened at once.
    Plain,
    /// Of the rounds, one by one, only those are opened that added something.
    Dropping,
    /// All rounds are drawn first, the largest index first; then the best are opened.
    Parallel,
    /// Goes on, waits, holds rounds back, and names one of four deployments, as it goes.
    Adaptive,
    /// An owner that knows every answer of four deployments, names the one with most hits left, and
    /// burns what is worth less by rounds of another license.
    Knowing,
    /// A third of the honest seats is vacant, silent or late; c hostile seats claim every hit.
    Vacant,
    /// A proposer that skips a slot whenever the second draw is better.
    Skipping,
    /// c seats bought after the draw, by somebody who knows every answer.
    Bribes,
}

impl Accuser {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Plain,
        Self::Dropping,
        Self::Parallel,
        Self::Adaptive,
        Self::Knowing,
        Self::Vacant,
        Self::Skipping,
        Self::Bribes,
    ];

    /// In words, for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "c hostile seats, every round opened",
            Self::Dropping => "drops what adds nothing",
            Self::Parallel => "64 rounds in parallel, last index first",
            Self::Adaptive => "adaptive, holds back, 4 deployments",
            Self::Knowing => "owner knows all answers, 4 deployments, burns",
            Self::Vacant => "a third of the honest seats vacant",
            Self::Skipping => "proposer skips a slot in each round",
            Self::Bribes => "c seats bribed after the draw",
        }
    }

    /// What a license is judged by against this accuser.
    #[must_use]
    pub const fn stand(self, alpha_inverse: u64) -> Stand {
        let plain = Stand::plain(alpha_inverse);
        match self {
            Self::Adaptive | Self::Knowing => plain.with_deployments(DEPLOYMENTS),
            Self::Skipping => Stand { skippable_slots: 1, ..plain },
            _ => plain,
        }
    }
}

/// How many of so many innocent licenses are ever convicted.
#[must_use]
pub fn convicted(accuser: Accuser, rule: &Rule, size: RoundSize, plan: Trials) -> Rate {
    let [rate] = play(plan, |random| {
        let mut life = Life { rule, size, random, ledger: LicenseLedger::default() };
        [life.is_convicted(accuser)]
    });
    rate
}

/// A license on its way.
struct Life<'a> {
    rule: &'a Rule,
    size: RoundSize,
    random: &'a mut ChaCha8Rng,
    ledger: LicenseLedger,
}

/// Hits of each seat of a round.
type Bench = [SheetHits; 32];

impl Life<'_> {
    fn is_convicted(&mut self, accuser: Accuser) -> bool {
        match accuser {
            Accuser::Plain => self.one_by_one(|life| life.framed(0), |_| true),
            Accuser::Vacant => self.one_by_one(|life| life.framed(3), |_| true),
            Accuser::Dropping => self.one_by_one(|life| life.framed(0), |gain| gain.raw() > 0),
            Accuser::Skipping => {
                self.one_by_one(|life| life.framed(0).max(life.framed(0)), |_| true)
            }
            Accuser::Bribes => self.one_by_one(Self::bribed, |_| true),
            Accuser::Parallel => self.parallel(),
            Accuser::Adaptive => self.adaptive(),
            Accuser::Knowing => self.knowing(),
        }
    }

    /// Opens a round; whether that convicts.
    fn open(&mut self, index: usize, gain: Log2) -> bool {
        let Some(index) = u8::try_from(index).ok().and_then(RoundIndex::new) else { return false };
        let judged = self.rule.open(self.ledger, index, gain);
        self.ledger = judged.ledger;
        judged.convicted
    }

    fn one_by_one(
        &mut self,
        round: impl Fn(&mut Self) -> Log2,
        opens: impl Fn(Log2) -> bool,
    ) -> bool {
        (0..ROUNDS).any(|index| {
            let gain = round(self);
            opens(gain) && self.open(index, gain)
        })
    }

    /// Hits of the seats of an innocent: a leaf is a hit if its four bits are zero.
    fn bench(&mut self) -> Bench {
        let mut sheets = [SheetHits::default(); 32];
        for pair in sheets[..usize::from(self.size.seats())].chunks_mut(2) {
            let bits = self.random.next_u64();
            for (sheet, half) in pair.iter_mut().zip([bits, bits >> 32]) {
                *sheet = sheet_of(half);
            }
        }
        sheets
    }

    fn gain(&self, sheets: &Bench) -> Log2 {
        let seats = usize::from(self.size.seats());
        self.rule.gain_of_sheets(self.size, &sheets[..seats])
    }

    /// c seats claim every hit, and one in `vacancy` of the others has no sheet.
    fn framed(&mut self, vacancy: u32) -> Log2 {
        let mut sheets = self.bench();
        let (hostile, honest) = sheets.split_at_mut(usize::from(self.size.struck()));
        hostile.fill(SheetHits::ALL);
        if vacancy > 0 {
            for sheet in honest {
                if self.random.random_ratio(1, vacancy) {
                    *sheet = SheetHits::default();
                }
            }
        }
        self.gain(&sheets)
    }

    /// The c seats with fewest hits are bought and claim every hit.
    fn bribed(&mut self) -> Log2 {
        let mut sheets = self.bench();
        sheets[..usize::from(self.size.seats())].sort_unstable();
        sheets[..usize::from(self.size.struck())].fill(SheetHits::ALL);
        self.gain(&sheets)
    }

    fn parallel(&mut self) -> bool {
        let mut gains = [Log2::new(0); ROUNDS];
        for gain in gains.iter_mut().rev() {
            *gain = self.framed(0);
        }
        // A later index is charged for all before it, so what adds something is opened in order.
        (0..ROUNDS).any(|index| gains[index].raw() > 0 && self.open(index, gains[index]))
    }

    /// Draws in batches of one to eight; names the deployment that was best so far; hostile seats
    /// claim all or nothing; opens a round only if it pays for itself, the others later, once that
    /// would convict; gives up far below zero for a while.
    fn adaptive(&mut self) -> bool {
        let (mut index, mut best) = (0, [0_i64; DEPLOYMENTS as usize]);
        let mut held: Vec<(usize, Log2)> = Vec::new();
        while index < ROUNDS {
            let batch = self.random.random_range(1..=8).min(ROUNDS - index);
            for round in index..index + batch {
                let named = (0..best.len()).max_by_key(|d| best[*d]).unwrap_or_default();
                let bold = self.ledger.log_a.raw() > -(20 << 32) || round.is_multiple_of(3);
                let gain = if bold { self.framed(0) } else { self.bench_without_friends() };
                best[named] += gain.raw() - (1 << 30);
                held.push((round, gain));
            }
            index += batch;
            held.sort_by_key(|(_, gain)| *gain);
            let together: i64 = held.iter().map(|(_, gain)| gain.raw()).sum();
            let close = self.ledger.log_a.raw() + together >= self.rule.rules().threshold.raw();
            while let Some((round, gain)) = held.pop() {
                if !close && gain.raw() < 1 << 32 {
                    break;
                }
                if self.open(round, gain) {
                    return true;
                }
            }
        }
        false
    }

    fn bench_without_friends(&mut self) -> Log2 {
        let sheets = self.bench();
        self.gain(&sheets)
    }

    /// Sixty-four rounds' worth of bundles, known from the beginning for each deployment.
    fn knowing(&mut self) -> bool {
        let mut known: Vec<[Log2; DEPLOYMENTS as usize]> = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            known.push([(); DEPLOYMENTS as usize].map(|()| self.framed(0)));
        }
        let mut sums = [0_i64; DEPLOYMENTS as usize];
        for gains in &known {
            sums.iter_mut().zip(gains).for_each(|(sum, gain)| *sum += gain.raw());
        }
        let mut index = 0;
        while let Some(rest) = i64::try_from(known.len()).ok().filter(|rest| *rest > 0) {
            let best = (0..sums.len()).max_by_key(|d| sums[*d]).unwrap_or_default();
            // Plays while a round is worth its bit on average, or once half of them are gone.
            let worth = sums[best] >= rest << 32 || known.len() <= ROUNDS / 2;
            let drawn = self.random.random_range(0..known.len());
            let gains = known.swap_remove(drawn);
            sums.iter_mut().zip(gains).for_each(|(sum, gain)| *sum -= gain.raw());
            if worth {
                if gains[best].raw() > 0 && self.open(index, gains[best]) {
                    return true;
                }
                index += 1;
            }
        }
        false
    }
}

/// Of 32 random bits, how many of the eight groups of four are zero.
fn sheet_of(bits: u64) -> SheetHits {
    let any = bits | bits >> 1 | bits >> 2 | bits >> 3;
    let not_zero = (any & 0x1111_1111).count_ones();
    SheetHits::new(LEAVES_PER_SEAT.saturating_sub(u8::try_from(not_zero).unwrap_or(u8::MAX)))
}

/// The largest true rate at which so few convictions are seen with probability above `error`, by
/// Chernoff's bound `P(seen ≤ k) ≤ exp(−n·KL(k/n ‖ rate))`.
#[must_use]
pub fn upper_bound(rate: Rate, error: f64) -> f64 {
    let (seen, trials) = (rate.share(), rate.trials as f64);
    let divergence = |p: f64| {
        let part = |x: f64, y: f64| if x > 0.0 { x * (x / y).ln() } else { 0.0 };
        part(seen, p) + part(1.0 - seen, 1.0 - p)
    };
    let (mut possible, mut excluded) = (seen, 1.0);
    for _ in 0..100 {
        let middle = f64::midpoint(possible, excluded);
        if trials * divergence(middle) <= -error.ln() {
            possible = middle;
        } else {
            excluded = middle;
        }
    }
    excluded
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn a_leaf_is_a_hit_one_time_in_sixteen() {
        for (bits, hits) in [(0, 8), (0x1111_1111, 0), (0x8000_0001, 6), (u64::MAX, 0)] {
            assert_eq!(sheet_of(bits), SheetHits::new(hits));
        }
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let sum: u32 = (0..100_000).map(|_| u32::from(sheet_of(random.next_u64()).get())).sum();
        assert!((sum as f64 / 800_000.0 - 1.0 / 16.0).abs() < 0.0015, "{sum}");
    }

    #[test]
    fn the_bound_is_above_what_is_seen() {
        let none = upper_bound(Rate { accused: 0, trials: 1_000 }, 1e-3);
        assert!((none - 0.006_884).abs() < 1e-5, "1 − 1e-3^(1/1000): {none}");
        let some = upper_bound(Rate { accused: 10, trials: 1_000 }, 1e-3);
        assert!(some > 0.01 && some < 0.03, "{some}");
    }
}
