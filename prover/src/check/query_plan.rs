//! How many fingerprints a check needs.

use oml_contracts::evidence::{EvidenceError, EvidenceTerms, Log2};
use oml_contracts::hits::hits_needed;

/// Most queries that a plan considers.
const MOST: u32 = 4096;

/// What a check of a copy with a given hit rate costs.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct QueryPlan {
    /// Queries of a check that stops as soon as the evidence suffices, on average over those that
    /// succeed within [`Self::queries`].
    pub mean: f64,
    /// Queries after which the evidence has sufficed with the asked probability.
    pub queries: u32,
    /// Whole bundles of 16 that hold so many queries.
    pub bundles: u32,
}

/// Queries that a check needs of a copy which answers with probability `hit_rate`, to succeed with
/// probability `power`; `None` if 4,096 do not suffice.
///
/// Exact: the distribution of the hits is carried from query to query, and what has reached the
/// threshold is taken out.
///
/// # Errors
/// [`EvidenceError`] if the terms bound no error.
pub fn plan_queries(
    terms: &EvidenceTerms,
    threshold: Log2,
    hit_rate: f64,
    power: f64,
) -> Result<Option<QueryPlan>, EvidenceError> {
    terms.validate()?;
    let rate = hit_rate.clamp(0.0, 1.0);
    // open[h] = probability of h hits without having reached the threshold.
    let mut open = vec![1.0_f64];
    let (mut done, mut weighted) = (0.0_f64, 0.0_f64);
    for queries in 1..=MOST {
        let mut next = vec![0.0; open.len() + 1];
        for (hits, probability) in open.iter().enumerate() {
            next[hits] += probability * (1.0 - rate);
            next[hits + 1] += probability * rate;
        }
        if let Some(needed) = hits_needed(terms, threshold, queries)? {
            let reached: f64 = next.drain(needed as usize..).sum();
            done += reached;
            weighted += reached * f64::from(queries);
        }
        if done >= power {
            let bundles = queries.div_ceil(16);
            return Ok(Some(QueryPlan { mean: weighted / done, queries, bundles }));
        }
        open = next;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::evidence::threshold;

    fn terms(rate: f64) -> EvidenceTerms {
        EvidenceTerms::for_rates(rate, 0.9, 16_384, 1_000_000_000).unwrap()
    }

    /// Means of the design study: hit rate 0.9: 10 alone, 14 among 2,048; 0.6: 21 and 29.
    #[test]
    fn plans_agree_with_the_simulated_means() {
        for (rate, licenses, mean) in
            [(0.9, 1, 10.0), (0.9, 2048, 14.0), (0.6, 1, 21.2), (0.6, 2048, 29.0)]
        {
            let limit = threshold(1_000_000_000, 1, licenses);
            let plan = plan_queries(&terms(rate), limit, rate, 0.999).unwrap().unwrap();
            assert!((plan.mean - mean).abs() < 1.0, "{rate} among {licenses}: {}", plan.mean);
            assert!(plan.queries >= 10 && plan.bundles == plan.queries.div_ceil(16));
        }
    }

    #[test]
    fn hopeless_plans_end() {
        let limit = threshold(1_000_000_000, 1, 1);
        assert_eq!(plan_queries(&terms(0.6), limit, 0.05, 0.9).unwrap(), None);
        assert_eq!(plan_queries(&terms(0.6), limit, f64::NAN, 0.9).unwrap(), None);
    }
}
