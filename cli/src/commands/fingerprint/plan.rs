//! `oml fingerprint plan`: how many queries a decision takes, and how far a universe lasts.

use crate::error::{FailureKind, fail};
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_contracts::evidence::Log2;
use oml_contracts::leaf::{BUNDLE, CANDIDATES};
use oml_prover::check::{AnswerTerms, Comparisons, QueryPlan, RankTerms, plan_queries, plan_ranks};
use serde::Serialize;

/// What to plan for.
#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Bound on the probability of a false verdict, e.g. 1e-9
    #[arg(long, default_value_t = 1e-9)]
    alpha: f64,
    /// Part of its answers that a suspect's copy is expected to keep
    #[arg(long, default_value_t = 0.6)]
    survival: f64,
    /// Licenses that an accuser could choose from
    #[arg(long, default_value_t = 1)]
    licenses: u32,
    /// Cases that were opened before, this one included
    #[arg(long, default_value_t = 1)]
    cases: u32,
    /// Wanted probability that a guilty copy is found
    #[arg(long, default_value_t = 0.99)]
    power: f64,
    /// Personal fingerprints of the universe
    #[arg(long, default_value_t = 64)]
    personal: u32,
    /// Answers per key that the copy carries
    #[arg(long, default_value_t = 1, value_name = "N")]
    answers: u8,
}

/// A number of bundles opened in one case.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Opening {
    bundles: usize,
    queries: usize,
    /// Fewest hits that decide; none if not even all of them do.
    hits_needed: Option<usize>,
    /// Probability that a copy of the planned survival is found.
    power: f64,
    /// Probability that chance alone reaches the hits, exact; at most alpha.
    false_verdict: f64,
    /// Cases of this size that the universe lasts for.
    cases: usize,
}

/// How many queries each kind of decision takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    evidence: AnswerTerms,
    threshold_log2: f64,
    /// Asking one by one and stopping at the threshold; none if thousands of queries do not
    /// suffice.
    one_by_one: Option<QueryPlan>,
    /// The same for the rank test, of a copy whose drawn answers stay on top at the planned rate
    /// and stand anywhere otherwise; simulated.
    rank_test: Option<QueryPlan>,
    openings: Vec<Opening>,
    /// The smallest case with the wanted power.
    recommended_bundles: Option<usize>,
}

/// Runs the command.
pub(super) fn run(args: &Plan, output: Output) -> Result<()> {
    let planned = plan(args)?;
    let quiet = planned.recommended_bundles.map_or("none".to_owned(), |b| b.to_string());
    output.result(&planned, &quiet, || human(&planned, args));
    Ok(())
}

fn plan(args: &Plan) -> Result<Planned> {
    probability("power", args.power)?;
    let per_key = super::check::per_key(args.answers)?;
    let alpha_inverse = inverse(args.alpha)?;
    let chance = f64::from(args.answers) / CANDIDATES as f64;
    if !(args.survival > chance && args.survival < 1.0) {
        return Err(fail(
            format!("--survival {} can't be planned for", args.survival),
            "it lies below 1, and a copy that keeps 1 in 16 answers per drawn one, or fewer, can't \
             be told from chance",
            FailureKind::Failed,
        ));
    }
    let evidence = AnswerTerms::new(per_key, alpha_inverse)?;
    let (cases, licenses) = (args.cases.max(1), args.licenses.max(1));
    let limit = evidence.threshold(Comparisons { cases, licenses });
    let rates = Rates { survival: args.survival, chance };
    let available = usize::try_from(args.personal)? / BUNDLE;
    let openings = (1..=available.min(8))
        .map(|bundles| opening(&evidence, limit, bundles, available, rates))
        .collect::<Result<Vec<Opening>>>()?;
    let recommended_bundles = openings.iter().find(|o| o.power >= args.power).map(|o| o.bundles);
    Ok(Planned {
        one_by_one: plan_queries(&evidence, limit, args.survival, args.power),
        evidence,
        threshold_log2: limit.to_f64(),
        rank_test: plan_ranks(
            &RankTerms::new(per_key, alpha_inverse)?,
            limit,
            args.survival,
            args.power,
        ),
        openings,
        recommended_bundles,
    })
}

/// 1/alpha of a flag.
pub(super) fn inverse(alpha: f64) -> Result<u64> {
    probability("alpha", alpha)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "1/alpha is positive and saturates"
    )]
    Ok((1.0 / alpha).round().max(2.0) as u64)
}

fn probability(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(fail(
        format!("--{name} {value} is not between 0 and 1"),
        "it is a probability",
        FailureKind::Failed,
    ))
}

/// How often a drawn answer is given.
#[derive(Clone, Copy, Debug)]
struct Rates {
    /// By the copy.
    survival: f64,
    /// By an innocent, at most.
    chance: f64,
}

fn opening(
    evidence: &AnswerTerms,
    limit: Log2,
    bundles: usize,
    available: usize,
    rates: Rates,
) -> Result<Opening> {
    let queries = bundles * BUNDLE;
    let needed = evidence.hits_needed(limit, u32::try_from(queries)?);
    let hits_needed = needed.map(usize::try_from).transpose()?;
    let tail = |rate| hits_needed.map_or(0.0, |hits| at_least(queries, hits, rate));
    Ok(Opening {
        bundles,
        queries,
        hits_needed,
        power: tail(rates.survival),
        false_verdict: tail(rates.chance),
        cases: available / bundles,
    })
}

/// P(Bin(n, p) ≥ hits), summed from the smallest term.
fn at_least(n: usize, hits: usize, p: f64) -> f64 {
    let mut term = p.powf(n as f64);
    let mut sum = if hits <= n { term } else { 0.0 };
    for k in (hits..n).rev() {
        term *= (k + 1) as f64 / (n - k) as f64 * (1.0 - p) / p;
        sum += term;
    }
    sum.min(1.0)
}

fn human(planned: &Planned, args: &Plan) -> String {
    let rows = planned.openings.iter().map(|o| {
        [
            o.bundles.to_string(),
            o.queries.to_string(),
            o.hits_needed.map_or("-".to_owned(), |h| h.to_string()),
            format!("{:.4}", o.power),
            format!("{:.1e}", o.false_verdict),
            o.cases.to_string(),
        ]
    });
    let table =
        table(["bundles", "queries", "hits needed", "found", "false verdict", "cases"], rows);
    let one_by_one = planned.one_by_one.map_or_else(
        || "asking one by one takes too many".to_owned(),
        |plan| {
            format!(
                "asking one by one takes {:.1} queries on average, {} to be sure",
                plan.mean, plan.queries
            )
        },
    );
    let rank_test = planned.rank_test.map_or_else(
        || "the rank test takes too many".to_owned(),
        |plan| {
            format!(
                "the rank test of weights or log-probabilities takes {:.1}, {} to be sure",
                plan.mean, plan.queries
            )
        },
    );
    let advice = planned.recommended_bundles.map_or_else(
        || {
            format!(
                "no size finds such a copy with probability {}; use a larger universe",
                args.power
            )
        },
        |b| {
            format!(
                "{b} bundle(s) per case find such a copy with probability {} or more",
                args.power
            )
        },
    );
    format!(
        "threshold 2^{:.2}; {one_by_one}\n{rank_test}\n{table}\n{advice}",
        planned.threshold_log2
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(survival: f64, licenses: u32) -> Plan {
        Plan { alpha: 1e-9, survival, licenses, cases: 1, power: 0.99, personal: 64, answers: 1 }
    }

    #[test]
    fn the_protocols_own_figures() {
        let planned = plan(&Plan { power: 0.999, ..args(0.9, 1) }).unwrap();
        let mean = planned.one_by_one.unwrap().mean;
        assert!((mean - 10.0).abs() < 1.0, "{mean}");
        assert_eq!(
            planned.recommended_bundles,
            Some(2),
            "16 queries find such a copy with probability 0.98"
        );
    }

    #[test]
    fn tails_are_exact() {
        assert!((at_least(4, 2, 0.5) - 11.0 / 16.0).abs() < 1e-12);
        assert!((at_least(3, 0, 0.2) - 1.0).abs() < 1e-12);
        assert_eq!(at_least(3, 4, 0.2), 0.0);
        // 10 of 12 at 1/16, known to be 5.3e-11.
        assert!((at_least(12, 10, 1.0 / 16.0) / 5.3e-11 - 1.0).abs() < 0.01);
    }

    #[test]
    fn chance_never_exceeds_alpha_and_larger_cases_find_more() {
        let planned = plan(&args(0.6, 1)).unwrap();
        assert_eq!(planned.openings.len(), 4);
        assert!(planned.openings.iter().all(|o| o.false_verdict <= 1e-9), "{planned:?}");
        assert!(planned.openings.windows(2).all(|w| w[0].power < w[1].power), "{planned:?}");
        assert_eq!(planned.openings[0].hits_needed, Some(12));
    }

    #[test]
    fn what_cannot_be_planned_is_named() {
        let error = plan(&args(0.05, 1)).unwrap_err().to_string();
        assert!(error.contains("--survival 0.05"), "{error}");
        let error = plan(&Plan { alpha: 1.0, ..args(0.6, 1) }).unwrap_err().to_string();
        assert!(error.contains("--alpha 1"), "{error}");
    }
}
