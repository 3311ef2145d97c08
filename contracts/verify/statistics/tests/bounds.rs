//! The reduced form of the report, and the e-value against exact arithmetic.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::path::Path;

use num_bigint::BigUint;
use oml_contracts::evidence::exact::{reaches, scaled_log2};
use oml_contracts::evidence::{
    EValue, EvidenceCounts, EvidenceTerms, Log2, Multiplier, exact, log2_ceil, log2_floor,
    threshold,
};
use oml_contracts::ledger::RoundBet;
use oml_statistics::exact::{adaptive, both_parts, many_cases, one_look, stopped};
use oml_statistics::simulate::{self, Trials};
use oml_statistics::{Counting, Null, sets, stream};
use proptest::prelude::*;

/// Both parts, one look and stopping at will, every n up to 64: exactly at most alpha.
#[test]
fn no_shipped_set_accuses_an_innocent_more_often_than_alpha() {
    for set in sets::shipped().unwrap() {
        for inverse in [2, 100, set.terms.alpha_inverse] {
            let limit = threshold(inverse, 1, 1);
            let most = BigUint::from(inverse);
            for null in [Null::personal(&set.terms), Null::shared(&set.terms)] {
                for n in 1..=64 {
                    let p = one_look(null, n, limit);
                    assert!(p.at_most_inverse(&most), "{} n {n} 1/{inverse}: {p}", set.name);
                }
                let ever = stopped(null, 64, limit);
                assert!(ever.at_most_inverse(&most), "{} 1/{inverse}: {ever}", set.name);
                assert!(!one_look(null, 64, limit).exceeds(&ever), "stopping only helps");
            }
        }
    }
}

/// Both parts in an order that an adversary chooses as it goes; the report does 64.
#[test]
fn an_adaptive_order_of_the_parts_does_not_help() {
    for set in sets::shipped().unwrap() {
        let terms = sets::at(set.terms, 100);
        let limit = threshold(100, 1, 1);
        let worst = adaptive(&terms, 16, limit);
        assert!(worst.at_most_inverse(&BigUint::from(100_u8)), "{}: {worst}", set.name);
        for (personal, shared) in [(16, 0), (0, 16), (9, 7)] {
            let p = both_parts(&terms, personal, shared, limit);
            assert!(!p.exceeds(&worst), "{}: {personal} and {shared} give {p}", set.name);
        }
        assert!(!stopped(Null::personal(&terms), 16, limit).exceeds(&worst));
        assert!(!stopped(Null::shared(&terms), 16, limit).exceeds(&worst));
    }
}

#[test]
fn many_cases_stay_within_alpha() {
    for set in sets::shipped().unwrap() {
        let terms = sets::at(set.terms, 100);
        let plain = many_cases(&terms, 32, 1024, Counting::Cases);
        assert!(plain.at_most_inverse(&BigUint::from(100_u8)), "{}: {plain}", set.name);
        assert!(!many_cases(&terms, 32, 1024, Counting::CasesTimesNext).exceeds(&plain));
    }
    // Where the sum comes closest to alpha: between half of it and all of it.
    for (inverse, rate, n) in sets::SHARPEST {
        let sum = many_cases(&sets::tuned(rate, inverse).unwrap(), n, 1024, Counting::Cases);
        assert!(sum.at_most_inverse(&BigUint::from(inverse)), "{sum}");
        assert!(!sum.at_most_inverse(&BigUint::from(2 * inverse)), "{sum}");
    }
}

#[test]
fn attacks_stay_below_alpha() {
    let (inverse, rate, n) = sets::SHARPEST[0];
    let terms = sets::tuned(rate, inverse).unwrap();
    let plan = Trials { trials: 4_000, seed: 1 };
    let ground = simulate::grinding(&terms, n, 4, plan);
    assert!(ground.before.share() <= ground.exact + ground.before.margin(ground.exact));
    assert!(ground.after.share() > 2.0 * ground.exact, "grinding after the draw pays: {ground:?}");
    let [none, plain, paid] = simulate::many_cases(&terms, n, 64, plan);
    assert!(none.share() > 0.02, "without the count luck pays: {none:?}");
    assert!(plain.share() <= 0.01 && paid.share() <= 0.01, "{plain:?} {paid:?}");
    let framed = simulate::coalition(&terms, n, 4, plan);
    for rate in [framed.random, framed.majority, framed.suppressing] {
        assert!(rate.share() <= 0.01, "{framed:?}");
    }
    let found = simulate::duplicates(plan);
    assert_eq!((found.accepted, found.most_per_leaf), (0, 1));
    assert!(found.hits_without_rule > 2_000, "{found:?}");
}

/// Licensees who compare their answers can frame another one at a deployment of their own: why such
/// evidence must not slash as it is.
#[test]
fn many_colluding_licensees_can_frame_at_their_own_deployment() {
    let terms = sets::shipped().unwrap()[0].terms;
    let plan = Trials { trials: 200, seed: 2 };
    let (few, _) = simulate::informed_coalition(&terms, 32, 1, plan);
    let (many, hit) = simulate::informed_coalition(&terms, 32, 16, plan);
    assert_eq!(few.accused, 0);
    assert!(hit > 0.5 && many.share() > 0.8, "{many:?}");
}

/// `OML_BLESS=1 cargo test -p oml-statistics` writes the vector anew; forge reads it too.
#[test]
fn the_stream_is_the_committed_one() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/evidence_stream.json");
    let hashes: Vec<String> =
        (0..100).map(|chunk| format!("0x{}", hex::encode(stream::digest(chunk)))).collect();
    // Both sides: rounds that gain and rounds that do not.
    let gains = (0..10_000).filter(|n| {
        let (hits, misses) = stream::input(*n).counts;
        RoundBet::of_rounds().evidence(hits.into(), u16::from(hits) + u16::from(misses))
            > Log2::new(0)
    });
    assert!((2_000..9_500).contains(&gains.count()));
    let fresh =
        serde_json::to_string_pretty(&serde_json::json!({ "digest": hashes })).unwrap() + "\n";
    if std::env::var_os("OML_BLESS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == fresh, "the vector differs; if that is meant, run with OML_BLESS=1");
}

prop_compose! {
    /// Valid terms: any hit multiplier, and the largest miss multiplier or less.
    fn terms()(
        personal in (1_u64 << 32) + 1..15 << 32,
        shared in (1_u64 << 32) + 1..3 << 32,
        less in (0_u64..1 << 20, 0_u64..1 << 20),
        assignment_p in prop_oneof![Just(16_384_u16), 1_u16..20_000],
        alpha_inverse in prop_oneof![2_u64..1_000, 2_u64..1_u64 << 40],
    ) -> EvidenceTerms {
        let p = u64::from(assignment_p);
        let shared = shared.min((65_535 << 32) / p);
        let miss = |limit: u64, less: u64| limit.saturating_sub(less).clamp(1, (1 << 32) - 1);
        let shared_limit = (65_536 * (1_u128 << 32) - u128::from(p) * u128::from(shared)) / u128::from(65_536 - p);
        EvidenceTerms {
            personal_hit: Multiplier::new(personal),
            personal_miss: Multiplier::new(miss((16 * (1 << 32) - personal) / 15, less.0)),
            shared_hit: Multiplier::new(shared),
            shared_miss: Multiplier::new(miss(u64::try_from(shared_limit).unwrap(), less.1)),
            assignment_p,
            alpha_inverse,
        }
    }
}

fn computed(terms: &EvidenceTerms, counts: EvidenceCounts) -> EValue {
    EValue::new(terms).unwrap().with(counts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 10_000 }))]

    /// The fixed-point verdict never accuses where the exact product does not, and accuses wherever
    /// the exact product is above the threshold by 2^-20.
    #[test]
    fn the_fixed_point_verdict_is_the_exact_one(
        terms in terms(),
        personal in (0_u32..64, 0_u32..64),
        shared in (0_u32..64, 0_u32..64),
        cases in 1_u32..1_000_000,
        licenses in 1_u32..1_000_000,
    ) {
        let counts = EvidenceCounts {
            personal_hits: personal.0,
            personal_misses: personal.1,
            shared_inside: shared.0,
            shared_outside: shared.1,
        };
        let upheld = computed(&terms, counts).reaches(threshold(terms.alpha_inverse, cases, licenses));
        let factor = BigUint::from(terms.alpha_inverse) * cases * licenses;
        prop_assert!(!upheld || reaches(&terms, counts, &factor), "accused below the threshold");
        let product = exact::product(&terms, counts);
        let clear = (product.numerator << 20_u32) >= (&factor * ((1_u32 << 20) + 1)) << product.bits;
        prop_assert!(!clear || upheld, "acquitted above the threshold");
    }

    /// At the threshold itself, where rounding decides: as many hits as just reach it.
    #[test]
    fn at_the_edge_only_the_accused_gains(terms in terms(), misses in 0_u32..40, cases in 1_u32..5_000) {
        let factor = BigUint::from(terms.alpha_inverse) * cases;
        let limit = threshold(terms.alpha_inverse, cases, 1);
        for hits in 0..64 {
            let counts = EvidenceCounts {
                personal_hits: hits,
                personal_misses: misses,
                ..EvidenceCounts::default()
            };
            if computed(&terms, counts).reaches(limit) {
                prop_assert!(reaches(&terms, counts, &factor));
                break;
            }
        }
    }

    /// The first 8 fractional bits of the logarithm, from the length of a power.
    #[test]
    fn logarithms_have_the_bits_of_powers(x in prop_oneof![1_u128..1 << 64, 1_u128..1 << 33, 1_u128..1 << 96]) {
        let bits = 8_u32;
        let exact = i64::try_from(scaled_log2(x, bits)).unwrap() - (32 << bits);
        prop_assert_eq!(log2_floor(x).raw() >> (32 - bits), exact);
        prop_assert!(log2_ceil(x).raw() >= log2_floor(x).raw());
    }

    /// Validity, in exact integers of any size.
    #[test]
    fn validity_is_the_exact_mean(hit in any::<u64>(), miss in any::<u64>(), p in any::<u16>()) {
        let terms = EvidenceTerms {
            personal_hit: Multiplier::new(2 << 32),
            personal_miss: Multiplier::new(1 << 31),
            shared_hit: Multiplier::new(hit),
            shared_miss: Multiplier::new(miss),
            assignment_p: p,
            alpha_inverse: 2,
        };
        let one = BigUint::from(1_u8) << 32;
        let (h, m) = (BigUint::from(hit), BigUint::from(miss));
        let mean = &h * p + &m * (65_536 - u32::from(p));
        let valid = p > 0 && h > one && m < one && miss > 0 && mean <= one * 65_536_u32;
        prop_assert_eq!(terms.validate().is_ok(), valid);
    }
}
