//! How often rounds do what: exact laws in floating point, for planning and for tables.
//!
//! Only sums and products of numbers that are not negative, so a probability is off by less than
//! 1e-12 of itself.

use super::account::{LedgerRules, LicenseLedger, RoundIndex};
use super::round::RoundBet;
use super::size::{LEAVES_PER_SEAT, RoundSize};
use crate::evidence::Log2;

/// Chance that an innocent answers one leaf as the license's copy does.
pub const CHANCE: f64 = 1.0 / 16.0;

/// P(k of n) for each k, if each happens with probability `p`.
#[must_use]
pub fn binomial(n: u16, p: f64) -> Vec<f64> {
    let mut choose = 1.0_f64;
    let term = |k: u16| {
        let weight = choose * p.powi(k.into()) * (1.0 - p).powi((n - k).into());
        choose *= f64::from(n - k) / f64::from(k + 1);
        weight
    };
    (0..=n).map(term).collect()
}

/// P(at least k of n).
#[must_use]
pub fn binomial_tail(n: u16, p: f64, k: u16) -> f64 {
    binomial(n, p).into_iter().skip(k.into()).sum()
}

/// How many hits one seat brings: the probability of each number from 0 to 8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeatLaw([f64; LEAVES_PER_SEAT as usize + 1]);

impl SeatLaw {
    /// A seat that asks, of a deployment that answers as the copy does at this rate.
    #[must_use]
    pub fn asking(rate: f64) -> Self {
        let mut law = [0.0; LEAVES_PER_SEAT as usize + 1];
        law.iter_mut().zip(binomial(LEAVES_PER_SEAT.into(), rate)).for_each(|(to, p)| *to = p);
        Self(law)
    }

    /// The same seat, which brings nothing with this probability: absent, bought, or a friend of
    /// the host.
    #[must_use]
    pub fn silent(self, share: f64) -> Self {
        let mut law = self.0.map(|p| p * (1.0 - share));
        law[0] += share;
        Self(law)
    }

    /// The probability of so many hits.
    #[must_use]
    pub fn of(&self, hits: u8) -> f64 {
        self.0.get(usize::from(hits)).copied().unwrap_or_default()
    }
}

/// Which seats are left to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    /// Those with most hits are struck: the rule.
    Best,
    /// Those with fewest are gone: what remains when as many seats as are struck claim every hit
    /// and were chosen, after the draw, among those that would have had the fewest.
    Worst,
}

/// P(the seats that are left have k hits together) for each k, where all seats follow one law.
#[must_use]
pub fn kept_law(size: RoundSize, seat: &SeatLaw, struck: Struck) -> Vec<f64> {
    if size.struck() == 0 {
        return sum_law(size, seat);
    }
    let (seats, keep) = (usize::from(size.seats()), usize::from(size.kept()));
    let width = usize::from(size.kept_leaves()) + 1;
    // State: seats placed so far, in the order in which they are left, and the hits that count.
    let mut states = vec![vec![0.0_f64; width]; seats + 1];
    states[0][0] = 1.0;
    let values = 0..=LEAVES_PER_SEAT;
    let order: Vec<u8> = match struck {
        Struck::Best => values.collect(),
        Struck::Worst => values.rev().collect(),
    };
    for value in order {
        let mut next = vec![vec![0.0_f64; width]; seats + 1];
        for (placed, row) in states.iter().enumerate() {
            for (hits, weight) in row.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                let mut choose = 1.0;
                for more in 0..=seats - placed {
                    let counted = more.min(keep.saturating_sub(placed));
                    let together = hits + usize::from(value) * counted;
                    let power = seat.of(value).powi(i32::try_from(more).unwrap_or(i32::MAX));
                    next[placed + more][together] += weight * choose * power;
                    choose *= (seats - placed - more) as f64 / (more + 1) as f64;
                }
            }
        }
        states = next;
    }
    states.swap_remove(seats)
}

/// P(all seats have k hits together) for each k.
fn sum_law(size: RoundSize, seat: &SeatLaw) -> Vec<f64> {
    (0..size.seats()).fold(vec![1.0], |law, _| {
        let mut next = vec![0.0; law.len() + usize::from(LEAVES_PER_SEAT)];
        for (hits, weight) in law.iter().enumerate() {
            for (more, p) in seat.0.iter().enumerate() {
                next[hits + more] += weight * p;
            }
        }
        next
    })
}

/// What a round adds to a ledger, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct GainLaw(Vec<(Log2, f64)>);

impl GainLaw {
    /// Of gains with their probabilities, in any order.
    #[must_use]
    pub fn new(gains: Vec<(Log2, f64)>) -> Self {
        Self(merged(gains))
    }

    /// Of a law of hits among the leaves that decide.
    #[must_use]
    pub fn of_hits(bet: RoundBet, leaves: u16, hits: &[f64]) -> Self {
        let gains = (0_u16..).zip(hits).map(|(k, p)| (bet.gain(k, leaves), *p));
        Self::new(gains.collect())
    }

    /// The same, but with this probability the round is lost and adds nothing.
    #[must_use]
    pub fn lost(self, share: f64) -> Self {
        let kept = self.0.into_iter().map(|(gain, p)| (gain, p * (1.0 - share)));
        Self::new(kept.chain([(Log2::new(0), share)]).collect())
    }

    /// The best of so many draws.
    #[must_use]
    pub fn best_of(self, draws: u16) -> Self {
        let mut below = 0.0;
        let best = |(gain, p): (Log2, f64)| {
            // At least one of the draws gives this gain, the others less.
            let (mut choose, mut sum) = (1.0, 0.0);
            for alike in 1..=draws {
                choose *= f64::from(draws - alike + 1) / f64::from(alike);
                sum +=
                    choose * f64::powi(p, alike.into()) * f64::powi(below, (draws - alike).into());
            }
            below += p;
            (gain, sum)
        };
        Self(self.0.into_iter().map(best).collect())
    }

    /// P(a round adds at least this much).
    #[must_use]
    pub fn at_least(&self, gain: Log2) -> f64 {
        self.0.iter().filter(|(g, _)| *g >= gain).map(|(_, p)| p).sum()
    }

    /// Mean of 2^(share · (gain − premium)). If it is at most 1, 2^(−share · threshold) bounds how
    /// often a license is ever convicted, by Ville's inequality.
    #[must_use]
    pub fn mean_power(&self, premium: Log2, share: f64) -> f64 {
        let power = |gain: Log2| (share * (gain.to_f64() - premium.to_f64())).exp2();
        self.0.iter().map(|(gain, p)| p * power(*gain)).sum()
    }

    /// The gains in rising order, each with its probability.
    #[must_use]
    pub fn gains(&self) -> &[(Log2, f64)] {
        &self.0
    }
}

/// Sorts, and adds up what is alike.
fn merged(mut law: Vec<(Log2, f64)>) -> Vec<(Log2, f64)> {
    law.sort_by_key(|(gain, _)| *gain);
    law.dedup_by(|next, kept| {
        let alike = next.0 == kept.0;
        if alike {
            kept.1 += next.1;
        }
        alike
    });
    law.retain(|(_, p)| *p > 0.0);
    law
}

/// When a license is convicted for the first time.
#[derive(Debug, Clone, PartialEq)]
pub struct Convictions {
    at: Vec<f64>,
}

impl Convictions {
    /// Opens so many rounds of one law in the order of their indices, at most as many as a license
    /// can have.
    #[must_use]
    pub fn over(rules: &LedgerRules, law: &GainLaw, rounds: u8) -> Self {
        let mut states = vec![(LicenseLedger::default().log_a, 1.0)];
        let mut at = Vec::new();
        for index in (0..rounds).map_while(RoundIndex::new) {
            let (mut convicted, mut next) = (0.0, Vec::with_capacity(states.len() * law.0.len()));
            for (log_a, weight) in states {
                let before = LicenseLedger::in_order(log_a, index.due() - 1);
                for (gain, p) in law.gains() {
                    let judged = before.open(rules, index, *gain);
                    if judged.convicted {
                        convicted += weight * p;
                    } else {
                        next.push((judged.ledger.log_a, weight * p));
                    }
                }
            }
            states = merged(next);
            at.push(convicted);
        }
        Self { at }
    }

    /// P(convicted within so many rounds).
    #[must_use]
    pub fn within(&self, rounds: u8) -> f64 {
        self.at.iter().take(rounds.into()).sum()
    }

    /// P(convicted within the rounds that were opened).
    #[must_use]
    pub fn ever(&self) -> f64 {
        self.at.iter().sum()
    }

    /// Mean number of rounds that are played if a conviction ends them.
    #[must_use]
    pub fn mean_played(&self) -> f64 {
        let (mut free, mut played) = (1.0, 0.0);
        for convicted in &self.at {
            played += free;
            free -= convicted;
        }
        played
    }

    /// Mean number of rounds until a conviction, among the convicted.
    #[must_use]
    pub fn mean_rounds(&self) -> f64 {
        let weighted: f64 = (1_u16..).zip(&self.at).map(|(n, p)| f64::from(n) * p).sum();
        weighted / self.ever()
    }
}

/// Owner and coalition against an innocent: every hostile seat claims every hit.
///
/// Up to c hostile seats are struck, and nothing but the luck of the honest is left; of more, c are
/// struck and the others count in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Framing {
    size: RoundSize,
    /// What a round adds, for each number of hostile seats.
    given: Vec<GainLaw>,
}

impl Framing {
    /// Against a host that answers one leaf in 16 by chance; every honest seat asks.
    #[must_use]
    pub fn of(bet: RoundBet, size: RoundSize) -> Self {
        Self::beside(bet, size, &SeatLaw::asking(CHANCE))
    }

    /// The same with honest seats of another law.
    #[must_use]
    pub fn beside(bet: RoundBet, size: RoundSize, honest: &SeatLaw) -> Self {
        let law = |k: u8| {
            let claimed = usize::from(k.saturating_sub(size.struck()) * LEAVES_PER_SEAT);
            let theirs = kept_law(size.without(k), honest, Struck::Best);
            let hits = [vec![0.0; claimed], theirs].concat();
            GainLaw::of_hits(bet, size.kept_leaves(), &hits)
        };
        Self { size, given: (0..=size.seats()).map(law).collect() }
    }

    fn shares(&self, hostile: f64) -> impl Iterator<Item = (f64, &GainLaw)> {
        binomial(self.size.seats().into(), hostile).into_iter().zip(&self.given)
    }

    /// What a round adds at this share of hostile stake.
    #[must_use]
    pub fn law(&self, hostile: f64) -> GainLaw {
        let weighted = |(p, law): (f64, &GainLaw)| {
            law.0.iter().map(|(gain, weight)| (*gain, weight * p)).collect::<Vec<_>>()
        };
        GainLaw::new(self.shares(hostile).flat_map(weighted).collect())
    }

    /// P(the first round of a license convicts it).
    #[must_use]
    pub fn per_round(&self, rules: &LedgerRules, hostile: f64) -> f64 {
        let needed = Log2::new(rules.threshold.raw() + rules.premium.bits().raw());
        self.shares(hostile).map(|(p, law)| p * law.at_least(needed)).sum()
    }
}

/// P(more than c seats are hostile): what the theorem leaves to the stake.
#[must_use]
pub fn hostile_majority(size: RoundSize, hostile: f64) -> f64 {
    binomial_tail(size.seats().into(), hostile, u16::from(size.struck()) + 1)
}
