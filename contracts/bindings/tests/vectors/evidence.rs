//! Logarithms, evidence, ledgers.

use super::*;
use oml_contracts::ledger::{
    LedgerRules, LicenseLedger, Premium, RoundBet, RoundIndex, ledger_threshold,
};

pub(crate) fn evidence_values() -> Value {
    let one = 1_u64 << 32;
    let mut values: Vec<u64> = vec![1, 2, 3, one - 1, one, one + 1, 3 * one, u64::MAX];
    values.extend((0..24).map(|i| {
        let [x, y, z, w, shift, ..] = bytes("q32", i);
        (u64::from(u32::from_be_bytes([x, y, z, w])) << (shift % 32)).max(1)
    }));
    let integers: [u64; 10] = [1, 2, 3, 7, 16, 1_000, 2_048, 1_000_000, 1_000_000_000, u64::MAX];

    let counts =
        [(0_u16, 0_u16), (10, 10), (10, 12), (10, 13), (0, 16), (32, 32), (256, 256), (0, 256)];
    let bet = RoundBet::of_rounds();
    let limits = [(1_000_000_000_u64, 1_u32), (1_000_000_000, 2_048), (2, 1), (u64::MAX, 3)];
    // Bits of bias of the beacon, deployments.
    let choices = [(0_u8, 1_u32), (0, 2), (1, 3), (5, 4_096), (0, 0)];
    json!({
        "q32": column(&values, ToString::to_string),
        "log2Floor": column(&values, |x| log2_floor((*x).into()).raw().to_string()),
        "integer": column(&integers, ToString::to_string),
        "log2Ceil": column(&integers, |n| log2_ceil(u128::from(*n) << 32).raw().to_string()),
        "hits": column(&counts, |c| c.0.to_string()),
        "leaves": column(&counts, |c| c.1.to_string()),
        "evidence": column(&counts, |c| bet.evidence(c.0, c.1).raw().to_string()),
        "alphaInverse": column(&limits, |l| l.0.to_string()),
        "licenses": column(&limits, |l| l.1.to_string()),
        "threshold": column(&limits, |l| ledger_threshold(l.0, l.1).raw().to_string()),
        "biasBits": column(&choices, |c| c.0.to_string()),
        "deployments": column(&choices, |c| c.1.to_string()),
        "premium": column(&choices, |c| Premium::for_choices(c.0, c.1).bits().raw().to_string()),
    })
}

/// One ledger through openings out of order, with gaps, and beyond a conviction.
pub(crate) fn ledger() -> Value {
    let rules = LedgerRules::new(1_000_000_000, 2);
    let bet = RoundBet::of_rounds();
    // Hits that are left, of seven kept seats: 56 leaves.
    let openings =
        [(0_u8, 3_u16), (2, 20), (1, 0), (7, 24), (5, 30), (3, 56), (8, 12), (63, 56), (6, 56)];
    let mut ledger = LicenseLedger::default();
    let judged: Vec<_> = openings
        .iter()
        .map(|(index, kept)| {
            let index = RoundIndex::new(*index).unwrap();
            let judged = ledger.open(&rules, index, bet.gain(*kept, 56));
            ledger = judged.ledger;
            judged
        })
        .collect();
    assert!(judged.iter().any(|j| j.convicted) && judged.iter().any(|j| !j.convicted));
    json!({
        "premium": rules.premium.bits().raw().to_string(),
        "threshold": rules.threshold.raw().to_string(),
        "index": column(&openings, |o| o.0.to_string()),
        "kept": column(&openings, |o| o.1.to_string()),
        "gain": column(&openings, |o| bet.gain(o.1, 56).raw().to_string()),
        "logA": column(&judged, |j| j.ledger.log_a.raw().to_string()),
        "charged": column(&judged, |j| j.ledger.charged.to_string()),
        "convicted": column(&judged, |j| u8::from(j.convicted).to_string()),
    })
}
