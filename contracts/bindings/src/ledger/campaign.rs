//! What it takes to frame an innocent license, for a coalition that stops when it should.

use super::account::{LedgerRules, LicenseLedger, RoundIndex};
use super::odds::GainLaw;
use crate::evidence::Log2;

/// What is to be expected from a ledger on: rounds that are paid for, and P(convicted).
#[derive(Debug, Clone, Copy, Default)]
struct Prospect {
    rounds: f64,
    convicted: f64,
}

/// Rounds that a coalition pays for per conviction, on average, if it plays the best it can: after
/// each round it sees the ledger and goes on or gives up. Infinite if no round ever convicts.
///
/// A round that fails may leave evidence behind, so this is fewer than 1 / P(one round convicts).
/// It is the fixed point of "the best for a prize", found by Dinkelbach's method.
#[must_use]
pub fn cheapest_rounds(rules: &LedgerRules, law: &GainLaw) -> f64 {
    let ledgers = reachable(rules, law);
    let mut prize = f64::INFINITY;
    for _ in 0..50 {
        let best = play(rules, law, &ledgers, prize);
        if best.convicted <= 0.0 {
            return f64::INFINITY;
        }
        let next = best.rounds / best.convicted;
        if prize - next <= 1e-9 * next {
            return next;
        }
        prize = next;
    }
    prize
}

/// Whether a coalition that plays the best it can wins on average, if a conviction is worth so many
/// rounds to it.
#[must_use]
pub(crate) fn framing_pays(rules: &LedgerRules, law: &GainLaw, prize: f64) -> bool {
    let best = play(rules, law, &reachable(rules, law), prize);
    best.convicted * prize > best.rounds
}

/// Every ledger that is not yet convicted, for each number of opened rounds, in rising order.
fn reachable(rules: &LedgerRules, law: &GainLaw) -> Vec<Vec<Log2>> {
    let mut ledgers = vec![vec![LicenseLedger::default().log_a]];
    for index in (0..RoundIndex::COUNT - 1).filter_map(RoundIndex::new) {
        let Some(before) = ledgers.last() else { break };
        let after = |log_a: &Log2| {
            let opened = |(gain, _): &(Log2, f64)| after(rules, index, *log_a, *gain);
            law.gains().iter().filter_map(opened).collect::<Vec<_>>()
        };
        let mut next: Vec<Log2> = before.iter().flat_map(after).collect();
        next.sort_unstable();
        next.dedup();
        ledgers.push(next);
    }
    ledgers
}

/// The ledger after a round, unless it convicts.
fn after(rules: &LedgerRules, index: RoundIndex, log_a: Log2, gain: Log2) -> Option<Log2> {
    let judged = LicenseLedger::in_order(log_a, index.due() - 1).open(rules, index, gain);
    (!judged.convicted).then_some(judged.ledger.log_a)
}

/// The best way to play for this prize, counted in rounds; the first round is always played.
fn play(rules: &LedgerRules, law: &GainLaw, ledgers: &[Vec<Log2>], prize: f64) -> Prospect {
    let mut later: Vec<Prospect> = Vec::new();
    for (opened, states) in ledgers.iter().enumerate().rev() {
        let Some(index) = u8::try_from(opened).ok().and_then(RoundIndex::new) else { continue };
        let known = ledgers.get(usize::from(index.due())).map_or(&[][..], Vec::as_slice);
        let prospect = |log_a: &Log2| {
            let mut sum = Prospect { rounds: 1.0, convicted: 0.0 };
            for (gain, p) in law.gains() {
                match after(rules, index, *log_a, *gain) {
                    None => sum.convicted += p,
                    Some(next) => {
                        let place = known.binary_search(&next).ok();
                        let then = place.and_then(|place| later.get(place).copied());
                        let then = then.unwrap_or_default();
                        sum.rounds += p * then.rounds;
                        sum.convicted += p * then.convicted;
                    }
                }
            }
            // Giving up is worth nothing.
            let pays = prize.is_infinite() || sum.convicted * prize > sum.rounds;
            if pays || index.due() == 1 { sum } else { Prospect::default() }
        };
        later = states.iter().map(prospect).collect();
    }
    later.first().copied().unwrap_or_default()
}
