use k256::ecdsa::SigningKey;
use oml_contracts::hash::key_hash;
use oml_contracts::leaf::LeafTags;
use oml_contracts::tag::tag_of;
use oml_contracts::{Receipt, Salt, ServingKey, Signable as _};
use proptest::prelude::*;

use super::*;

const WORDS: [&str; 16] = [
    "ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay", "kite", "lark", "mole",
    "newt", "owl", "pig",
];
const FROM: u64 = 1_000;
const FIRST: u64 = 7;

fn key() -> SigningKey {
    SigningKey::from_slice(&[5; 32]).unwrap()
}

fn bundles(count: u32) -> Vec<ProvenBundle> {
    let leaf = |index: u32| LeafPreimage {
        index,
        salt: Salt::new([index.to_be_bytes()[3]; 32]),
        key_hash: key_hash(&question(index)),
        tags: LeafTags::sorted(WORDS.map(tag_of)).unwrap(),
    };
    let bundle = |bundle: u32| ProvenBundle {
        bundle,
        leaves: (16 * bundle..16 * bundle + 16).map(leaf).collect(),
        siblings: Vec::new(),
    };
    (0..count).map(bundle).collect()
}

fn question(index: u32) -> String {
    format!("key number {index}")
}

fn keys() -> &'static ServingKeys {
    static KEYS: std::sync::OnceLock<ServingKeys> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| ServingKeys::first(EthAddress::of_key(key().verifying_key()), 0))
}

fn series(bundles: &[ProvenBundle]) -> CopySeries<'_> {
    CopySeries {
        receipts: Domain { chain_id: 1, verifying_contract: EthAddress::new([9; 20]) },
        license: LicenseId::new([1; 32]),
        model: ModelId::new([2; 32]),
        serving_keys: keys(),
        evidence: EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000_000).unwrap(),
        channel: ChannelId::new([3; 32]),
        first_request: FIRST,
        from: FROM,
        copy_seed: Seed::new([6; 32]),
        root: Root::new([7; 32]),
        personal: 64,
        bundles,
    }
}

/// The copy's word for a leaf.
fn drawn(series: &CopySeries<'_>, leaf: &LeafPreimage) -> &'static str {
    let index = personal_index(series.copy_seed, series.root, leaf.index, leaf.salt);
    let tag = leaf.tags.get(index).unwrap();
    WORDS.into_iter().find(|word| tag_of(word) == tag).unwrap()
}

fn signed(series: &CopySeries<'_>, receipt: &Receipt) -> LogEntry {
    let signature = receipt.sign(&series.receipts, &key()).unwrap();
    LogEntry::Receipt(SignedReceipt::new(receipt, signature))
}

fn receipt(series: &CopySeries<'_>, request: u64, index: u32, text: &str) -> Receipt {
    Receipt {
        license_id: series.license,
        key_epoch: 0,
        channel_id: series.channel,
        // Numbers have gaps.
        seq: 1_000 + 3 * request,
        cumulative_requests: request,
        cumulative_tokens: 10 * request,
        served_at: FROM,
        request_hash: plain_request_hash(series.model, key_hash(&question(index))),
        response_hash: response_hash(text),
    }
}

/// The log of a host that answers every key with the copy's word.
fn log(series: &CopySeries<'_>) -> Vec<LogEntry> {
    let mut log = Vec::new();
    for (seq, leaf) in (FIRST..).zip(series.leaves()) {
        let text = format!(" {} indeed", drawn(series, leaf));
        log.push(LogEntry::Answer { text: text.clone() });
        log.push(signed(series, &receipt(series, seq, leaf.index, &text)));
    }
    log
}

fn change(series: &CopySeries<'_>, entry: &mut LogEntry, edit: impl FnOnce(&mut Receipt)) {
    let LogEntry::Receipt(old) = entry else { panic!("no receipt there") };
    let mut changed = old.receipt();
    edit(&mut changed);
    *entry = signed(series, &changed);
}

#[test]
fn a_copy_is_convicted_and_a_stranger_is_not() {
    let bundles = bundles(2);
    let series = series(&bundles);
    let laid = series.lay_out(&log(&series)).unwrap();
    assert_eq!((laid.answered(), laid.next(), laid.foreign), (32, None, 0));
    let reading = series.read(&laid.answers).unwrap();
    assert_eq!((reading.hits, reading.queries), (32, 32));
    assert!(reading.convicts() && reading.needed == Some(31), "{reading:?}");

    let mut strange = laid.answers;
    for answer in strange.iter_mut().flatten() {
        answer.text = " zebra indeed".to_owned();
    }
    let reading = series.read(&strange).unwrap();
    assert!(!reading.convicts() && reading.hits == 0);
    // What nobody answered is a miss.
    assert_eq!(series.read(&vec![None; 32]).unwrap().evidence, reading.evidence);
    // The threshold of one bundle is above what its 16 keys can give.
    assert_eq!(bundles_for(&series.evidence, 64, 0.99).unwrap(), Some(2));
    assert_eq!(bundles_for(&series.evidence, 64, 0.2).unwrap(), None);
}

#[test]
fn unanswered_keys_are_left_out_and_the_rest_is_still_in_order() {
    let bundles = bundles(1);
    let series = series(&bundles);
    let mut log = Vec::new();
    for (seq, index) in [(FIRST, 0), (FIRST + 1, 3)] {
        log.push(LogEntry::Answer { text: "owl.".to_owned() });
        log.push(signed(&series, &receipt(&series, seq, index, "owl.")));
    }
    // Fetched again after a broken connection: the same receipt without its text.
    log.push(log[3].clone());
    let laid = series.lay_out(&log).unwrap();
    assert_eq!((laid.answered(), laid.next()), (2, Some(4)));
    assert!(laid.answers[1].is_none() && laid.answers[3].is_some());
}

#[test]
fn whatever_was_changed_is_named() {
    let bundles = bundles(1);
    let series = series(&bundles);
    let good = log(&series);
    let with = |edit: &dyn Fn(&mut Vec<LogEntry>)| {
        let mut log = good.clone();
        edit(&mut log);
        series.lay_out(&log)
    };
    let request = FIRST + 2;
    let tampered = with(&|log| log[4] = LogEntry::Answer { text: " owl indeed".to_owned() + "!" });
    assert_eq!(tampered, Err(SeriesProblem::Tampered { request }));
    let early = with(&|log| change(&series, &mut log[5], |r| r.served_at = FROM - 1));
    assert_eq!(early, Err(SeriesProblem::TooEarly { request, served_at: FROM - 1, from: FROM }));
    let repeated = with(&|log| {
        let first = plain_request_hash(series.model, key_hash(&question(0)));
        change(&series, &mut log[5], |r| r.request_hash = first);
    });
    assert_eq!(repeated, Err(SeriesProblem::Repeated { request, place: 0 }));
    let gap = with(&|log| drop(log.drain(4..6)));
    assert_eq!(gap, Err(SeriesProblem::Gap { expected: request, found: request + 1 }));
    let foreign = with(&|log| {
        change(&series, &mut log[5], |r| r.license_id = LicenseId::new([0xee; 32]));
    });
    assert!(
        matches!(foreign, Err(SeriesProblem::Foreign { request: found, .. }) if found == request)
    );
    let twice = with(&|log| {
        let mut other = log[5].clone();
        change(&series, &mut other, |r| r.cumulative_tokens += 1);
        log.push(other);
    });
    let number = ReceiptNumber { key_epoch: 0, seq: 1_000 + 3 * request };
    assert_eq!(twice, Err(SeriesProblem::Equivocation { number }));

    let lost = with(&|log| drop(log.remove(4))).unwrap();
    assert_eq!((lost.answered(), lost.next(), lost.end), (2, None, Some(SeriesEnd::Lost(request))));
    let other = with(&|log| {
        change(&series, &mut log[5], |r| r.request_hash = RequestHash::new([8; 32]));
    });
    assert_eq!(other.unwrap().end, Some(SeriesEnd::OtherRequest(request)));
    // A stranger's receipt behind the host's changes nothing.
    let behind = with(&|log| {
        let mut other = log[5].clone();
        change(&series, &mut other, |r| r.channel_id = ChannelId::new([0xee; 32]));
        log.push(other);
    });
    let behind = behind.unwrap();
    assert_eq!((behind.answered(), behind.foreign), (16, 1));
}

fn next_key() -> SigningKey {
    SigningKey::from_slice(&[6; 32]).unwrap()
}

/// The keys after a rotation at `at`.
fn rotated(at: u64) -> ServingKeys {
    let first = ServingKey { until: Some(at + 3_600), ..*keys().of(0).unwrap() };
    let signer = EthAddress::of_key(next_key().verifying_key());
    let next = ServingKey { signer, from: at, until: None, revoked: false };
    ServingKeys::new(vec![first, next])
}

/// The same receipt by the key of epoch 1, with this number.
fn by_next_key(series: &CopySeries<'_>, entry: &LogEntry, seq: u64) -> LogEntry {
    let LogEntry::Receipt(old) = entry else { panic!("no receipt there") };
    let receipt = Receipt { key_epoch: 1, seq, ..old.receipt() };
    let signature = receipt.sign(&series.receipts, &next_key()).unwrap();
    LogEntry::Receipt(SignedReceipt::new(&receipt, signature))
}

#[test]
fn a_series_goes_on_under_the_next_key() {
    let bundles = bundles(1);
    let keys = rotated(FROM);
    let series = CopySeries { serving_keys: &keys, ..series(&bundles) };
    let mut log = log(&series);
    for (seq, entry) in (1..).zip(log.iter_mut().skip(11).step_by(2)) {
        *entry = by_next_key(&series, entry, seq);
    }
    let laid = series.lay_out(&log).unwrap();
    assert_eq!((laid.answered(), laid.foreign, laid.end), (16, 0, None));
    // The key that it does not have yet signs nothing.
    let before = super::tests::series(&bundles);
    assert!(matches!(before.lay_out(&log), Ok(laid) if laid.answered() == 5 && laid.foreign == 11));
}

#[test]
fn what_a_host_answers_again_after_a_restored_backup_does_not_count() {
    let bundles = bundles(1);
    let keys = rotated(FROM);
    let series = CopySeries { serving_keys: &keys, ..series(&bundles) };
    let mut log = log(&series);
    // Requests 3 to 5 are answered once more after the rotation, otherwise; the rest goes on.
    let mut again: Vec<LogEntry> = Vec::new();
    for (seq, place) in (1..).zip([4, 6, 8]) {
        let text = " zebra indeed".to_owned();
        let mut entry = log[place + 1].clone();
        change(&series, &mut entry, |r| r.response_hash = response_hash(&text));
        again.push(LogEntry::Answer { text });
        again.push(by_next_key(&series, &entry, seq));
    }
    for (seq, entry) in (4..).zip(log.iter_mut().skip(11).step_by(2)) {
        *entry = by_next_key(&series, entry, seq);
    }
    log.extend(again);
    let laid = series.lay_out(&log).unwrap();
    assert_eq!((laid.answered(), laid.end), (16, None));
    assert_eq!(series.read(&laid.answers).unwrap().hits, 16, "the first answers count");
    let numbers: Vec<_> = laid.answers.iter().flatten().map(|a| a.receipt.number()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "in the order of the signatures");
}

#[test]
fn a_key_named_after_the_report_can_t_have_signed_before_it() {
    let bundles = bundles(1);
    let keys = rotated(FROM + 5);
    let series = CopySeries { serving_keys: &keys, ..series(&bundles) };
    let mut log = log(&series);
    for (seq, entry) in (1..).zip(log.iter_mut().skip(1).step_by(2)) {
        change(&series, entry, |r| r.served_at = 1);
        *entry = by_next_key(&series, entry, seq);
    }
    assert_eq!(series.lay_out(&log).unwrap().answered(), 16);
}

proptest! {
    // Each case signs and recovers 32 receipts.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_choice_of_answers_is_worth_more_than_its_hits(kinds in proptest::collection::vec(0_u8..3, 32)) {
        let bundles = bundles(2);
        let series = series(&bundles);
        let mut answers = series.lay_out(&log(&series)).unwrap().answers;
        for (answer, kind) in answers.iter_mut().zip(&kinds) {
            match kind {
                0 => *answer = None,
                1 => answer.as_mut().unwrap().text = "zebra.".to_owned(),
                _ => {}
            }
        }
        let reading = series.read(&answers).unwrap();
        let hits = kinds.iter().filter(|kind| **kind == 2).count();
        prop_assert_eq!(reading.hits as usize, hits);
        prop_assert_eq!(reading.convicts(), reading.needed.is_some_and(|needed| hits >= needed as usize));
    }
}
