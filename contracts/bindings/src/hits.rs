//! How many hits a verdict needs.

use crate::evidence::{EvidenceError, EvidenceTerms, Log2, log2_floor};

/// Hits among `queries` personal fingerprints with which the evidence reaches the threshold; `None`
/// if not even all of them do.
///
/// # Errors
/// [`EvidenceError`] if the terms bound no error.
pub fn hits_needed(
    terms: &EvidenceTerms,
    threshold: Log2,
    queries: u32,
) -> Result<Option<u32>, EvidenceError> {
    terms.validate()?;
    let log2 = |raw: u64| i128::from(log2_floor(raw.into()).raw());
    let (hit, miss) = (log2(terms.personal_hit.raw()), log2(terms.personal_miss.raw()));
    // hits·hit + (queries − hits)·miss ≥ threshold, with miss < 0 < hit.
    let missing = i128::from(threshold.raw()) - i128::from(queries) * miss;
    let per_hit = hit - miss;
    let hits = missing.max(0).div_euclid(per_hit)
        + i128::from(missing.rem_euclid(per_hit) > 0 && missing > 0);
    Ok(u32::try_from(hits).ok().filter(|hits| *hits <= queries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{EValue, EvidenceCounts, threshold};
    use proptest::prelude::*;

    fn terms(rate: f64) -> EvidenceTerms {
        EvidenceTerms::for_rates(rate, 0.9, 16_384, 1_000_000_000).unwrap()
    }

    #[test]
    fn the_known_table_of_hits() {
        let limit = threshold(1_000_000_000, 1, 1);
        for (queries, hits) in [
            (9, None),
            (10, Some(10)),
            (12, Some(10)),
            (16, Some(12)),
            (24, Some(14)),
            (40, Some(18)),
        ] {
            assert_eq!(hits_needed(&terms(0.6), limit, queries).unwrap(), hits, "{queries}");
        }
    }

    proptest! {
        #[test]
        fn the_count_is_the_smallest_that_suffices(
            queries in 1_u32..300,
            rate in 0.2_f64..0.95,
            cases in 1_u32..5000,
        ) {
            let terms = terms(rate);
            let limit = threshold(terms.alpha_inverse, cases, 1);
            let reaches = |hits: u32| {
                let counts = EvidenceCounts {
                    personal_hits: hits,
                    personal_misses: queries - hits,
                    ..EvidenceCounts::default()
                };
                EValue::new(&terms).unwrap().with(counts).reaches(limit)
            };
            match hits_needed(&terms, limit, queries).unwrap() {
                Some(hits) => {
                    prop_assert!(reaches(hits));
                    prop_assert!(hits == 0 || !reaches(hits - 1));
                }
                None => prop_assert!(!reaches(queries)),
            }
        }
    }
}
