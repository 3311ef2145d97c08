//! Rounds on a local chain: the owner's node, provers' nodes, and deployments of every kind.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod party;
mod world;

use std::collections::HashMap;
use std::time::Duration;

use oml_contracts::ledger::RoundIndex;
use oml_contracts::round::WordIndex;
use oml_contracts::{EthAddress, RoundId};
use oml_node::chain::{LedgerKind, LicenseStatus, LicenseView, RoundStatus};
use oml_node::rounds::LicenseWords;
use oml_node::store::SealOrderRow;

use party::{Party, secret};
use world::{Behaviour, COLLATERAL, Deployment, FEE, PAYER, PROVERS, World, deploy_service};

/// A wish for a round.
fn order(world: &World, name: &str, uri: &str) -> SealOrderRow {
    SealOrderRow {
        order_id: name.to_owned(),
        license_id: world.license_id,
        index: None,
        uri: uri.to_owned(),
        leak: false,
        access: None,
        payer: None,
        promise_bps: 500,
    }
}

/// The round that the n-th word of its kind seals.
fn round(world: &World, n: u8, leak: bool) -> RoundId {
    let words = LicenseWords::new(&secret(), world.license_id);
    let n = RoundIndex::new(n).unwrap();
    words.round(if leak { WordIndex::leak(n) } else { WordIndex::registered(n) })
}

async fn provers(world: &World) -> Vec<Party> {
    let mut parties = Vec::new();
    for place in 0..PROVERS.len() {
        let party = Party::prover(world, place).await;
        let inbox = world::serve(party.router.clone()).await;
        world.join(place, &inbox).await;
        parties.push(party);
    }
    parties
}

/// The license once its seed is drawn and its words are committed.
async fn seeded(world: &World) -> LicenseView {
    let reader = world.client().await.reader();
    for _ in 0..200 {
        let license = reader.license(world.license_id).await.unwrap();
        if !license.seed.is_zero() && !license.cases_root.is_zero() {
            return license;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the owner's node did not prepare the license");
}

async fn sealed(world: &World, round: RoundId) {
    let reader = world.client().await.reader();
    for _ in 0..200 {
        if reader.round(round).await.unwrap().status != RoundStatus::None {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("round {round} was not sealed");
}

async fn balance(world: &World, account: usize) -> u128 {
    use alloy::providers::Provider as _;
    let found = world.provider.get_balance(world.accounts[account].into()).await.unwrap();
    found.to()
}

async fn guilty(world: &World) -> (LicenseView, HashMap<String, String>, Deployment) {
    let license = seeded(world).await;
    let answers = world.embedded_answers(license.seed).await;
    let deployment = deploy_service(Behaviour::Serves(answers.clone())).await;
    world.go_into_service(&deployment.uri).await;
    (license, answers, deployment)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_serves_unpaid_is_convicted_and_who_asks_for_money_is_not() {
    let Some(anvil) = world::anvil_path() else { return };
    let world = World::create(anvil).await;
    let owner = Party::owner(&world).await;
    let provers = provers(&world).await;
    seeded(&world).await;

    // A host that asks for money: nothing moves but the premium.
    let honest = deploy_service(Behaviour::WantsPayment).await;
    world.go_into_service(&honest.uri).await;
    owner.store.put_seal_order(&order(&world, "honest", &honest.uri)).await.unwrap();
    let finding = world.opened(round(&world, 0, false)).await;
    assert!(!finding.convicted);
    assert_eq!((finding.kept, finding.gain.raw()), (0, 0));
    let reader = world.client().await.reader();
    let ledger = reader.ledger(world.license_id, LedgerKind::Registered).await.unwrap();
    assert_eq!((ledger.charged, ledger.opened), (1, 1));
    assert!(!honest.asked.lock().unwrap().is_empty(), "seats have asked");

    // The same copy for nothing on another registered deployment.
    let (_, answers, deployment) = guilty(&world).await;
    owner.store.put_seal_order(&order(&world, "guilty", &deployment.uri)).await.unwrap();
    let finding = world.opened(round(&world, 1, false)).await;
    assert!(finding.convicted, "{finding:?}");
    let license = reader.license(world.license_id).await.unwrap();
    assert_eq!(license.status, LicenseStatus::Terminated);
    let collateral = reader.collateral(&world.license).await.unwrap();
    assert_eq!(collateral.amount.get(), COLLATERAL / 2);
    // No key was asked twice, and only keys of the universe.
    let asked = deployment.asked.lock().unwrap().clone();
    let distinct: std::collections::HashSet<_> = asked.iter().collect();
    assert_eq!(distinct.len(), asked.len());
    assert!(asked.iter().all(|key| answers.contains_key(key)));
    // Seats collect what they earned.
    let paid = reader.round(finding.round).await.unwrap();
    assert_eq!(paid.payer, world.accounts[PAYER]);
    collected(&world, finding.round).await;
    for party in provers.into_iter().chain([owner]) {
        party.stop().await;
    }
}

/// Waits until no seat of a round has a fee to collect.
async fn collected(world: &World, round: RoundId) {
    let reader = world.client().await.reader();
    for _ in 0..200 {
        let view = reader.round(round).await.unwrap();
        let mut left = 0;
        for seat in (0..view.seats).map(oml_contracts::round::SeatIndex) {
            let kept = reader.sheet_hash(round, seat).await.unwrap();
            left += u32::from(kept != [0; 32] && !view.is_unpaid(seat));
        }
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("fees of round {round} were not collected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_and_a_lost_database_change_nothing_and_leaks_flag() {
    let Some(anvil) = world::anvil_path() else { return };
    let world = World::create(anvil).await;
    let owner = Party::owner(&world).await;
    let mut provers = provers(&world).await;
    let (_, answers, deployment) = guilty(&world).await;

    let first = round(&world, 0, false);
    owner.store.put_seal_order(&order(&world, "first", &deployment.uri)).await.unwrap();
    sealed(&world, first).await;
    // The owner's machine dies and comes back without its database; what is registered is found
    // again. A prover restarts in the middle.
    owner.stop().await;
    let owner = Party::owner(&world).await;
    let dir = provers.remove(0).stop().await;
    let again = Party::prover_in(&world, 0, dir).await;
    let inbox = world::serve(again.router.clone()).await;
    world.announce(0, &inbox).await;
    provers.push(again);
    let finding = world.opened(first).await;
    assert!(finding.convicted, "{finding:?}");

    // The next round takes another word, whatever the database has forgotten: here against a copy on
    // a deployment that nobody registered, which flags it and costs nothing.
    let leak = deploy_service(Behaviour::Serves(answers)).await;
    let wish = SealOrderRow { leak: true, ..order(&world, "leak", &leak.uri) };
    let before = balance(&world, PAYER).await;
    owner.store.put_seal_order(&wish).await.unwrap();
    let flagged = world.opened(round(&world, 0, true)).await;
    assert!(flagged.convicted, "{flagged:?}");
    assert!(before - balance(&world, PAYER).await >= 4 * FEE);
    let reader = world.client().await.reader();
    let collateral = reader.collateral(&world.license).await.unwrap();
    assert_eq!(collateral.amount.get(), COLLATERAL / 2);
    let second = reader.round(round(&world, 1, false)).await.unwrap();
    assert_eq!((second.status, second.payer), (RoundStatus::None, EthAddress::ZERO));
    for party in provers.into_iter().chain([owner]) {
        party.stop().await;
    }
}
