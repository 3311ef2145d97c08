//! The same checks with a broken rule: each fault must show as an innocent who is convicted more
//! often than α.

use oml_contracts::evidence::{EvidenceError, Log2};
use oml_contracts::ledger::odds::{CHANCE, Convictions, GainLaw, SeatLaw, Struck, kept_law};
use oml_contracts::ledger::{LedgerRules, LicenseLedger, RoundIndex, RoundSize};

use super::games::bought_bound;
use super::rule::{Fault, Rule, Stand};
use super::universe::{Moves, SmallUniverse, rare_bet};

/// How often an innocent is convicted with a fault, and without it in the same game.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noticed {
    /// What was broken.
    pub fault: Fault,
    /// The game, in words.
    pub game: &'static str,
    /// The rate with the rule as it is.
    pub whole: f64,
    /// The rate with the fault.
    pub broken: f64,
    /// 1/α of the rule.
    pub alpha_inverse: u64,
    /// What the rate must not exceed: α, or what is proven of seats bought after the draw.
    pub bound: f64,
}

impl Noticed {
    /// Whether the game tells the broken rule from the whole one.
    #[must_use]
    pub fn is_noticed(&self) -> bool {
        self.whole <= self.bound && self.broken > self.bound
    }
}

/// Plays the game that shows a fault, at an error of one in `alpha_inverse`.
///
/// # Errors
/// Never for these bets.
pub fn notice(fault: Fault, alpha_inverse: u64) -> Result<Noticed, EvidenceError> {
    let game: fn(u64, Option<Fault>) -> Result<f64, EvidenceError> = match fault {
        Fault::NoStrike => |inverse, fault| Ok(one_hostile_seat(inverse, fault)),
        Fault::Mixture => |inverse, fault| Ok(bought_seats(inverse, fault)),
        Fault::SlotsOnce => skipped_slot,
        Fault::EvidenceKept => |inverse, fault| after_a_conviction(inverse, fault, 0),
        Fault::DebtForgiven => |inverse, fault| after_a_conviction(inverse, fault, 4),
        Fault::DeploymentsFree => known_deployments,
        Fault::DeploymentsOnce => two_known_bundles,
        _ => rare_hits,
    };
    Ok(Noticed {
        fault,
        game: game_name(fault),
        whole: game(alpha_inverse, None)?,
        broken: game(alpha_inverse, Some(fault))?,
        alpha_inverse,
        bound: if fault == Fault::Mixture {
            bought_bound(&LedgerRules::new(alpha_inverse, 1), RoundSize::OFFERED[1])
        } else {
            1.0 / alpha_inverse as f64
        },
    })
}

const fn game_name(fault: Fault) -> &'static str {
    match fault {
        Fault::NoStrike => "4 seats, one hostile, 64 rounds",
        Fault::Mixture => "16 seats, 9 bought after the draw, 16 rounds",
        Fault::SlotsOnce => "better of two draws, bet of 4 at 1/4, 64 rounds",
        Fault::EvidenceKept => "convicted again: 4 later indices",
        Fault::DebtForgiven => "convicted again: 4 earlier indices",
        Fault::DeploymentsFree => "one round, 4 deployments known in advance",
        Fault::DeploymentsOnce => "two hits convict, the last 2 bundles known, 16 deployments",
        _ => "one hit in 2/alpha, 6 rounds of 7 bundles",
    }
}

fn small(one_in: u32) -> SmallUniverse {
    SmallUniverse { one_in, leaves: 1, bundles: 7, indices: 6, deployments: 1 }
}

/// A hit that just convicts by itself: half of α in one round.
fn rare_hits(alpha_inverse: u64, fault: Option<Fault>) -> Result<f64, EvidenceError> {
    let one_in = u32::try_from(2 * alpha_inverse + 1).unwrap_or(u32::MAX);
    let rule = Rule::with_bet(Stand::plain(alpha_inverse), rare_bet(one_in)?, fault);
    Ok(small(one_in).worst(&rule, Moves::AtOnce).to_f64())
}

fn known_deployments(alpha_inverse: u64, fault: Option<Fault>) -> Result<f64, EvidenceError> {
    let one_in = u32::try_from(2 * alpha_inverse + 1).unwrap_or(u32::MAX);
    let stand = Stand::plain(alpha_inverse).with_deployments(4);
    let rule = Rule::with_bet(stand, rare_bet(one_in)?, fault);
    let universe = SmallUniverse { bundles: 1, indices: 1, deployments: 4, ..small(one_in) };
    Ok(universe.worst(&rule, Moves::Any).to_f64())
}

/// Deployments in [`two_known_bundles`].
const MANY: u8 = 16;

/// An owner that knows the last two bundles of a universe, of which each is a hit for a deployment
/// one time in n: it names for each draw the deployment that may hit. Exact, by cases; the
/// enumeration would have 2^16 kinds of bundles, and agrees for few deployments.
fn two_known_bundles(alpha_inverse: u64, fault: Option<Fault>) -> Result<f64, EvidenceError> {
    let one_in = super::universe::rarest_that_convicts(alpha_inverse, 2, MANY.into());
    let stand = Stand::plain(alpha_inverse).with_deployments(MANY.into());
    let rule = Rule::with_bet(stand, rare_bet(one_in)?, fault);
    let two = [0, 1].into_iter().filter_map(RoundIndex::new).try_fold(
        LicenseLedger::default(),
        |ledger, index| {
            let judged = rule.open(ledger, index, rule.gain(1, 1));
            if judged.convicted { Err(judged) } else { Ok(judged.ledger) }
        },
    );
    Ok(if two.is_err() { two_hits_of_two(one_in, MANY) } else { 0.0 })
}

/// P(a hit in each of two bundles) where the owner names a deployment before each draw and knows
/// both bundles, but not their order.
#[must_use]
pub fn two_hits_of_two(one_in: u32, deployments: u8) -> f64 {
    let p = 1.0 / f64::from(one_in);
    let all = |each: f64| each.powi(deployments.into());
    let (none_in_both, empty) = (all(1.0 - p * p), all(1.0 - p));
    // No deployment hits twice, but each bundle has a hit: half of the guesses are right.
    let apart = none_in_both - (2.0 * empty - empty * empty);
    (1.0 - none_in_both) + apart / 2.0
}

/// A license that was rightly convicted by the round of this index, and is innocent from then on;
/// four other indices may still be opened, and one hit in 1/α convicts without a premium.
fn after_a_conviction(
    alpha_inverse: u64,
    fault: Option<Fault>,
    index: u8,
) -> Result<f64, EvidenceError> {
    let one_in = u32::try_from(alpha_inverse + 1).unwrap_or(u32::MAX);
    let rule = Rule::with_bet(Stand::plain(alpha_inverse), rare_bet(one_in)?, fault);
    let Some(first) = RoundIndex::new(index) else { return Ok(0.0) };
    let guilty = rule.open(LicenseLedger::default(), first, Log2::new(100 << 32));
    let universe = SmallUniverse { indices: 4, ..small(one_in) };
    Ok(universe.worst_from(&rule, Moves::AtOnce, guilty.ledger).to_f64())
}

fn within(rule: &Rule, rounds: u8, leaves: u16, hits: &[f64]) -> f64 {
    let gains = (0_u16..).zip(hits).map(|(k, p)| (rule.gain(k, leaves), *p)).collect();
    Convictions::over(rule.rules(), &GainLaw::new(gains), rounds).ever()
}

fn one_hostile_seat(alpha_inverse: u64, fault: Option<Fault>) -> f64 {
    let rule = Rule::new(Stand::plain(alpha_inverse), fault);
    let honest = kept_law(
        RoundSize::any(3, 0).unwrap_or(RoundSize::DEMO),
        &SeatLaw::asking(CHANCE),
        Struck::Best,
    );
    // With the strike the hostile sheet is gone; without it all of its leaves are hits.
    if fault == Some(Fault::NoStrike) {
        within(&rule, 64, RoundSize::DEMO.leaves(), &[vec![0.0; 8], honest].concat())
    } else {
        within(&rule, 64, RoundSize::DEMO.kept_leaves(), &honest)
    }
}

fn bought_seats(alpha_inverse: u64, fault: Option<Fault>) -> f64 {
    let rule = Rule::new(Stand::plain(alpha_inverse), fault);
    let size = RoundSize::OFFERED[1];
    within(&rule, 16, size.kept_leaves(), &kept_law(size, &SeatLaw::asking(CHANCE), Struck::Worst))
}

fn skipped_slot(alpha_inverse: u64, fault: Option<Fault>) -> Result<f64, EvidenceError> {
    let stand = Stand { skippable_slots: 1, ..Stand::plain(alpha_inverse) };
    let rule = Rule::with_bet(stand, rare_bet(4)?, fault);
    let law = GainLaw::new(vec![(rule.gain(0, 1), 0.75), (rule.gain(1, 1), 0.25)]).best_of(2);
    Ok(Convictions::over(rule.rules(), &law, RoundIndex::COUNT).ever())
}
