//! `oml round plan`: which size may stand before which collateral.

use crate::output::{Output, table};
use crate::shares::{alpha_inverse, share};
use clap::Args;
use eyre::Result;
use oml_client::round::{self, PlanRequest, PlannedRounds, PlannedSize, USUAL_RATES};
use oml_contracts::ledger::plan::SeatPlan;

/// What to plan for.
#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Collateral of a license
    #[arg(long, default_value = "1000")]
    collateral: String,
    /// What a seat costs, in the same currency
    #[arg(long, default_value = "1")]
    seat_fee: String,
    /// Share of the provers' stake that is with a framing owner, or with a guilty host
    #[arg(long, default_value_t = 0.33, value_name = "SHARE")]
    hostile: f64,
    /// Share of a slash that owner and reporter get; the contracts allow up to 0.8
    #[arg(long, default_value_t = 0.8, value_name = "SHARE")]
    returned: f64,
    /// Bound on the probability that an innocent license is ever convicted, e.g. 1e-12
    #[arg(long, default_value_t = 1e-12)]
    alpha: f64,
    /// Deployments that the offer allows a license to register
    #[arg(long, default_value_t = 4, value_name = "N")]
    deployments: u32,
    /// Slots in a row that somebody may skip at the beacon: bias bits of `oml doctor`, 0 with drand
    #[arg(long, default_value_t = 0, value_name = "N")]
    skippable_slots: u8,
    /// Share of its leaves that a guilty deployment answers as its copy does; may be given several
    /// times [default: 0.9, 0.6, 0.4]
    #[arg(long = "hit-rate", value_name = "RATE")]
    hit_rates: Vec<f64>,
    /// Plan the four seats of a local chain, too
    #[arg(long)]
    demo: bool,
}

impl Plan {
    fn request(&self) -> Result<PlanRequest> {
        let seats = SeatPlan {
            collateral: round::planned_amount(&self.collateral)?,
            seat_fee: round::planned_amount(&self.seat_fee)?,
            hostile: share("hostile", self.hostile)?,
            returned: share("returned", self.returned)?,
            alpha_inverse: alpha_inverse(self.alpha)?,
            deployments: self.deployments,
            skippable_slots: self.skippable_slots,
        };
        let hit_rates = match self.hit_rates.is_empty() {
            true => USUAL_RATES.to_vec(),
            false => self.hit_rates.clone(),
        };
        Ok(PlanRequest { seats, hit_rates, with_demo: self.demo })
    }
}

/// Runs the command.
pub(super) fn run(args: &Plan, output: Output) -> Result<()> {
    let planned = round::plan(&args.request()?)?;
    let quiet = planned.recommended_seats.map_or("none".to_owned(), |seats| seats.to_string());
    output.result(&planned, &quiet, || human(&planned, args));
    Ok(())
}

fn human(planned: &PlannedRounds, args: &Plan) -> String {
    let sizes = planned.sizes.iter().map(size_row);
    let sizes = table(
        [
            "seats",
            "struck",
            "leaves",
            "cost",
            "framed/round",
            "framed ever",
            "bound",
            "max collateral",
            "stands",
            "pays from",
        ],
        sizes,
    );
    let guilty = planned.sizes.iter().flat_map(|size| {
        size.guilty.iter().map(|row| {
            let [one, five, twenty] = row.convicted.map(|p| format!("{p:.3}"));
            let mean = row.mean_rounds.map_or("-".to_owned(), |rounds| format!("{rounds:.1}"));
            [size.seats.to_string(), format!("{:.2}", row.hit_rate), one, five, twenty, mean]
        })
    });
    let guilty = table(["seats", "hit rate", "in 1 round", "in 5", "in 20", "mean rounds"], guilty);
    let advice = planned.recommended_seats.map_or_else(
        || {
            format!(
                "no size stands before a collateral of {} at a hostile share of {}: framing pays",
                args.collateral, args.hostile
            )
        },
        |seats| {
            format!(
                "{seats} seats are the fewest that stand before a collateral of {} at a hostile \
                 share of {}",
                args.collateral, args.hostile
            )
        },
    );
    format!(
        "threshold 2^{:.2}; each round costs the evidence 2^{:.2}\n{sizes}\n{advice}\n\n{guilty}",
        planned.threshold_log2, planned.premium_log2
    )
}

fn size_row(size: &PlannedSize) -> [String; 10] {
    [
        size.seats.to_string(),
        size.struck.to_string(),
        size.leaves.to_string(),
        size.round_cost.clone(),
        format!("{:.1e}", size.framed_per_round),
        format!("{:.1e}", size.framed_ever),
        format!("{:.1e}", size.bound_per_round),
        size.max_collateral.map_or("any".to_owned(), |most| format!("{most:.1e}")),
        if size.stands { "yes" } else { "no" }.to_owned(),
        size.pays_from.map_or("never".to_owned(), |share| format!("{share:.3}")),
    ]
}
