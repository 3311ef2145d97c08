//! Rounds on a local chain: the owner's node, provers' nodes, and deployments of every kind.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod party;
mod world;

use std::collections::HashMap;
use std::time::Duration;

use oml_contracts::hash::key_hash;
use oml_contracts::ledger::RoundIndex;
use oml_contracts::round::{
    RoundKind, SeatIndex, SheetTags, WordIndex, draw_bundles, keys_hash, round_seed, seat_ticket,
};
use oml_contracts::tag::tag_of;
use oml_contracts::{EthAddress, RoundId, Seed, Tag};
use oml_node::chain::{BeaconValue, LicenseStatus, LicenseView, RoundStatus};
use oml_node::rounds::LicenseWords;
use oml_node::store::{SealOrderRow, SheetRow};

use party::{Party, secret};
use tempfile::TempDir;
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
    let ledger = reader.ledger(world.license_id, RoundKind::Registered).await.unwrap();
    assert_eq!((ledger.charged, ledger.opened), (1, 1));
    assert!(!honest.asked.lock().unwrap().is_empty(), "seats have asked");

    world.next_day().await;
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
    let answered = reader.sheets(finding.round).await.unwrap().answered;
    collected(&world, finding.round, answered).await;
    for party in provers.into_iter().chain([owner]) {
        party.stop().await;
    }
}

/// Waits until the seats `paid` of a round are, and no prover has fees to take out.
async fn collected(world: &World, round: RoundId, paid: u32) {
    let reader = world.client().await.reader();
    for _ in 0..200 {
        let view = reader.round(round).await.unwrap();
        let mut are_out = true;
        for prover in &world.accounts {
            are_out &= reader.seat_fees(*prover).await.unwrap().is_zero();
        }
        if are_out && view.paid == paid {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("fees of round {round} were not taken out");
}

/// Seats of a round that have sent their sheet, as bits, once they are `count` or more.
async fn answered(world: &World, round: RoundId, count: u32) -> u32 {
    let reader = world.client().await.reader();
    for _ in 0..300 {
        let answered = reader.sheets(round).await.unwrap().answered;
        if answered.count_ones() >= count {
            return answered;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("fewer than {count} seats of round {round} have answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_are_paid_for_a_round_that_its_owner_leaves() {
    let Some(anvil) = world::anvil_path() else { return };
    let world = World::create(anvil).await;
    let owner = Party::owner(&world).await;
    let provers = provers(&world).await;
    seeded(&world).await;
    let honest = deploy_service(Behaviour::WantsPayment).await;
    world.go_into_service(&honest.uri).await;
    owner.store.put_seal_order(&order(&world, "left", &honest.uri)).await.unwrap();
    let id = round(&world, 0, false);
    sealed(&world, id).await;
    let all = u32::from(world.client().await.reader().round(id).await.unwrap().seats);
    let answered = answered(&world, id, all).await;
    owner.stop().await;
    world.next_day().await;
    collected(&world, id, answered).await;
    let round = world.client().await.reader().round(id).await.unwrap();
    assert_eq!(round.status, RoundStatus::Lapsed);
    for party in provers {
        party.stop().await;
    }
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
    let (listener, inbox) = world::listen().await;
    world.announce(0, &inbox).await;
    let again = Party::prover_in(&world, 0, dir).await;
    world::serve_on(listener, again.router.clone());
    provers.push(again);
    let finding = world.opened(first).await;
    assert!(finding.convicted, "{finding:?}");

    world.next_day().await;
    // The next round takes another word, whatever the database has forgotten: here against a copy
    // on a deployment that nobody registered, which flags it and costs nothing.
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

/// What draws a round, once it is on chain.
async fn drawn(world: &World, round: RoundId) -> Seed {
    sealed(world, round).await;
    let reader = world.client().await.reader();
    let view = reader.round(round).await.unwrap();
    for _ in 0..200 {
        if let BeaconValue::Ready(value) = reader.beacon(view.beacon_round).await.unwrap() {
            return round_seed(value, world.addresses.rounds, round);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("round {round} was not drawn");
}

/// The sheet of a seat that says whatever `says` makes of each key, and whose seat it is.
async fn written(
    world: &World,
    round: RoundId,
    seat: SeatIndex,
    says: impl Fn(&str) -> Tag,
) -> (usize, SheetRow) {
    let seed = drawn(world, round).await;
    let reader = world.client().await.reader();
    let view = reader.round(round).await.unwrap();
    let ticket = seat_ticket(&seed, seat, view.tickets);
    let prover = reader.holder_at(ticket, view.sealed_at).await.unwrap();
    let place = PROVERS.iter().position(|account| world.accounts[*account] == prover).unwrap();
    let (model, epoch) = (world.universe.model(), world.universe.epoch());
    let personal = reader.universe(model, epoch).await.unwrap().personal_count / 16;
    let today = u16::try_from(view.sealed_at / 86_400).unwrap();
    let mut burned = Vec::new();
    for bundle in 0..personal {
        let day = reader.burned_on(model, epoch, bundle).await.unwrap();
        burned.push(day.is_some_and(|day| day < today));
    }
    let drawn = draw_bundles(&seed, personal, view.seats / 2, |n| burned[n as usize]);
    let bundle = drawn[usize::from(seat.0 / 2)];
    let keys = world.universe.keys_of(bundle, seat).unwrap();
    let hashes: Vec<_> = keys.iter().map(|key| key_hash(key)).collect();
    let tags: Vec<Tag> = keys.iter().map(|key| says(key)).collect();
    let sheet = SheetRow {
        round_id: round,
        seat,
        seed,
        prover,
        keys: keys_hash(&hashes.try_into().unwrap()),
        tags: SheetTags(tags.try_into().unwrap()),
        transcript: serde_json::json!({}),
        settled: false,
    };
    (place, sheet)
}

/// Stops all provers: before they are handed anything.
async fn stopped(provers: Vec<Party>) -> Vec<TempDir> {
    let mut dirs = Vec::new();
    for party in provers {
        dirs.push(party.stop().await);
    }
    dirs
}

/// Starts provers with their stores, one of which has been given a sheet: as after a crash between
/// asking and sending.
async fn started_with(
    world: &World,
    dirs: Vec<TempDir>,
    place: usize,
    sheet: &SheetRow,
) -> Vec<Party> {
    let mut parties = Vec::new();
    for (n, dir) in dirs.into_iter().enumerate() {
        let (listener, inbox) = world::listen().await;
        world.announce(n, &inbox).await;
        let party = Party::prover_in(world, n, dir).await;
        if n == place {
            party.store.keep_sheet(sheet).await.unwrap();
        }
        world::serve_on(listener, party.router.clone());
        parties.push(party);
    }
    parties
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_lying_seat_neither_saves_nor_convicts() {
    let Some(anvil) = world::anvil_path() else { return };
    let world = World::create(anvil).await;
    let owner = Party::owner(&world).await;
    let parties = provers(&world).await;
    let license = seeded(&world).await;
    let answers = world.embedded_answers(license.seed).await;

    // A seat that is the owner's accomplice says what only the copy could say; it is struck.
    let honest = deploy_service(Behaviour::WantsPayment).await;
    world.go_into_service(&honest.uri).await;
    let first = round(&world, 0, false);
    let dirs = stopped(parties).await;
    owner.store.put_seal_order(&order(&world, "honest", &honest.uri)).await.unwrap();
    // The seal is undone, and comes again.
    sealed(&world, first).await;
    world.reorg(2).await;
    let told = |key: &str| tag_of(&answers[key]);
    let (place, sheet) = written(&world, first, SeatIndex(1), told).await;
    let parties = started_with(&world, dirs, place, &sheet).await;
    let finding = world.opened(first).await;
    assert!(!finding.convicted, "{finding:?}");
    assert_eq!((finding.hits[1].get(), finding.kept), (8, 0), "{finding:?}");

    world.next_day().await;
    // A seat that is the host's accomplice has seen nothing; the others are enough.
    let copy = deploy_service(Behaviour::Serves(answers.clone())).await;
    world.go_into_service(&copy.uri).await;
    let second = round(&world, 1, false);
    let dirs = stopped(parties).await;
    owner.store.put_seal_order(&order(&world, "copy", &copy.uri)).await.unwrap();
    let silent = |_: &str| Tag::new([0; 4]);
    let (place, sheet) = written(&world, second, SeatIndex(0), silent).await;
    let parties = started_with(&world, dirs, place, &sheet).await;
    let finding = world.opened(second).await;
    assert_eq!((finding.hits[0].get(), finding.kept), (0, 16), "{finding:?}");
    assert!(finding.gain.raw() > 0, "{finding:?}");
    // Only a conviction keeps a fee from a seat without hits.
    let silent = if finding.convicted { 1 } else { 0 };
    collected(&world, second, 0b1111 & !silent).await;
    for party in parties.into_iter().chain([owner]) {
        party.stop().await;
    }
}
