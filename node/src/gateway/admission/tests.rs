use k256::ecdsa::SigningKey;
use oml_contracts::{ModelId, Salt, ServingKeys};
use oml_payments::{PayerChannel, PayerState, Price};
use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_000_000;

fn key() -> SigningKey {
    SigningKey::from_slice(&[0x11; 32]).unwrap()
}

fn price() -> Price {
    Price {
        currency: EthAddress::ZERO,
        per_request: Amount::new(10),
        per_thousand_tokens: Amount::new(2_000),
    }
}

fn channel_ref() -> PayerChannel {
    PayerChannel {
        chain_id: 31_337,
        escrow: EthAddress::new([0xe5; 20]),
        proofs: EthAddress::new([0xc4; 20]),
        license_id: LicenseId::new([0x1c; 32]),
        model_id: ModelId::new([0x3d; 32]),
        serving_keys: ServingKeys::first(EthAddress::new([0x5e; 20]), 0),
        payer: EthAddress::of_key(key().verifying_key()),
        signer: EthAddress::ZERO,
        salt: Salt::new([1; 32]),
        price: price(),
    }
}

fn request() -> RequestUnits {
    RequestUnits { request_hash: RequestHash::new([9; 32]), prompt_tokens: 40, max_tokens: 60 }
}

/// A world in which the default voucher is accepted.
#[derive(Clone)]
struct World {
    license: ServedLicense,
    channel: Option<ChannelView>,
    ledger: ChannelLedger,
    limits: RiskLimits,
    voucher: Option<SignedVoucher>,
    now: u64,
}

impl World {
    fn new() -> Self {
        let ledger = ChannelLedger {
            requests: 3,
            tokens: 500,
            promised_amount: Amount::new(1_100),
            promised_tokens: 530,
            closing: false,
        };
        let voucher = voucher_for(&ledger, &request());
        Self {
            license: ServedLicense {
                license_id: channel_ref().license_id,
                active: true,
                expires_at: NOW + 1_000,
                price: price(),
                collateral: Amount::new(10_000),
                min_collateral_ratio_bps: 10_000,
            },
            channel: Some(ChannelView {
                deposited: Amount::new(5_000),
                claimed: Amount::new(200),
                thaw_end: 0,
                status: ChannelStatus::Open,
            }),
            ledger,
            limits: RiskLimits { expiry_margin_secs: 30, max_unsettled: Amount::new(2_000) },
            voucher: Some(voucher),
            now: NOW,
        }
    }

    fn decide(&self) -> Admission {
        decide(&AdmissionInput {
            escrow: &channel_ref().voucher_domain(),
            license: &self.license,
            voucher: self.voucher.as_ref(),
            channel: self.channel.as_ref(),
            ledger: &self.ledger,
            request: &request(),
            limits: &self.limits,
            now: self.now,
        })
    }

    /// Code of the decision, `accept` for an acceptance.
    fn outcome(&self) -> String {
        match self.decide() {
            Admission::Accept(_) => "accept".to_owned(),
            Admission::PaymentRequired(required) => required.error,
            Admission::Reject(refusal) => refusal.code().to_owned(),
        }
    }

    fn resign(&mut self, change: impl FnOnce(&mut oml_contracts::Voucher)) {
        let mut voucher = self.voucher.as_ref().unwrap().voucher();
        change(&mut voucher);
        self.voucher = Some(channel_ref().sign(&voucher, &key()).unwrap());
    }
}

fn voucher_for(ledger: &ChannelLedger, request: &RequestUnits) -> SignedVoucher {
    let state = PayerState {
        newest: None,
        requests: ledger.requests,
        tokens: ledger.tokens,
        promised_amount: ledger.promised_amount,
        promised_tokens: ledger.promised_tokens,
    };
    let channel = channel_ref();
    let next = state.next_voucher(&channel, request.reserved(), request.request_hash).unwrap();
    channel.sign(&next, &key()).unwrap()
}

#[test]
fn the_payers_smallest_voucher_is_accepted() {
    let accepted = Admitted { request: 4, tokens_before: 500, headroom: 100 };
    assert_eq!(World::new().decide(), Admission::Accept(accepted));
    // 4 requests and 600 tokens at 10 and 2 a token.
    assert_eq!(World::new().voucher.unwrap().cumulative_amount, Amount::new(40 + 1_200));
}

/// What makes the good world bad.
type Change = fn(&mut World);

#[test]
fn every_reason_has_its_code() {
    let cases: &[(&str, Change)] = &[
        ("accept", |_| {}),
        ("license_ended", |w| w.license.active = false),
        ("license_ended", |w| w.now = w.license.expires_at - 30),
        ("accept", |w| w.now = w.license.expires_at - 31),
        ("voucher_missing", |w| w.voucher = None),
        ("channel_unknown", |w| w.channel = None),
        ("channel_thawing", |w| w.channel.as_mut().unwrap().thaw_end = NOW + 50),
        ("channel_closed", |w| w.channel.as_mut().unwrap().status = ChannelStatus::Closed),
        ("channel_closing", |w| w.ledger.closing = true),
        ("wrong_sequence", |w| w.resign(|v| v.cumulative_requests = 3)),
        ("wrong_sequence", |w| w.resign(|v| v.cumulative_requests = 5)),
        ("tokens_too_low", |w| w.resign(|v| v.cumulative_tokens -= 1)),
        ("amount_too_low", |w| w.resign(|v| v.cumulative_amount = Amount::new(1_239))),
        ("accept", |w| w.resign(|v| v.cumulative_amount = Amount::new(2_200))),
        ("unsettled", |w| w.resign(|v| v.cumulative_amount = Amount::new(2_201))),
        ("deposit_too_low", |w| w.channel.as_mut().unwrap().deposited = Amount::new(1_239)),
        ("unsettled", |w| w.license.collateral = Amount::new(1_039)),
        ("wrong_request", |w| w.resign(|v| v.request_hash = RequestHash::new([8; 32]))),
        ("wrong_channel", |w| w.voucher.as_mut().unwrap().salt = Salt::new([2; 32])),
        ("wrong_channel", |w| w.license.license_id = LicenseId::new([2; 32])),
        ("bad_signature", |w| w.voucher.as_mut().unwrap().cumulative_tokens += 1),
        ("priceless", |w| w.resign(|v| v.cumulative_tokens = u64::MAX)),
    ];
    for (index, (expected, change)) in cases.iter().enumerate() {
        let mut world = World::new();
        if *expected == "priceless" {
            world.license.price.per_thousand_tokens = Amount::MAX;
        }
        change(&mut world);
        assert_eq!(world.outcome(), *expected, "case {index}");
    }
}

#[test]
fn a_session_key_signs_only_for_its_own_channel() {
    let session = SigningKey::from_slice(&[0x22; 32]).unwrap();
    let signer = EthAddress::of_key(session.verifying_key());
    let channel = PayerChannel { signer, ..channel_ref() };
    let mut world = World::new();
    let mut voucher = world.voucher.as_ref().unwrap().voucher();
    voucher.channel_id = channel.id();
    world.voucher = Some(channel.sign(&voucher, &session).unwrap());
    assert_eq!(world.outcome(), "accept");
    world.voucher = Some(channel.sign(&voucher, &key()).unwrap());
    assert_eq!(world.outcome(), "bad_signature", "the payer named a session key");
}

/// A payer that is a contract learns from the refusal how it can pay.
#[test]
fn a_signature_that_no_key_made_is_refused_with_what_a_contract_can_do() {
    let mut world = World::new();
    let signature = oml_contracts::Signature::new([0x5a; 65]);
    world.voucher.as_mut().unwrap().signature = signature;
    let Admission::Reject(refusal) = world.decide() else { panic!("not refused") };
    assert_eq!((refusal.status(), refusal.code()), (403, "bad_signature"));
    let text = refusal.to_string();
    assert!(text.contains("session key") && text.contains("EIP-1271"), "{text}");
}

#[test]
fn a_zero_payer_is_nobody() {
    let channel = PayerChannel { payer: EthAddress::ZERO, ..channel_ref() };
    let mut world = World::new();
    let mut voucher = world.voucher.as_ref().unwrap().voucher();
    voucher.channel_id = channel.id();
    let mut signed = channel.sign(&voucher, &key()).unwrap();
    signed.signature = oml_contracts::Signature::new([0; 65]);
    world.voucher = Some(signed);
    assert_eq!(world.outcome(), "bad_signature");
}

#[test]
fn an_answer_402_names_the_voucher_that_would_do() {
    let mut world = World::new();
    world.voucher = None;
    let Admission::PaymentRequired(answer) = world.decide() else { panic!("not 402") };
    let required = answer.required.unwrap();
    // Without a voucher the channel is unknown to the request, but the world's ledger is known.
    let mut voucher = World::new().voucher.unwrap().voucher();
    voucher.cumulative_requests = required.cumulative_requests;
    voucher.cumulative_tokens = required.cumulative_tokens;
    voucher.cumulative_amount = required.cumulative_amount;
    voucher.request_hash = required.request_hash;
    world.voucher = Some(channel_ref().sign(&voucher, &key()).unwrap());
    assert_eq!(world.outcome(), "accept");
    assert_eq!(answer.deposited, Some(Amount::new(5_000)));

    world.channel.as_mut().unwrap().thaw_end = NOW + 1;
    let Admission::PaymentRequired(answer) = world.decide() else { panic!("not 402") };
    assert_eq!(answer.required, None, "no voucher helps on a thawing channel");
}

#[test]
fn free_units_still_raise_the_amount() {
    let mut world = World::new();
    world.license.price.per_request = Amount::ZERO;
    world.license.price.per_thousand_tokens = Amount::ZERO;
    world.resign(|v| v.cumulative_amount = Amount::new(1_100));
    assert_eq!(world.outcome(), "amount_too_low");
    world.resign(|v| v.cumulative_amount = Amount::new(1_101));
    assert_eq!(world.outcome(), "accept");
}

#[test]
fn an_amount_that_the_payer_settled_itself_must_be_exceeded() {
    let mut world = World::new();
    world.channel.as_mut().unwrap().claimed = Amount::new(2_000);
    assert_eq!(world.outcome(), "amount_too_low");
    world.resign(|v| v.cumulative_amount = Amount::new(2_001));
    assert_eq!(world.outcome(), "accept");
}

#[test]
fn the_collateral_bounds_one_claim_as_on_chain() {
    let mut license = World::new().license;
    for (collateral, ratio, expected) in [
        (10_000, 10_000, 10_000),
        (10_000, 20_000, 5_000),
        (1, 3, 3_333),
        (7, 65_535, 1),
        (0, 1, 0),
    ] {
        license.collateral = Amount::new(collateral);
        license.min_collateral_ratio_bps = ratio;
        assert_eq!(license.covered(), Amount::new(expected), "{collateral} {ratio}");
    }
    license.collateral = Amount::MAX;
    license.min_collateral_ratio_bps = 1;
    assert_eq!(license.covered(), Amount::MAX);
}

proptest! {
    /// Whatever comes, an accepted voucher can be claimed after any voucher that was accepted
    /// before, and pays for all that will be served.
    #[test]
    fn accepted_vouchers_are_claimable(
        (requests, tokens) in (0_u64..5, 0_u64..700),
        amount in 0_u128..6_000,
        promised in (0_u128..2_000, 0_u64..700),
        claimed in 0_u128..2_000,
    ) {
        let mut world = World::new();
        world.ledger.promised_amount = Amount::new(promised.0);
        world.ledger.promised_tokens = promised.1.max(world.ledger.tokens);
        let channel = world.channel.as_mut().unwrap();
        channel.claimed = Amount::new(claimed);
        let channel = *channel;
        world.resign(|v| {
            v.cumulative_requests = requests;
            v.cumulative_tokens = tokens;
            v.cumulative_amount = Amount::new(amount);
        });
        if let Admission::Accept(accepted) = world.decide() {
            // The checks of PaymentEscrow.claim.
            prop_assert!(amount > channel.claimed.get() && amount > promised.0);
            prop_assert!(requests > world.ledger.requests && tokens >= promised.1);
            prop_assert!(Amount::new(amount) >= price().of(requests, tokens).unwrap());
            prop_assert!(Amount::new(amount) <= channel.deposited);
            prop_assert!(amount - channel.claimed.get() <= world.license.covered().get());
            // What goes on the receipt can be settled with it.
            prop_assert_eq!(accepted.request, requests);
            prop_assert!(accepted.tokens_before + accepted.headroom <= tokens);
            prop_assert!(accepted.headroom >= request().reserved());
        }
    }
}
