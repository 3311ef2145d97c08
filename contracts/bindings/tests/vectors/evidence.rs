//! Logarithms, evidence, ledgers.

use super::*;
use oml_contracts::ledger::{
    LedgerRules, LicenseLedger, Premium, RoundBet, RoundIndex, RoundSize, SheetHits, kept_hits,
    ledger_threshold,
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

/// A round of some size: what its sheets hit, what is left of that, and what the ledger gains.
struct Struck {
    size: RoundSize,
    hits: Vec<u8>,
    kept: u16,
    gain: i64,
}

impl Struck {
    fn new(size: RoundSize, hits: Vec<u8>) -> Self {
        let sheets: Vec<SheetHits> = hits.iter().map(|hits| SheetHits::new(*hits)).collect();
        let kept = kept_hits(size, &sheets);
        let mut sorted = hits.clone();
        sorted.sort_unstable();
        let fewest: u16 = sorted[..size.kept().into()].iter().map(|hits| u16::from(*hits)).sum();
        assert_eq!(kept, fewest, "the definition: the fewest hits of so many seats");
        let answered: Vec<SheetHits> = sheets.iter().copied().filter(|s| s.get() != 0).collect();
        assert_eq!(kept_hits(size, &answered), kept, "seats without a sheet need not be listed");
        let gain = RoundBet::of_rounds().gain_of_sheets(size, &sheets).raw();
        Self { size, hits, kept, gain }
    }
}

/// Rounds of one size: coalitions around the number that is struck, ties, and hits by chance.
fn strikes_of(size: RoundSize) -> Vec<Struck> {
    let (seats, struck) = (usize::from(size.seats()), usize::from(size.struck()));
    let liars = |count: usize, others: u8| {
        let mut hits = vec![8; count];
        hits.resize(seats, others);
        hits
    };
    let mut rounds = vec![
        liars(0, 0),
        liars(struck, 0),
        liars(struck + 1, 0),
        liars(struck, 1),
        liars(seats, 8),
        liars(0, 3),
        (0..seats).map(|seat| u8::try_from(seat % 9).unwrap()).collect(),
        (0..seats).map(|seat| u8::try_from(8 - seat % 9).unwrap()).collect(),
    ];
    rounds.extend((0..4).map(|i| {
        let word = bytes("hits", u32::from(size.seats()) * 16 + i);
        (0..seats).map(|seat| word[seat] % 9).collect()
    }));
    rounds.into_iter().map(|hits| Struck::new(size, hits)).collect()
}

/// The strike of every size, one word of hits for each round: a byte by seat, from the first on.
pub(crate) fn strikes() -> Value {
    let sizes: Vec<RoundSize> = [RoundSize::DEMO].into_iter().chain(RoundSize::OFFERED).collect();
    let rounds: Vec<Struck> = sizes.iter().flat_map(|size| strikes_of(*size)).collect();
    assert!(sizes.iter().all(|size| {
        let gains = rounds.iter().filter(|r| r.size == *size).map(|r| r.gain);
        gains.clone().any(|gain| gain > 0) && gains.clone().any(|gain| gain == 0)
    }));
    let word = |hits: &[u8]| {
        let mut word = [0; 32];
        word[..hits.len()].copy_from_slice(hits);
        hex(word)
    };
    json!({
        "size": column(&sizes, |size| size.seats().to_string()),
        "struck": column(&sizes, |size| size.struck().to_string()),
        "seats": column(&rounds, |r| r.size.seats().to_string()),
        "hits": column(&rounds, |r| word(&r.hits)),
        "kept": column(&rounds, |r| r.kept.to_string()),
        "gain": column(&rounds, |r| r.gain.to_string()),
    })
}
