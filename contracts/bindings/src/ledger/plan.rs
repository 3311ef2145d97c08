//! Which size of a round may stand before which collateral, at which share of hostile stake.
//!
//! Framing pays once the slash that comes back to owner and reporter is worth more than the seat
//! fees of the attempts; the coalition gets the fees of its own seats back.

use super::account::{LedgerRules, Premium, RoundIndex, ledger_threshold};
use super::campaign::{cheapest_rounds, framing_pays};
use super::odds::{Convictions, Framing, GainLaw, SeatLaw, Struck, hostile_majority, kept_law};
use super::round::RoundBet;
use super::size::RoundSize;
use crate::amount::{Amount, Bps};

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatPlan {
    /// What a conviction can take, in the currency of the seat fee.
    pub collateral: Amount,
    /// What each seat costs who opens a round.
    pub seat_fee: Amount,
    /// Share of the stake that is with the owner; the rest is honest.
    pub hostile: Bps,
    /// Share of a slash that owner and reporter get; at most 80 % is possible.
    pub returned: Bps,
    /// How many innocent licenses stand against one that is convicted: 1/α.
    pub alpha_inverse: u64,
    /// Deployments that the offer allows a license to register.
    pub deployments: u32,
    /// Slots in a row that somebody may skip at the beacon (0 with drand).
    pub skippable_slots: u8,
}

/// What one size does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeatPlanRow {
    /// N and c.
    pub size: RoundSize,
    /// What a round costs who opens it, if every seat answers.
    pub round_cost: Amount,
    /// P(one round convicts an innocent) for owner and hostile stake together.
    pub framed_per_round: f64,
    /// P(they do it within the 64 rounds that a license can have).
    pub framed_ever: f64,
    /// P(more than c seats of a round are hostile), the bound of the theorem.
    pub bound_per_round: f64,
    /// What they lose with each attempt: the fees of honest seats.
    pub attempt_cost: f64,
    /// Collateral at which framing neither pays nor costs, if the coalition goes on after partial
    /// success and gives up at the best moment; infinite if it never succeeds.
    pub max_collateral: f64,
    /// Whether framing costs more than it brings.
    pub stands: bool,
    /// P(a guilty host is convicted) within 1, 5 and 20 rounds; hostile seats report nothing, a
    /// tenth of the others is absent, the deployment answers nine keys of ten.
    pub convicted: [f64; 3],
}

/// Hit rate of a copy that is served as it was delivered, in the column `convicted`.
pub const SERVED_RATE: f64 = 0.9;

/// Share of the honest seats that are absent, in the column `convicted`.
pub const ABSENT: f64 = 0.1;

/// Every size that an offer may name, from the smallest.
#[must_use]
pub fn seat_plan(plan: &SeatPlan) -> Vec<SeatPlanRow> {
    RoundSize::OFFERED.into_iter().map(|size| plan.row(size)).collect()
}

/// The smallest size that stands before the collateral, if one does.
#[must_use]
pub fn smallest_standing(plan: &SeatPlan) -> Option<SeatPlanRow> {
    RoundSize::OFFERED.into_iter().map(|size| plan.row(size)).find(|row| row.stands)
}

impl SeatPlan {
    /// By what the rounds of such an offer are judged.
    #[must_use]
    pub fn rules(&self) -> LedgerRules {
        LedgerRules {
            bet: RoundBet::of_rounds(),
            premium: Premium::for_choices(self.skippable_slots, self.deployments),
            threshold: ledger_threshold(self.alpha_inverse, 1),
        }
    }

    /// What one size does.
    #[must_use]
    pub fn row(&self, size: RoundSize) -> SeatPlanRow {
        let rules = self.rules();
        let hostile = share(self.hostile);
        let framing = Framing::of(rules.bet, size);
        let framed = framing.per_round(&rules, hostile);
        let lifelong = Convictions::over(&rules, &framing.law(hostile), RoundIndex::COUNT);
        let attempt_cost = self.attempt_cost(size, hostile);
        let max_collateral =
            attempt_cost * cheapest_rounds(&rules, &framing.law(hostile)) / share(self.returned);
        let seat = SeatLaw::asking(SERVED_RATE).silent(ABSENT).silent(hostile);
        let hits = kept_law(size, &seat, Struck::Best);
        let law = GainLaw::of_hits(rules.bet, size.kept_leaves(), &hits);
        let guilty = Convictions::over(&rules, &law, 20);
        SeatPlanRow {
            size,
            round_cost: Amount::new(u128::from(size.seats()).saturating_mul(self.seat_fee.get())),
            framed_per_round: framed,
            framed_ever: lifelong.ever(),
            bound_per_round: hostile_majority(size, hostile),
            attempt_cost,
            max_collateral,
            stands: (self.collateral.get() as f64) <= max_collateral,
            convicted: [1, 5, 20].map(|rounds| guilty.within(rounds)),
        }
    }

    /// The share of hostile stake from which on framing before this collateral pays, to a
    /// thousandth; `None` if it never does.
    #[must_use]
    pub fn pays_from(&self, size: RoundSize) -> Option<f64> {
        let rules = self.rules();
        let framing = Framing::of(rules.bet, size);
        let pays = |thousandths: u32| {
            let hostile = f64::from(thousandths) / 1000.0;
            let back = share(self.returned) * self.collateral.get() as f64;
            let prize = back / self.attempt_cost(size, hostile);
            framing_pays(&rules, &framing.law(hostile), prize)
        };
        // Rises with the hostile share, so halving finds where it begins.
        let (mut costs, mut brings) = (0, 1000);
        if !pays(brings) {
            return None;
        }
        while brings - costs > 1 {
            let middle = u32::midpoint(costs, brings);
            if pays(middle) { brings = middle } else { costs = middle }
        }
        Some(f64::from(brings) / 1000.0)
    }

    fn attempt_cost(&self, size: RoundSize, hostile: f64) -> f64 {
        (1.0 - hostile) * f64::from(size.seats()) * self.seat_fee.get() as f64
    }
}

fn share(bps: Bps) -> f64 {
    f64::from(bps.get()) / 10_000.0
}
