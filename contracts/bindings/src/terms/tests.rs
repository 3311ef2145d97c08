use super::*;
use crate::address::EthAddress;
use crate::amount::{Amount, Bps};
use crate::ids::ModelId;

/// Terms that every test may start from.
fn terms() -> Terms {
    let bps = |bps| Bps::new(bps).unwrap();
    Terms {
        model_id: ModelId::new([1; 32]),
        epoch: 0,
        owner: EthAddress::new([2; 20]),
        currency: EthAddress::ZERO,
        license_fee: Amount::new(100),
        price_per_request: Amount::new(3),
        price_per_thousand_tokens: Amount::new(2_500),
        owner_share_bps: bps(3_000),
        collateral: Amount::new(1_000_000),
        min_collateral_ratio_bps: 10_000,
        duration: 86_400,
        delivery_period: 3_600,
        trial_period: 600,
        settlement_period: 3_600,
        thaw_period: 7_200,
        max_deployments: 2,
        evidence_levels: level::PROOF | level::ROUND,
        leak_liability: false,
        seats: 16,
        alpha_inverse: 1_000_000_000_000,
        slash: SlashTerms {
            equivocation_bps: bps(10_000),
            under_metering_bps: bps(10_000),
            out_of_term_bps: bps(10_000),
            unlicensed_model_bps: Bps::ZERO,
            unpaid_use_bps: bps(5_000),
            reporter_bps: bps(3_000),
            owner_bps: bps(4_000),
        },
        royalties: vec![Royalty { payee: EthAddress::new([7; 20]), bps: bps(500) }],
    }
}

#[test]
fn good_terms_pass_and_survive_json() {
    assert_eq!(terms().validate(), Ok(()));
    let json = serde_json::to_string(&terms()).unwrap();
    assert!(json.contains("\"pricePerThousandTokens\":\"2500\""), "{json}");
    assert_eq!(serde_json::from_str::<Terms>(&json).unwrap(), terms());
    let typo = json.replace("licenseFee", "licenseFe");
    assert!(serde_json::from_str::<Terms>(&typo).is_err());
    let share = json.replace("\"ownerShareBps\":3000", "\"ownerShareBps\":10001");
    let refused = serde_json::from_str::<Terms>(&share).unwrap_err();
    assert!(refused.to_string().contains("10001"), "{refused}");
}

#[test]
fn every_broken_rule_is_named() {
    let mut bad = terms();
    bad.owner = EthAddress::ZERO;
    bad.collateral = Amount::ZERO;
    bad.duration = MAX_PERIOD + 1;
    bad.thaw_period = bad.settlement_period;
    bad.evidence_levels = 0b10;
    bad.leak_liability = true;
    bad.license_fee = Amount::new(1 << 96);
    bad.alpha_inverse = 1;
    bad.slash.reporter_bps = Bps::new(6_001).unwrap();
    bad.royalties = vec![Royalty { payee: EthAddress::ZERO, bps: Bps::WHOLE }; 9];
    let errors = bad.validate().unwrap_err();
    assert_eq!(errors.len(), 12, "{errors:#?}");
    assert!(errors.contains(&TermsError::Zero("collateral")));
    let Terms { duration, .. } = terms();
    let long = Terms { trial_period: duration + 1, ..terms() };
    let error = TermsError::TrialTooLong { trial: duration + 1, duration };
    assert_eq!(long.validate(), Err(vec![error]));
    assert_eq!(Terms { trial_period: duration, ..terms() }.validate(), Ok(()));
    assert!(errors.contains(&TermsError::AlphaInverse(1)));
    assert!(errors.contains(&TermsError::SlashSplit(10_001)));
}

#[test]
fn level_2_needs_a_price_and_seats_that_are_judged() {
    let free = Terms {
        price_per_request: Amount::ZERO,
        price_per_thousand_tokens: Amount::ZERO,
        ..terms()
    };
    assert_eq!(free.validate(), Err(vec![TermsError::NoPrice]));
    let only_proofs = Terms { evidence_levels: level::PROOF, ..free };
    assert_eq!(only_proofs.validate(), Err(vec![TermsError::SeatsWithoutRounds(16)]));
    assert_eq!(Terms { seats: 0, ..only_proofs }.validate(), Ok(()));
    for seats in [0, 1, 5, 12, 40, 255] {
        let odd = Terms { seats, ..terms() };
        assert!(matches!(odd.validate().unwrap_err()[..], [TermsError::Seats(_)]), "{seats}");
    }
    let mut greedy = terms();
    greedy.slash.owner_bps = Bps::new(5_001).unwrap();
    assert_eq!(greedy.validate(), Err(vec![TermsError::SlashSplit(8_001)]));
}

#[test]
fn prices_round_down_once() {
    assert_eq!(terms().price_of(0, 1), Some(Amount::new(2)));
    assert_eq!(terms().price_of(2, 3), Some(Amount::new(6 + 7)));
    let dear = Terms { price_per_thousand_tokens: Amount::MAX, ..terms() };
    assert_eq!(dear.price_of(0, 1_000), Some(Amount::MAX));
    assert_eq!(dear.price_of(0, 1_001), None);
}
