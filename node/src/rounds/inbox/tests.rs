use super::*;
use crate::rounds::hand_out::seal_hand_out;
use crate::rounds::owner::TestedDeployment;
use crate::store::{BlockRef, ChainBatch, EventRow, Fact, RoundRow};
use alloy::primitives::{Address, B256};
use k256::ecdsa::SigningKey;
use oml_contracts::{RoundWord, Salt, Seed};

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

async fn inbox(now: u64) -> (Inbox, watch::Sender<Head>) {
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
    (Inbox::new(store, heads, ME, EncryptionKey::generate().unwrap(), DOMAIN), sender)
}

fn boxed(inbox: &Inbox, seat: u8, first_key: &str) -> Vec<u8> {
    let sealed = SealedRound {
        place: SeatPlace { round: ROUND, seat: SeatIndex(seat), prover: ME },
        account: EthAddress::of_key(signer().verifying_key()),
        deployment: deployment().commitment(),
        domain: DOMAIN,
    };
    let mut keys: Vec<String> = (1..8).map(|n| format!("key {n}")).collect();
    keys.insert(0, first_key.to_owned());
    let (seed, key) = (Seed::new([5; 32]), inbox.key.public());
    seal_hand_out(&sealed, seed, deployment(), keys, &signer(), &key).unwrap()
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
