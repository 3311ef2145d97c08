//! What rounds do to the innocent and the guilty, exactly.
//!
//! Framing: owner and coalition, every hostile seat claims every hit. Acquittal: hostile seats
//! report nothing. A tenth of the honest seats is absent when a guilty host is tested.

use oml_contracts::evidence::Log2;
use oml_contracts::ledger::campaign::cheapest_rounds;
use oml_contracts::ledger::odds::{
    CHANCE, Convictions, Framing, GainLaw, SeatLaw, Struck, hostile_majority, kept_law,
};
use oml_contracts::ledger::plan::{ABSENT, SERVED_RATE};
use oml_contracts::ledger::{LedgerRules, RoundBet, RoundIndex, RoundSize};

/// The hostile shares of the stake that tables show.
pub const HOSTILE: [f64; 3] = [0.1, 0.2, 0.33];

/// The hit rate of a copy behind sampling or a system prompt.
pub const SAMPLED_RATE: f64 = 0.6;

/// Share of a slash that comes back to owner and reporter.
pub const RETURNED: f64 = 0.8;

/// 40 bits and one deployment, as an offer on a public chain has them.
#[must_use]
pub fn usual_rules() -> LedgerRules {
    LedgerRules::new(1 << 40, 1)
}

/// Who sits in a round, and how the accused answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bench {
    /// N and c.
    pub size: RoundSize,
    /// How often the deployment answers as the copy does.
    pub rate: f64,
    /// Share of the seats that report nothing on purpose.
    pub hostile: f64,
    /// Share of the other seats that bring nothing: absent, bought, or without sense.
    pub silent: f64,
}

impl Bench {
    /// A copy that is served as delivered, nobody hostile, a tenth of the seats absent.
    #[must_use]
    pub const fn served(size: RoundSize) -> Self {
        Self { size, rate: SERVED_RATE, hostile: 0.0, silent: ABSENT }
    }

    /// The same with hostile seats.
    #[must_use]
    pub const fn hostile(self, hostile: f64) -> Self {
        Self { hostile, ..self }
    }

    /// What a round adds.
    #[must_use]
    pub fn law(&self, bet: RoundBet) -> GainLaw {
        let seat = SeatLaw::asking(self.rate).silent(self.silent).silent(self.hostile);
        let hits = kept_law(self.size, &seat, Struck::Best);
        GainLaw::of_hits(bet, self.size.kept_leaves(), &hits)
    }

    /// When the license is convicted.
    #[must_use]
    pub fn convictions(&self, rules: &LedgerRules, rounds: u8) -> Convictions {
        Convictions::over(rules, &self.law(rules.bet), rounds)
    }
}

/// P(convicted) within 1, 5 and 20 rounds.
pub type Within = [f64; 3];

fn within(convictions: &Convictions) -> Within {
    [1, 5, 20].map(|rounds| convictions.within(rounds))
}

/// What one size does, with [`usual_rules`].
#[derive(Debug, Clone, PartialEq)]
pub struct SizeGames {
    /// N and c.
    pub size: RoundSize,
    /// P(one round frames), for each of [`HOSTILE`].
    pub framed: [f64; 3],
    /// P(framed within 64 rounds), for each of [`HOSTILE`].
    pub framed_ever: [f64; 3],
    /// P(more than c seats are hostile), for each of [`HOSTILE`].
    pub bound: [f64; 3],
    /// Collateral, in seat fees, before which framing just does not pay, for each of [`HOSTILE`],
    /// if the coalition builds on what rounds leave in the ledger and stops at the best moment.
    pub max_collateral: [f64; 3],
    /// The same if every round had to do it alone.
    pub max_collateral_single: [f64; 3],
    /// A guilty host with a hit rate of 0.9, nobody hostile and then for each of [`HOSTILE`].
    pub convicted: [Within; 4],
    /// A guilty host with a hit rate of 0.6, nobody hostile.
    pub convicted_sampling: Within,
}

/// The figures of one size.
#[must_use]
pub fn size_games(size: RoundSize) -> SizeGames {
    let rules = usual_rules();
    let framing = Framing::of(rules.bet, size);
    let ever = |b| Convictions::over(&rules, &framing.law(b), RoundIndex::COUNT).ever();
    let framed = |b| framing.per_round(&rules, b);
    let collateral =
        |b| attempt_cost(size, b) * cheapest_rounds(&rules, &framing.law(b)) / RETURNED;
    let single = |b| attempt_cost(size, b) / (RETURNED * framed(b));
    let served = |b| within(&Bench::served(size).hostile(b).convictions(&rules, 20));
    let sampling = Bench { rate: SAMPLED_RATE, ..Bench::served(size) };
    SizeGames {
        size,
        framed: HOSTILE.map(framed),
        framed_ever: HOSTILE.map(ever),
        bound: HOSTILE.map(|b| hostile_majority(size, b)),
        max_collateral: HOSTILE.map(collateral),
        max_collateral_single: HOSTILE.map(single),
        convicted: [0.0, HOSTILE[0], HOSTILE[1], HOSTILE[2]].map(served),
        convicted_sampling: within(&sampling.convictions(&rules, 20)),
    }
}

/// Seat fees that a framing coalition loses with a round: those of honest seats.
#[must_use]
pub fn attempt_cost(size: RoundSize, hostile: f64) -> f64 {
    (1.0 - hostile) * f64::from(size.seats())
}

/// What owner and coalition win by a round, in seat fees, before this collateral.
#[must_use]
pub fn framing_gain(size: RoundSize, hostile: f64, collateral: f64) -> f64 {
    let rules = usual_rules();
    let framed = Framing::of(rules.bet, size).per_round(&rules, hostile);
    framed * RETURNED * collateral - attempt_cost(size, hostile)
}

/// A share of licenses that are convicted, and after how many rounds on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome40 {
    /// P(convicted within 40 rounds).
    pub share: f64,
    /// Mean rounds until then, among the convicted.
    pub rounds: f64,
}

fn within_40(law: &GainLaw) -> Outcome40 {
    let convictions = Convictions::over(&usual_rules(), law, 40);
    Outcome40 { share: convictions.ever(), rounds: convictions.mean_rounds() }
}

/// A guilty host within 40 rounds.
#[must_use]
pub fn guilty(bench: &Bench) -> Outcome40 {
    within_40(&bench.law(usual_rules().bet))
}

/// A guilty host whose owner, or chain, loses this share of the rounds.
#[must_use]
pub fn owner_absent(bench: &Bench, lost: f64) -> Outcome40 {
    within_40(&bench.law(usual_rules().bet).lost(lost))
}

/// A guilty host that buys so many seats of each round besides its friends; what it buys it buys
/// among the honest, so each of them is bought with the same chance.
#[must_use]
pub fn bribed(size: RoundSize, hostile: f64, bought: u8) -> Outcome40 {
    let share = f64::from(bought) / f64::from(size.seats()) / (1.0 - hostile);
    let bench = Bench::served(size).hostile(hostile);
    guilty(&Bench { silent: ABSENT + share, ..bench })
}

/// P(framed within 40 rounds) while this share of the honest seats is away.
#[must_use]
pub fn framed_in_silence(size: RoundSize, hostile: f64, away: f64) -> f64 {
    let rules = usual_rules();
    let honest = SeatLaw::asking(CHANCE).silent(away);
    let law = Framing::beside(rules.bet, size, &honest).law(hostile);
    Convictions::over(&rules, &law, 40).ever()
}

/// P(an innocent host is ever convicted within so many rounds), whatever the owner drops: a round
/// that is left out is worth what a bad one is.
#[must_use]
pub fn innocent(rules: &LedgerRules, size: RoundSize, rounds: u8) -> f64 {
    let hits = kept_law(size, &SeatLaw::asking(CHANCE), Struck::Best);
    let law = GainLaw::of_hits(rules.bet, size.kept_leaves(), &hits);
    Convictions::over(rules, &law, rounds).ever()
}

/// P(none of the seats is a friend who warns the host).
#[must_use]
pub fn unwarned(seats: u8, friends: f64) -> f64 {
    (1.0 - friends).powi(seats.into())
}

/// Seats bought after the draw by somebody who knows every answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoughtSeats {
    /// P(one round convicts).
    pub once: f64,
    /// P(convicted within 64 rounds).
    pub ever: f64,
}

/// What a round adds where c seats are bought, those that would have had the fewest hits: they
/// claim every hit, are struck, and leave the luckiest honest seats.
fn bought_law(bet: RoundBet, size: RoundSize) -> GainLaw {
    let hits = kept_law(size, &SeatLaw::asking(CHANCE), Struck::Worst);
    GainLaw::of_hits(bet, size.kept_leaves(), &hits)
}

/// c seats of each round are bought after the draw.
#[must_use]
pub fn bought_after_the_draw(rules: &LedgerRules, size: RoundSize) -> BoughtSeats {
    let law = bought_law(rules.bet, size);
    let needed = Log2::new(rules.threshold.raw() + rules.premium.bits().raw());
    BoughtSeats {
        once: law.at_least(needed),
        ever: Convictions::over(rules, &law, RoundIndex::COUNT).ever(),
    }
}

/// What is proven of [`bought_after_the_draw`] for any number of rounds: `2^(−t·T)`, which is about
/// `α^t`, for the largest t up to 1 at which the mean of `(A after / A before)^t` is at most 1. The
/// theorem does not cover such seats, and this is more than α.
#[must_use]
pub fn bought_bound(rules: &LedgerRules, size: RoundSize) -> f64 {
    let law = bought_law(rules.bet, size);
    let is_fair = |share: f64| law.mean_power(rules.premium.bits(), share) <= 1.0;
    let (mut fair, mut unfair) = (0.0, 1.0);
    while unfair - fair > 1e-9 {
        let middle = f64::midpoint(fair, unfair);
        if is_fair(middle) { fair = middle } else { unfair = middle }
    }
    (-fair * rules.threshold.to_f64()).exp2()
}
