use super::fixed_point::square;
use super::*;
use alloy::primitives::Uint;
use proptest::prelude::*;

type Wide = Uint<1024, 16>;

/// Exact bounds of the fraction bits by interval squaring with 500 bits: an implementation that
/// shares no code with the one under test. Returns (lower, upper) of floor(2^32·log2(x/2^32)).
fn bounds(x: u128) -> (i64, i64) {
    let precision = 500_usize;
    let top = x.ilog2() as usize;
    let fraction = |round_up: bool| {
        let mut r = Wide::from(x) << (precision - top);
        let two = Wide::from(2) << precision;
        let mut bits = 0_i64;
        for _ in 0..32 {
            let exact = r * r;
            r = exact >> precision;
            if round_up && (r << precision) != exact {
                r += Wide::from(1);
            }
            let one = r >= two;
            if one {
                let odd = r.bit(0);
                r >>= 1;
                if round_up && odd {
                    r += Wide::from(1);
                }
            }
            bits = bits << 1 | i64::from(one);
        }
        bits
    };
    let whole = (top as i64 - 32) << 32;
    (whole + fraction(false), whole + fraction(true))
}

#[test]
fn logarithms_of_known_values() {
    assert_eq!(log2_floor(1 << 32), Log2::new(0));
    assert_eq!(log2_floor(1 << 63), Log2::new(31 << 32));
    assert_eq!(log2_floor(1), Log2::new(-32 << 32));
    assert_eq!(log2_floor(u64::MAX.into()), Log2::new((32 << 32) - 1));
    // k = 16, hit rate 0.6, alpha = 1e-9; multipliers rounded down before the logarithm.
    assert_eq!(log2_floor(41_231_686_041), Log2::new(14_014_626_058));
    assert_eq!(log2_floor(1_832_519_379), Log2::new(-5_277_736_091));
    assert_eq!(threshold(1_000_000_000, 1, 1), Log2::new(128_408_152_745));
    assert_eq!(log2_ceil(1 << 40), Log2::new(8 << 32));
}

#[test]
fn validity_is_exact() {
    let terms = |h, m| EvidenceTerms {
        personal_hit: Multiplier::new(h),
        personal_miss: Multiplier::new(m),
        shared_hit: Multiplier::new(h),
        shared_miss: Multiplier::new(m),
        assignment_p: 4096,
        alpha_inverse: 2,
    };
    let one = 1_u64 << 32;
    // h + 15·m = 16 exactly, in both parts as 4096/65536 = 1/16.
    assert_eq!(terms(8 * one + 8, (8 * one - 8) / 15).validate(), Ok(()));
    assert!(matches!(
        terms(8 * one + 9, (8 * one - 8) / 15).validate(),
        Err(EvidenceError::MeanAboveOne { part: "personal", .. })
    ));
    assert!(terms(one, 1).validate().is_err());
    assert!(terms(2 * one, 0).validate().is_err());
    assert!(terms(u64::MAX, one - 1).validate().is_err());
    assert!(EvidenceTerms { alpha_inverse: 1, ..terms(2 * one, 1) }.validate().is_err());
    assert!(EvidenceTerms { assignment_p: 0, ..terms(2 * one, 1) }.validate().is_err());
}

#[test]
fn evidence_adds_up() {
    let terms = EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000_000).unwrap();
    let limit = threshold(terms.alpha_inverse, 1, 1);
    let evidence = |personal_hits, personal_misses, shared_inside| {
        let counts = EvidenceCounts {
            personal_hits,
            personal_misses,
            shared_inside,
            ..EvidenceCounts::default()
        };
        EValue::new(&terms).unwrap().with(counts)
    };
    assert!(!evidence(9, 0, 0).reaches(limit), "{}", evidence(9, 0, 0).log2());
    assert!(evidence(10, 0, 0).reaches(limit), "{}", evidence(10, 0, 0).log2());
    assert!(evidence(10, 2, 0).reaches(limit), "10 of 12 reach 1e9");
    assert!(!evidence(10, 3, 0).reaches(limit), "10 of 13 do not");
    assert!(evidence(10, 3, 1).log2() > evidence(10, 3, 0).log2());
    assert!(EvidenceTerms::for_rates(0.05, 0.9, 16_384, 2).is_err());
    assert!(EvidenceTerms::for_rates(1.0, 0.9, 16_384, 2).is_err());
    assert!(EvidenceTerms::for_rates(f64::NAN, 0.9, 16_384, 2).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn floor_is_exact_and_ceil_is_above(x in prop_oneof![1..=u128::from(u64::MAX), 1..=u128::from(u32::MAX), 1_u128..1 << 96]) {
        let (low, high) = bounds(x);
        prop_assert_eq!(low, high, "interval arithmetic settles every bit");
        let floor = log2_floor(x).raw();
        prop_assert!(floor <= low, "never above the true value");
        prop_assert_eq!(floor, low, "and not below the floor either");
        prop_assert_eq!(log2_ceil(x).raw(), floor + i64::from(!x.is_power_of_two()));
    }

    #[test]
    fn squares_are_right(r in 1_u128 << 127..=u128::MAX) {
        let exact = Wide::from(r) * Wide::from(r);
        let (top, below) = square(r);
        prop_assert_eq!(Wide::from(top), exact >> 128);
        prop_assert_eq!(below, exact.bit(127));
    }

    #[test]
    fn rates_give_valid_terms(rate in 0.07_f64..0.999, shared in 0.3_f64..0.999) {
        prop_assert!(EvidenceTerms::for_rates(rate, shared, 16_384, 1_000_000).is_ok());
    }
}
