//! How many fingerprints a check needs.

use oml_contracts::evidence::Log2;

use super::AnswerTerms;

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
#[must_use]
pub fn plan_queries(
    terms: &AnswerTerms,
    threshold: Log2,
    hit_rate: f64,
    power: f64,
) -> Option<QueryPlan> {
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
        if let Some(needed) = terms.hits_needed(threshold, queries) {
            let reached: f64 = next.drain(needed as usize..).sum();
            done += reached;
            weighted += reached * f64::from(queries);
        }
        if done >= power {
            let bundles = queries.div_ceil(16);
            return Some(QueryPlan { mean: weighted / done, queries, bundles });
        }
        open = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Comparisons;
    use crate::fingerprint::AnswersPerKey;

    fn planned(rate: f64, licenses: u32, power: f64) -> Option<QueryPlan> {
        let terms = AnswerTerms::new(AnswersPerKey::ONE, 1_000_000_000).unwrap();
        let limit = terms.threshold(Comparisons { cases: 1, licenses });
        plan_queries(&terms, limit, rate, power)
    }

    /// One bet on the true rate takes 10, 14, 21.2 and 29 on average; betting on seven costs two
    /// questions.
    #[test]
    fn not_knowing_the_rate_costs_little() {
        for (rate, licenses, mean) in
            [(0.9, 1, 10.9), (0.9, 2048, 14.6), (0.6, 1, 22.4), (0.6, 2048, 30.4)]
        {
            let plan = planned(rate, licenses, 0.999).unwrap();
            assert!((plan.mean - mean).abs() < 0.7, "{rate} among {licenses}: {}", plan.mean);
            assert!(plan.queries >= 10 && plan.bundles == plan.queries.div_ceil(16));
        }
    }

    #[test]
    fn hopeless_plans_end() {
        assert_eq!(planned(0.05, 1, 0.9), None);
        assert_eq!(planned(f64::NAN, 1, 0.9), None);
    }
}
