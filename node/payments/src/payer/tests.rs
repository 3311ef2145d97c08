use super::*;
use crate::evidence::{ProofContext, ReceiptProof, proofs};
use crate::log::{EvidenceLog, LogEntry, replay};
use crate::price::Price;
use k256::ecdsa::SigningKey;
use oml_contracts::hash::response_hash;
use oml_contracts::{ModelId, Receipt, ReceiptNumber, Salt, ServingKey, ServingKeys};

fn serving_key() -> SigningKey {
    SigningKey::from_slice(&[0x5e; 32]).unwrap()
}

fn payer_key() -> SigningKey {
    SigningKey::from_slice(&[0x11; 32]).unwrap()
}

fn channel() -> PayerChannel {
    PayerChannel {
        chain_id: 1,
        escrow: EthAddress::new([0xe5; 20]),
        proofs: EthAddress::new([0xc4; 20]),
        license_id: LicenseId::new([0x1c; 32]),
        model_id: ModelId::new([0x3d; 32]),
        serving_keys: ServingKeys::first(EthAddress::of_key(serving_key().verifying_key()), 500),
        payer: EthAddress::of_key(payer_key().verifying_key()),
        signer: EthAddress::ZERO,
        salt: Salt::ZERO,
        price: Price {
            currency: EthAddress::ZERO,
            per_request: Amount::new(5),
            per_thousand_tokens: Amount::new(1_000),
        },
    }
}

fn voucher(state: &PayerState) -> SignedVoucher {
    let next = state.next_voucher(&channel(), 100, RequestHash::new([7; 32])).unwrap();
    channel().sign(&next, &payer_key()).unwrap()
}

fn receipt_of(number: u64, tokens: u64, change: impl FnOnce(&mut Receipt)) -> SignedReceipt {
    let mut receipt = Receipt {
        license_id: channel().license_id,
        key_epoch: 0,
        channel_id: channel().id(),
        // Numbers have gaps.
        seq: 10 * number,
        cumulative_requests: number,
        cumulative_tokens: tokens,
        served_at: 1_000,
        request_hash: RequestHash::new([7; 32]),
        response_hash: response_hash("the answer"),
    };
    change(&mut receipt);
    let signature = receipt.sign(&channel().receipt_domain(), &serving_key()).unwrap();
    SignedReceipt::new(&receipt, signature)
}

#[test]
fn vouchers_never_fall() {
    let mut state = PayerState::default();
    let first = state.next_voucher(&channel(), 100, RequestHash::ZERO).unwrap();
    assert_eq!((first.cumulative_requests, first.cumulative_tokens), (1, 100));
    assert_eq!(first.cumulative_amount, Amount::new(105));
    state.promised_amount = Amount::new(900);
    state.promised_tokens = 895;
    (state.requests, state.tokens) = (1, 40);
    let second = state.next_voucher(&channel(), 10, RequestHash::ZERO).unwrap();
    assert_eq!((second.cumulative_tokens, second.cumulative_amount), (895, Amount::new(905)));
    state.tokens = u64::MAX;
    assert_eq!(state.next_voucher(&channel(), 1, RequestHash::ZERO), None);
}

#[test]
fn a_receipt_is_believed_only_if_everything_fits() {
    let newest = Some(ReceiptNumber { key_epoch: 0, seq: 29 });
    let state = PayerState { newest, requests: 2, tokens: 500, ..PayerState::default() };
    let voucher = voucher(&state);
    let judged = |receipt: &SignedReceipt| {
        judge(
            receipt,
            &Expectation {
                channel: &channel(),
                state: &state,
                voucher: &voucher,
                prompt_bytes: 6,
                answer: Some("the answer"),
                now: Some(1_000),
            },
        )
    };
    assert_eq!(judged(&receipt_of(3, 520, |_| {})), Ok(()));
    assert_eq!(judged(&receipt_of(3, 500, |r| r.served_at = 1_300)), Ok(()));
    assert_eq!(judged(&receipt_of(3, 500, |r| r.served_at = 700)), Ok(()));
    let cases = [
        (receipt_of(3, 520, |r| r.license_id = LicenseId::ZERO), "license"),
        (receipt_of(3, 520, |r| r.channel_id = ChannelId::ZERO), "channel"),
        (
            receipt_of(3, 520, |r| r.request_hash = RequestHash::ZERO),
            "not for the one that was sent",
        ),
        (receipt_of(3, 520, |r| r.response_hash = response_hash("other")), "response hash"),
        (receipt_of(4, 520, |_| {}), "expected 3"),
        (receipt_of(3, 520, |r| r.seq = 29), "29 of epoch 0 does not follow"),
        (receipt_of(3, 520, |r| r.key_epoch = 1), "has keys of 1 epochs"),
        (receipt_of(3, 520, |r| r.served_at = 499), "good from 500 until now"),
        (receipt_of(3, 520, |r| r.served_at = 699), "well before it was asked"),
        (receipt_of(3, 499, |_| {}), "fewer than the 500"),
        // 6 bytes of prompt, 10 of answer, 64 for control tokens.
        (receipt_of(3, 581, |_| {}), "allow 80"),
        (receipt_of(3, 520, |r| r.served_at = 1_301), "well after the chain's time"),
    ];
    for (receipt, expected) in cases {
        let problem = judged(&receipt).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem} has no {expected:?}");
    }
    let mut forged = receipt_of(3, 520, |_| {});
    forged.cumulative_tokens = 521;
    assert!(matches!(judged(&forged), Err(ReceiptProblem::WrongSigner { .. })));
}

#[test]
fn a_log_knows_where_to_go_on() {
    let mut state = PayerState::default();
    let first = voucher(&state);
    let served = receipt_of(1, 30, |_| {});
    state = PayerState::after(&served, &first);
    let failed = voucher(&state);
    let entries = [
        LogEntry::Channel(channel()),
        LogEntry::Voucher(first),
        LogEntry::Receipt(served),
        LogEntry::Voucher(failed),
        // Not the serving key's word.
        LogEntry::Receipt({
            let mut forged = receipt_of(2, 60, |_| {});
            forged.cumulative_tokens = 61;
            forged
        }),
    ];
    assert_eq!(replay(&channel(), &entries), state);
    let json = serde_json::to_string(&entries).unwrap();
    assert_eq!(serde_json::from_str::<Vec<LogEntry>>(&json).unwrap(), entries);
}

#[test]
fn proofs_are_found_where_the_contract_would_accept_them() {
    let at = ProofContext {
        // Two requests at 5, 60 tokens at 1 each.
        declared: Amount::new(70),
        settlement_period: 100,
        term_end: 2_000,
        now: 1_101,
    };
    let good = [receipt_of(1, 30, |_| {}), receipt_of(2, 60, |_| {})];
    assert_eq!(proofs(&channel(), &good, &at), []);
    // The same receipt twice is no equivocation.
    assert_eq!(proofs(&channel(), &[good[0].clone(), good[0].clone()], &at), []);
    let twin = receipt_of(2, 61, |_| {});
    let late = receipt_of(3, 61, |r| r.served_at = 2_001);
    let found = proofs(&channel(), &[good[1].clone(), twin.clone(), late.clone()], &at);
    assert_eq!(
        found,
        [
            ReceiptProof::Equivocation { a: Box::new(good[1].clone()), b: Box::new(twin.clone()) },
            ReceiptProof::UnderMetering { receipt: Box::new(twin.clone()) },
            ReceiptProof::OutOfTerm { receipt: Box::new(late) },
        ]
    );
    // A receipt by the key of another epoch with the same number is no twin.
    let mut keys = channel();
    keys.serving_keys = rotated(900);
    let other = by_next_key(receipt_of(2, 60, |r| r.seq = 20).receipt());
    let declared = ProofContext { declared: Amount::new(1_000), ..at };
    assert_eq!(proofs(&keys, &[good[1].clone(), other.clone()], &declared), []);
    // A key named after the term can't have signed in it.
    let after = ProofContext { term_end: 800, ..declared };
    let dated_back = by_next_key(Receipt { served_at: 700, ..other.receipt() });
    let found = proofs(&keys, std::slice::from_ref(&dated_back), &after);
    assert_eq!(found, [ReceiptProof::OutOfTerm { receipt: Box::new(dated_back) }]);
    // There is still time to settle.
    let early = ProofContext { now: 1_100, ..at };
    assert_eq!(proofs(&channel(), std::slice::from_ref(&twin), &early), []);
    let mut forged = twin;
    forged.served_at = 9_999;
    assert_eq!(proofs(&channel(), &[forged], &at), [], "not signed by the serving key");
}

#[tokio::test]
async fn a_log_that_a_crash_cut_short_goes_on_from_its_last_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channel.payments.jsonl");
    let (log, _) = EvidenceLog::open(&path, &channel()).await.unwrap();
    let state = PayerState::default();
    let paid = LogEntry::Voucher(voucher(&state));
    let answer = LogEntry::Answer { text: "the answer".to_owned() };
    let signed = LogEntry::Receipt(receipt_of(1, 50, |_| {}));
    log.append_all(&[paid.clone(), answer.clone(), signed.clone()]).await.unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let entries = vec![LogEntry::Channel(channel()), paid, answer, signed];

    // Whatever part of one more line was written, it is taken off, and the next one does not run
    // into it.
    let line = serde_json::to_string(&LogEntry::Receipt(receipt_of(2, 90, |_| {}))).unwrap();
    for cut in [1, line.len() / 2, line.len() - 1] {
        std::fs::write(&path, whole.clone() + &line[..cut]).unwrap();
        assert_eq!(EvidenceLog::read(&path).await.unwrap(), entries);
        let (log, state) = EvidenceLog::open(&path, &channel()).await.unwrap();
        assert_eq!(state.requests, 1);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
        log.append(&entries[1]).await.unwrap();
        assert_eq!(EvidenceLog::read(&path).await.unwrap().len(), entries.len() + 1);
    }
    // A line that lacks nothing but its end is an entry.
    std::fs::write(&path, whole.trim_end()).unwrap();
    EvidenceLog::open(&path, &channel()).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
}

fn next_serving_key() -> SigningKey {
    SigningKey::from_slice(&[0x5f; 32]).unwrap()
}

/// The keys after a rotation.
fn rotated(at: u64) -> ServingKeys {
    let first = ServingKey { until: Some(at + 100), ..*channel().serving_keys.of(0).unwrap() };
    let signer = EthAddress::of_key(next_serving_key().verifying_key());
    ServingKeys::new(vec![first, ServingKey { signer, from: at, until: None, revoked: false }])
}

fn by_next_key(receipt: Receipt) -> SignedReceipt {
    let receipt = Receipt { key_epoch: 1, ..receipt };
    let signature = receipt.sign(&channel().receipt_domain(), &next_serving_key()).unwrap();
    SignedReceipt::new(&receipt, signature)
}

#[test]
fn a_receipt_is_that_of_its_epochs_key() {
    let mut channel = channel();
    channel.serving_keys = rotated(900);
    let state = PayerState { requests: 2, tokens: 500, ..PayerState::default() };
    let voucher = voucher(&state);
    let judged = |receipt: &SignedReceipt, state: &PayerState| {
        let answer = Some("the answer");
        let (voucher, now) = (&voucher, Some(1_000));
        let channel = &channel;
        judge(receipt, &Expectation { channel, state, voucher, prompt_bytes: 6, answer, now })
    };
    // The old key has until 1,000.
    assert_eq!(judged(&receipt_of(3, 520, |_| {}), &state), Ok(()));
    let late = receipt_of(3, 520, |r| r.served_at = 1_001);
    assert!(matches!(judged(&late, &state), Err(ReceiptProblem::OutsideKey { epoch: 0, .. })));
    let next = by_next_key(receipt_of(3, 520, |r| r.seq = 0).receipt());
    assert_eq!(judged(&next, &state), Ok(()));
    // The old key says that it is of the new epoch.
    let posing = receipt_of(3, 520, |r| r.key_epoch = 1);
    assert!(matches!(judged(&posing, &state), Err(ReceiptProblem::WrongSigner { epoch: 1, .. })));
    // After a receipt of the new epoch none of the old one is believed, whatever its number.
    let after = PayerState { newest: Some(next.number()), ..state };
    let old = receipt_of(3, 520, |r| r.seq = u64::MAX);
    assert!(matches!(judged(&old, &after), Err(ReceiptProblem::NumberFell { .. })));
}

#[test]
fn proofs_by_a_revoked_key_lapse() {
    let mut channel = channel();
    let stolen =
        ServingKey { until: Some(1_050), revoked: true, ..*channel.serving_keys.of(0).unwrap() };
    channel.serving_keys = ServingKeys::new(vec![stolen]);
    // Dated far ahead: it is due a settlement period after the revocation all the same.
    let ahead = receipt_of(1, 30, |r| r.served_at = 9_999_999);
    let at = |now| ProofContext {
        declared: Amount::ZERO,
        settlement_period: 100,
        term_end: u64::MAX,
        now,
    };
    let found = |now| proofs(&channel, std::slice::from_ref(&ahead), &at(now)).len();
    let last = 1_150 + 7 * 86_400;
    assert_eq!([1_150, 1_151, last, last + 1].map(found), [0, 1, 1, 0]);
}
