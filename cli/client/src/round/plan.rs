//! Which size of a round may stand before which collateral, and how many rounds a conviction takes.

use crate::error::{FailureKind, Result, fail};
use crate::money::{parse_plain, show_plain};
use oml_contracts::Amount;
use oml_contracts::ledger::odds::{Convictions, GainLaw, SeatLaw, Struck, kept_law};
use oml_contracts::ledger::plan::{ABSENT, SERVED_RATE, SeatPlan, SeatPlanRow, smallest_standing};
use oml_contracts::ledger::{RoundIndex, RoundSize};
use serde::Serialize;

/// Decimals in which a plan counts: only the ratio of its amounts matters, so it needs no currency.
const DECIMALS: u8 = 18;

/// An amount of a plan, in whole units of the one currency in which all of it counts.
///
/// # Errors
/// Not a number, or too large or too fine for any currency.
pub fn planned_amount(typed: &str) -> Result<Amount> {
    parse_plain(typed, DECIMALS)
}

/// What a plan is made for.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// Collateral, seat fee, hostile share, error rate.
    pub seats: SeatPlan,
    /// Rates at which a guilty deployment may answer as its copy does.
    pub hit_rates: Vec<f64>,
    /// Whether the size of a demo is planned, too.
    pub with_demo: bool,
}

/// Rounds of one size against a deployment that answers at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HitRateRow {
    /// Share of its leaves that the deployment answers as its copy does.
    pub hit_rate: f64,
    /// P(convicted) within 1, 5 and 20 rounds.
    pub convicted: [f64; 3],
    /// Mean rounds until it is convicted, of those that a license can have; none if that happens to
    /// less than one in two.
    pub mean_rounds: Option<f64>,
}

/// One size of a round.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedSize {
    /// Seats of a round of this size (N).
    pub seats: u8,
    /// c: seats that are struck.
    pub struck: u8,
    /// Leaves that a round burns.
    pub leaves: u16,
    /// What a round costs, in whole units of the plan's currency, as text.
    pub round_cost: String,
    /// P(one round convicts an innocent), owner and hostile stake together.
    pub framed_per_round: f64,
    /// P(they do it in a license's whole life).
    pub framed_ever: f64,
    /// P(more than c seats are hostile).
    pub bound_per_round: f64,
    /// Collateral up to which framing loses money, in whole units; none if it never succeeds.
    pub max_collateral: Option<f64>,
    /// Whether that is above the plan's collateral.
    pub stands: bool,
    /// Hostile share from which on framing before the plan's collateral pays; none if it never
    /// does.
    pub pays_from: Option<f64>,
    /// What it takes to convict.
    pub guilty: Vec<HitRateRow>,
}

/// Every size that an offer may name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedRounds {
    /// What the evidence must reach.
    pub threshold_log2: f64,
    /// What every round costs it.
    pub premium_log2: f64,
    /// The sizes, from the smallest.
    pub sizes: Vec<PlannedSize>,
    /// The smallest that stands before the collateral; none if none does.
    pub recommended_seats: Option<u8>,
}

/// Plans rounds.
///
/// # Errors
/// A hit rate that is none, or a deployment that costs nothing.
pub fn plan(request: &PlanRequest) -> Result<PlannedRounds> {
    for rate in &request.hit_rates {
        if !(*rate > 0.0 && *rate <= 1.0) {
            return Err(fail(
                format!("--hit-rate {rate} is not above 0 and at most 1"),
                "it is the share of questions that a copy still answers as it was trained to",
                FailureKind::Failed,
            ));
        }
    }
    let seats = &request.seats;
    if seats.seat_fee.is_zero() {
        return Err(fail(
            "a seat fee of 0 can't be planned with: every attempt to frame would be free",
            "give what a seat costs with --seat-fee",
            FailureKind::Failed,
        ));
    }
    let demo = request.with_demo.then_some(RoundSize::DEMO);
    let sizes = demo.into_iter().chain(RoundSize::OFFERED);
    let rules = seats.rules();
    Ok(PlannedRounds {
        threshold_log2: rules.threshold.to_f64(),
        premium_log2: rules.premium.bits().to_f64(),
        sizes: sizes.map(|size| planned(request, size)).collect(),
        recommended_seats: seats_for(seats),
    })
}

/// The smallest size that stands before the collateral, if one does.
#[must_use]
pub(crate) fn seats_for(plan: &SeatPlan) -> Option<u8> {
    smallest_standing(plan).map(|row| row.size.seats())
}

fn planned(request: &PlanRequest, size: RoundSize) -> PlannedSize {
    let row: SeatPlanRow = request.seats.row(size);
    let guilty = request.hit_rates.iter().map(|rate| against(&request.seats, size, *rate));
    PlannedSize {
        seats: size.seats(),
        struck: size.struck(),
        leaves: size.leaves(),
        round_cost: show_plain(row.round_cost, DECIMALS),
        framed_per_round: six_digits(row.framed_per_round),
        framed_ever: six_digits(row.framed_ever),
        bound_per_round: six_digits(row.bound_per_round),
        max_collateral: row
            .max_collateral
            .is_finite()
            .then(|| six_digits(row.max_collateral / 10_f64.powi(i32::from(DECIMALS)))),
        stands: row.stands,
        pays_from: request.seats.pays_from(size),
        guilty: guilty.collect(),
    }
}

/// Rounds against a deployment of this hit rate; hostile seats report nothing.
fn against(plan: &SeatPlan, size: RoundSize, hit_rate: f64) -> HitRateRow {
    let rules = plan.rules();
    let hostile = f64::from(plan.hostile.get()) / 10_000.0;
    let seat = SeatLaw::asking(hit_rate).silent(ABSENT).silent(hostile);
    let hits = kept_law(size, &seat, Struck::Best);
    let law = GainLaw::of_hits(rules.bet, size.kept_leaves(), &hits);
    let convictions = Convictions::over(&rules, &law, RoundIndex::COUNT);
    HitRateRow {
        hit_rate,
        convicted: [1, 5, 20].map(|rounds| six_digits(convictions.within(rounds))),
        mean_rounds: (convictions.ever() >= 0.5).then(|| six_digits(convictions.mean_rounds())),
    }
}

/// Six significant digits: the last ones of a sum depend on the machine that adds it up.
fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// Hit rates that are planned for where none are named: served as delivered, and degraded.
pub const USUAL_RATES: [f64; 3] = [SERVED_RATE, 0.6, 0.4];

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::Bps;

    fn request(hostile: u16) -> PlanRequest {
        let seats = SeatPlan {
            collateral: planned_amount("1000").unwrap(),
            seat_fee: planned_amount("1").unwrap(),
            hostile: Bps::new(hostile).unwrap(),
            returned: Bps::new(8_000).unwrap(),
            alpha_inverse: 1 << 40,
            deployments: 1,
            skippable_slots: 0,
        };
        PlanRequest { seats, hit_rates: USUAL_RATES.to_vec(), with_demo: true }
    }

    #[test]
    fn larger_rounds_frame_less_and_cost_more() {
        let planned = plan(&request(2_000)).unwrap();
        let seats: Vec<u8> = planned.sizes.iter().map(|size| size.seats).collect();
        assert_eq!(seats, [4, 8, 16, 24, 32]);
        let falls =
            |by: fn(&PlannedSize) -> f64| planned.sizes.windows(2).all(|w| by(&w[0]) > by(&w[1]));
        assert!(falls(|size| size.framed_per_round), "{planned:?}");
        assert!(falls(|size| size.bound_per_round), "{planned:?}");
        let costs: Vec<&str> = planned.sizes.iter().map(|size| size.round_cost.as_str()).collect();
        assert_eq!(costs, ["4", "8", "16", "24", "32"]);
        assert_eq!(planned.recommended_seats, Some(8));
    }

    #[test]
    fn a_copy_that_is_served_whole_takes_fewer_rounds() {
        let planned = plan(&request(0)).unwrap();
        let sixteen = planned.sizes.iter().find(|size| size.seats == 16).unwrap();
        let [whole, part, weak] = sixteen.guilty[..] else { panic!("{sixteen:?}") };
        assert!(whole.convicted[0] > part.convicted[0]);
        // The figure of the documents: 0.90 in one round at a hit rate of 0.9.
        assert!((whole.convicted[0] - 0.9).abs() < 0.01, "{whole:?}");
        assert!(whole.mean_rounds.unwrap() < part.mean_rounds.unwrap());
        assert!(weak.mean_rounds.is_none_or(|rounds| rounds > part.mean_rounds.unwrap()));
    }

    #[test]
    fn what_cannot_be_planned_is_named() {
        let with = |rate| PlanRequest { hit_rates: vec![rate], ..request(0) };
        assert!(plan(&with(1.5)).unwrap_err().to_string().contains("--hit-rate 1.5"));
        let mut free = request(0);
        free.seats.seat_fee = Amount::new(0);
        assert!(plan(&free).unwrap_err().to_string().contains("seat fee"));
    }
}
