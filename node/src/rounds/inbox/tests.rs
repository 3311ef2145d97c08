use super::*;
use crate::rounds::hand_out::seal_hand_out;
use crate::rounds::owner::TestedDeployment;
use crate::store::{BlockRef, ChainBatch, EventRow, Fact, RoundRow};
use alloy::primitives::{Address, B256};
use axum::body::Body;
use axum::http::Request;
use k256::ecdsa::SigningKey;
use oml_contracts::{RoundWord, Salt};
use std::sync::atomic::{AtomicUsize, Ordering};
use tower::ServiceExt as _;

const ME: EthAddress = EthAddress::new([7; 20]);
const ROUND: RoundId = RoundId::new([1; 32]);
const DOMAIN: Domain = Domain { chain_id: 31_337, verifying_contract: EthAddress::new([8; 20]) };

fn signer() -> SigningKey {
    SigningKey::from_slice(&[0x42; 32]).unwrap()
}

fn deployment() -> TestedDeployment {
    TestedDeployment {
        uri: "https://host.example".to_owned(),
        salt: Salt::new([2; 32]),
        access: None,
    }
}

const SEED: Seed = Seed::new([5; 32]);

/// Who sits on which seat, by the chain's draw.
#[derive(Debug)]
struct Drawn {
    seed: Option<Seed>,
    ours: Vec<u8>,
    asked: AtomicUsize,
}

#[async_trait]
impl Seats for Drawn {
    async fn sitter(
        &self,
        _row: &RoundRow,
        seat: SeatIndex,
        _head: &Head,
    ) -> Result<Option<Sitter>, ChainError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let prover = self.ours.contains(&seat.0).then_some(ME);
        Ok(self.seed.map(|seed| Sitter { seed, prover }))
    }
}

async fn inbox(now: u64) -> (Inbox, watch::Sender<Head>) {
    let drawn = Drawn { seed: Some(SEED), ours: vec![2, 3], asked: AtomicUsize::new(0) };
    inbox_of(now, Arc::new(drawn)).await
}

async fn inbox_of(now: u64, seats: Arc<dyn Seats>) -> (Inbox, watch::Sender<Head>) {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let row = RoundRow {
        round_id: ROUND,
        account: EthAddress::of_key(signer().verifying_key()),
        payer: ME,
        word: RoundWord::new([3; 32]),
        deployment: deployment().commitment(),
        seats: 4,
        beacon_round: 9,
        tickets: 10,
        answer_until: 100,
        open_until: 200,
        block: 1,
        opened_block: None,
    };
    let event = EventRow {
        block: 1,
        log_index: 0,
        tx_hash: B256::ZERO,
        contract: Address::ZERO,
        name: "RoundSealed".to_owned(),
        subject: ROUND.into(),
        topics: vec![],
        data: vec![],
        timestamp: 0,
    };
    let batch = ChainBatch {
        blocks: vec![BlockRef { number: 1, hash: B256::ZERO, timestamp: now }],
        events: vec![(event, Some(Fact::Round(row)))],
        window: 8,
    };
    store.apply(&batch).await.unwrap();
    let head = Head { number: 1, timestamp: now, ..Head::default() };
    let (sender, heads) = watch::channel(head);
    let key = EncryptionKey::generate().unwrap();
    (Inbox::new(store, seats, heads, ME, key, DOMAIN), sender)
}

fn boxed(inbox: &Inbox, seat: u8, first_key: &str) -> Vec<u8> {
    let sealed = SealContext {
        place: SeatPlace { round: ROUND, seat: SeatIndex(seat), prover: ME },
        account: EthAddress::of_key(signer().verifying_key()),
        deployment: deployment().commitment(),
        domain: DOMAIN,
    };
    let mut keys: Vec<String> = (1..8).map(|n| format!("key {n}")).collect();
    keys.insert(0, first_key.to_owned());
    seal_hand_out(&sealed, SEED, deployment(), keys, &signer(), &inbox.key.public()).unwrap()
}

#[tokio::test]
async fn the_first_box_stays_and_comes_again_unharmed() {
    let (inbox, _heads) = inbox(50).await;
    let first = boxed(&inbox, 2, "key 0");
    inbox.keep(ROUND, SeatIndex(2), &first).await.unwrap();
    inbox.keep(ROUND, SeatIndex(2), &first).await.unwrap();
    // Sealed anew after a restart of the owner's node.
    inbox.keep(ROUND, SeatIndex(2), &boxed(&inbox, 2, "key 0")).await.unwrap();
    let other = boxed(&inbox, 2, "another key");
    let refused = inbox.keep(ROUND, SeatIndex(2), &other).await.unwrap_err();
    assert!(matches!(refused, Refusal::Other), "{refused}");
}

#[tokio::test]
async fn what_is_not_for_this_seat_is_refused() {
    let (inbox, heads) = inbox(50).await;
    let given = boxed(&inbox, 2, "key 0");
    let unknown = inbox.keep(RoundId::new([9; 32]), SeatIndex(2), &given).await.unwrap_err();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let seat = inbox.keep(ROUND, SeatIndex(4), &given).await.unwrap_err();
    assert_eq!(seat.status(), StatusCode::NOT_FOUND);
    let moved = inbox.keep(ROUND, SeatIndex(1), &given).await.unwrap_err();
    assert_eq!(moved.status(), StatusCode::FORBIDDEN);
    let noise = inbox.keep(ROUND, SeatIndex(1), &[1; 300]).await.unwrap_err();
    assert_eq!(noise.status(), StatusCode::FORBIDDEN);
    heads.send_modify(|head| head.timestamp = 101);
    let late = inbox.keep(ROUND, SeatIndex(2), &given).await.unwrap_err();
    assert_eq!(late.status(), StatusCode::GONE);
}

#[tokio::test]
async fn only_seats_of_ours_by_the_chains_draw_are_kept() {
    let (inbox, _heads) = inbox(50).await;
    let others = inbox.keep(ROUND, SeatIndex(1), &boxed(&inbox, 1, "key 0")).await.unwrap_err();
    assert!(matches!(others, Refusal::NotOurs(_, SeatIndex(1))), "{others}");
    for seed in [None, Some(Seed::new([6; 32]))] {
        let drawn = Drawn { seed, ours: vec![2], asked: AtomicUsize::new(0) };
        let (inbox, _heads) = inbox_of(50, Arc::new(drawn)).await;
        let given = boxed(&inbox, 2, "key 0");
        let refused = inbox.keep(ROUND, SeatIndex(2), &given).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{seed:?}");
    }
}

#[tokio::test]
async fn a_flood_keeps_nothing_and_costs_no_read_of_the_chain() {
    let drawn = Arc::new(Drawn { seed: Some(SEED), ours: vec![2], asked: AtomicUsize::new(0) });
    let (inbox, _heads) = inbox_of(50, Arc::<Drawn>::clone(&drawn)).await;
    let mut given = boxed(&inbox, 2, "key 0");
    for place in 0..200 {
        let place = place % given.len();
        given[place] ^= 1;
        assert!(inbox.keep(ROUND, SeatIndex(2), &given).await.is_err());
        given[place] ^= 1;
    }
    assert_eq!(drawn.asked.load(Ordering::Relaxed), 0);
    let kept = inbox.store.hand_out(ROUND, SeatIndex(2), SEED).await.unwrap();
    assert_eq!(kept, None);
    inbox.keep(ROUND, SeatIndex(2), &given).await.unwrap();
    assert_eq!(drawn.asked.load(Ordering::Relaxed), 1);
}

async fn post_to(inbox: &Inbox, path: &str, body: String) -> StatusCode {
    let request = Request::post(path).header("content-type", "application/json");
    let request = request.body(Body::from(body)).unwrap();
    inbox.clone().router().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn requests_are_answered_by_what_is_wrong_with_them() {
    let (inbox, _heads) = inbox(50).await;
    let sealed = format!("0x{}", hex::encode(boxed(&inbox, 2, "key 0")));
    let good = json!({ "sealed": sealed }).to_string();
    let seat = |seat: &str| format!("/v1/rounds/{ROUND}/seats/{seat}");
    assert_eq!(post_to(&inbox, &seat("x"), good.clone()).await, StatusCode::BAD_REQUEST);
    assert_eq!(post_to(&inbox, &seat("300"), good.clone()).await, StatusCode::BAD_REQUEST);
    let no_hex = json!({ "sealed": "0xzz" }).to_string();
    assert_eq!(post_to(&inbox, &seat("2"), no_hex).await, StatusCode::BAD_REQUEST);
    let large = json!({ "sealed": "00".repeat(LARGEST + 4096) }).to_string();
    assert_eq!(post_to(&inbox, &seat("2"), large).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(post_to(&inbox, &seat("2"), good).await, StatusCode::ACCEPTED);
    let other = format!("0x{}", hex::encode(boxed(&inbox, 2, "another key")));
    let other = json!({ "sealed": other }).to_string();
    assert_eq!(post_to(&inbox, &seat("2"), other).await, StatusCode::CONFLICT);
}
