//! `oml fingerprint plan`: how many queries a decision takes, and how far a universe lasts.

use crate::error::{Exit, HintExt, fail};
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_contracts::evidence::{EvidenceTerms, log2_floor, threshold};
use oml_contracts::leaf::BUNDLE;
use serde::Serialize;

/// Most queries that are planned for.
const MAX_QUERIES: usize = 4096;
/// Rate of a personal hit that innocence allows.
const CHANCE: f64 = 1.0 / 16.0;

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

/// The plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    evidence: EvidenceTerms,
    threshold_log2: f64,
    /// Mean queries when asking one by one and stopping at the threshold.
    mean_queries: Option<f64>,
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
    let probability = |name: &str, value: f64| {
        if value > 0.0 && value < 1.0 {
            return Ok(());
        }
        Err(fail(format!("--{name} {value} is not between 0 and 1"), "it is a probability", Exit::Failed))
    };
    probability("alpha", args.alpha)?;
    probability("power", args.power)?;
    let evidence = EvidenceTerms::for_rates(args.survival, 0.9, 16_384, inverse(args.alpha)).hint(
        format!("--survival {} can't be planned for", args.survival),
        "a copy that keeps 1 in 16 answers or fewer can't be told from chance",
        Exit::Failed,
    )?;
    let limit = threshold(evidence.alpha_inverse, args.cases.max(1), args.licenses.max(1));
    let steps = Steps {
        hit: log2_floor(evidence.personal_hit.raw().into()).raw(),
        miss: log2_floor(evidence.personal_miss.raw().into()).raw(),
        limit: limit.raw(),
    };
    let bundles = usize::try_from(args.personal)? / BUNDLE;
    let openings: Vec<Opening> = (1..=bundles.min(8)).map(|b| opening(&steps, b, bundles, args.survival)).collect();
    let recommended_bundles = openings.iter().find(|o| o.power >= args.power).map(|o| o.bundles);
    Ok(Planned {
        evidence,
        threshold_log2: limit.to_f64(),
        mean_queries: mean_queries(&steps, args.survival),
        openings,
        recommended_bundles,
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1/alpha is positive and saturates")]
fn inverse(alpha: f64) -> u64 {
    (1.0 / alpha).ceil().max(2.0) as u64
}

/// Logarithms as the contract adds them up.
#[derive(Clone, Copy, Debug)]
struct Steps {
    hit: i64,
    miss: i64,
    limit: i64,
}

impl Steps {
    fn decides(&self, queries: usize, hits: usize) -> bool {
        let (hits, misses) = (hits as i128, (queries - hits) as i128);
        hits * i128::from(self.hit) + misses * i128::from(self.miss) >= i128::from(self.limit)
    }

    fn hits_needed(&self, queries: usize) -> Option<usize> {
        (0..=queries).find(|&hits| self.decides(queries, hits))
    }
}

fn opening(steps: &Steps, bundles: usize, available: usize, survival: f64) -> Opening {
    let queries = bundles * BUNDLE;
    let hits_needed = steps.hits_needed(queries);
    let tail = |rate| hits_needed.map_or(0.0, |hits| at_least(queries, hits, rate));
    Opening {
        bundles,
        queries,
        hits_needed,
        power: tail(survival),
        false_verdict: tail(CHANCE),
        cases: available / bundles,
    }
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

/// Mean number of queries until the threshold, asking one by one; none if that takes too many.
fn mean_queries(steps: &Steps, survival: f64) -> Option<f64> {
    // running[h] = P(h hits so far and the threshold not reached yet).
    let mut running = vec![1.0];
    let mut mean = 0.0;
    for queries in 1..=MAX_QUERIES {
        mean += running.iter().sum::<f64>();
        let mut next = vec![0.0; running.len() + 1];
        for (hits, probability) in running.iter().enumerate() {
            next[hits] += probability * (1.0 - survival);
            next[hits + 1] += probability * survival;
        }
        for (hits, probability) in next.iter_mut().enumerate() {
            if steps.decides(queries, hits) {
                *probability = 0.0;
            }
        }
        if next.iter().sum::<f64>() < 1e-9 {
            return Some(mean);
        }
        running = next;
    }
    None
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
    let table = table(["bundles", "queries", "hits needed", "found", "false verdict", "cases"], rows);
    let mean = planned.mean_queries.map_or(format!("more than {MAX_QUERIES}"), |m| format!("{m:.1}"));
    let advice = planned.recommended_bundles.map_or_else(
        || format!("no size finds such a copy with probability {}; use a larger universe", args.power),
        |b| format!("{b} bundle(s) per case find such a copy with probability {} or more", args.power),
    );
    format!(
        "threshold 2^{:.2}; asking one by one takes {mean} queries on average\n{table}\n{advice}",
        planned.threshold_log2
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(survival: f64, licenses: u32) -> Plan {
        Plan { alpha: 1e-9, survival, licenses, cases: 1, power: 0.99, personal: 64 }
    }

    /// Figures of the protocol's own simulations.
    #[test]
    fn mean_queries_are_those_of_the_protocol() {
        for (survival, licenses, expected) in [(0.9, 1, 10.0), (0.9, 2048, 14.0), (0.6, 1, 21.0), (0.6, 2048, 29.0)] {
            let mean = plan(&args(survival, licenses)).unwrap().mean_queries.unwrap();
            assert!((mean - expected).abs() < 1.0, "{survival} {licenses}: {mean}");
        }
    }

    #[test]
    fn tails_are_exact() {
        assert!((at_least(4, 2, 0.5) - 11.0 / 16.0).abs() < 1e-12);
        assert!((at_least(3, 0, 0.2) - 1.0).abs() < 1e-12);
        assert_eq!(at_least(3, 4, 0.2), 0.0);
        // 10 of 12 at 1/16, known to be 5.3e-11.
        assert!((at_least(12, 10, CHANCE) / 5.3e-11 - 1.0).abs() < 0.01);
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
