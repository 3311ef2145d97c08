//! Logarithms, validity, sums, thresholds.

use super::*;

pub(crate) fn evidence_values() -> Value {
    let one = 1_u64 << 32;
    let mut values: Vec<u64> = vec![1, 2, 3, one - 1, one, one + 1, 3 * one, u64::MAX];
    values.extend((0..24).map(|i| {
        let [x, y, z, w, shift, ..] = bytes("q32", i);
        (u64::from(u32::from_be_bytes([x, y, z, w])) << (shift % 32)).max(1)
    }));
    let integers: [u64; 10] = [1, 2, 3, 7, 16, 1_000, 2_048, 1_000_000, 1_000_000_000, u64::MAX];

    // (h, m, p, scale): at the limit, one above it, and out of order.
    let eight = 8 * one;
    let pairs = [
        (eight + 8, (eight - 8) / 15, 1_u32, 16_u32),
        (eight + 9, (eight - 8) / 15, 1, 16),
        (4 * one - 3, 1, 16_384, 65_536),
        (4 * one, 1, 16_384, 65_536),
        (one, 1, 1, 16),
        (one + 1, one, 1, 16),
        (one + 1, 0, 1, 16),
        (u64::MAX, one - 1, 1, 16),
        (one + 1, one - 1, 1, 65_536),
    ];
    let valid = |(h, m, p, scale): &(u64, u64, u32, u32)| {
        let wide = |x: u64| U256::from(x);
        let mean = U256::from(*p) * wide(*h) + U256::from(scale - p) * wide(*m);
        *h > one && *m < one && *m > 0 && mean <= U256::from(*scale) * wide(one)
    };
    for pair in &pairs {
        let (h, m, p, scale) = *pair;
        let (hit, miss) = (Multiplier::new(h), Multiplier::new(m));
        let terms = if scale == 16 {
            EvidenceTerms { personal_hit: hit, personal_miss: miss, ..evidence() }
        } else {
            let p = u16::try_from(p).unwrap();
            EvidenceTerms { shared_hit: hit, shared_miss: miss, assignment_p: p, ..evidence() }
        };
        assert_eq!(terms.validate().is_ok(), valid(pair), "{pair:?}");
    }

    let runs = [(0_u32, 0_u32), (10, 0), (10, 2), (10, 3), (0, 16), (32, 0), (255, 0), (0, 255)];
    let sums = runs.map(|(hits, misses)| {
        let counts = EvidenceCounts {
            personal_hits: hits,
            personal_misses: misses,
            ..EvidenceCounts::default()
        };
        EValue::new(&evidence()).unwrap().with(counts).log2()
    });
    let limits = [
        (1_000_000_000_u64, 1_u32, 1_u32),
        (1_000_000_000, 7, 2_048),
        (2, 1, 1),
        (u64::MAX, u32::MAX, 3),
    ];
    let terms = evidence();
    json!({
        "q32": column(&values, ToString::to_string),
        "log2Floor": column(&values, |x| log2_floor((*x).into()).raw().to_string()),
        "integer": column(&integers, ToString::to_string),
        "log2Ceil": column(&integers, |n| log2_ceil(u128::from(*n) << 32).raw().to_string()),
        "hit": column(&pairs, |p| p.0.to_string()),
        "miss": column(&pairs, |p| p.1.to_string()),
        "p0Numerator": column(&pairs, |p| p.2.to_string()),
        "p0Denominator": column(&pairs, |p| p.3.to_string()),
        "valid": column(&pairs, |p| u8::from(valid(p)).to_string()),
        "evidenceHit": terms.personal_hit.raw().to_string(),
        "evidenceMiss": terms.personal_miss.raw().to_string(),
        "hits": column(&runs, |r| r.0.to_string()),
        "misses": column(&runs, |r| r.1.to_string()),
        "evidence": column(&sums, |e| e.raw().to_string()),
        "alphaInverse": column(&limits, |l| l.0.to_string()),
        "cases": column(&limits, |l| l.1.to_string()),
        "licenses": column(&limits, |l| l.2.to_string()),
        "threshold": column(&limits, |l| threshold(l.0, l.1, l.2).raw().to_string()),
    })
}
