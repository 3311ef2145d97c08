//! Whole cases on anvil: the services of an owner and of three provers against the real contracts and a
//! deployment over HTTP.

mod party;
mod world;

use std::time::Duration;

use oml_contracts::{CaseId, EthAddress};
use oml_node::chain::{CaseStatus, CaseView, LicenseStatus};
use party::Party;
use world::{BOND, Behaviour, COLLATERAL, FEE, HOST, PROVERS, REPORTER, World, deploy_service};

async fn ended(world: &World, case: CaseId) -> CaseView {
    let reader = world.client().await.reader();
    let mut last = None;
    for _ in 0..240 {
        let view = reader.case_of(case).await.unwrap();
        if view.status.is_terminal() {
            return view;
        }
        if last != Some(view.status) {
            eprintln!("case {case}: {:?}", view.status);
            last = Some(view.status);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("case {case} did not end: {last:?}");
}

async fn credit(world: &World, account: usize) -> u128 {
    let reader = world.client().await.reader();
    reader.challenge_balance(EthAddress::ZERO, world.accounts[account]).await.unwrap().get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unpaid_use_is_upheld_and_a_paying_deployment_is_not() {
    let Some(anvil) = world::anvil_path() else { return };
    let world = World::create(anvil).await;
    let owner = Party::owner(&world).await;
    let owner_url = world::serve(owner.router.clone()).await;
    let mut provers = Vec::new();
    for place in 0..PROVERS.len() {
        provers.push(Party::prover(&world, place, &owner_url).await);
    }

    // The owner's node draws the seed by itself.
    let reader = world.client().await.reader();
    let mut license = reader.license(world.license_id).await.unwrap();
    for _ in 0..80 {
        if license.status == LicenseStatus::Seeded {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        license = reader.license(world.license_id).await.unwrap();
    }
    assert_eq!(license.status, LicenseStatus::Seeded);

    let answers = world.embedded_answers(license.seed, world.universe.root());
    let guilty = deploy_service(Behaviour::Serves(answers)).await;
    let honest = deploy_service(Behaviour::WantsPayment).await;
    let accused = world.go_into_service(&guilty.uri).await;
    let paying = world.declare(&honest.uri).await;

    // A deployment that asks for payment: every question is a miss, the bond goes to the host.
    let case = world.open_case(paying, 0).await;
    let view = ended(&world, case).await;
    assert_eq!(view.status, CaseStatus::Dismissed);
    assert_eq!((view.commits, view.reveals, view.hits), (3, 3, [0; 32]));
    assert_eq!(credit(&world, HOST).await, BOND);
    for prover in PROVERS {
        assert_eq!(credit(&world, prover).await, FEE);
    }
    assert_eq!(honest.asked.lock().unwrap().len(), 3 * usize::from(view.question_count));

    // The same copy without payment: every fingerprint is a hit.
    let case = world.open_case(accused, 1).await;
    let view = ended(&world, case).await;
    assert_eq!(view.status, CaseStatus::Upheld);
    assert_eq!(view.hits[..2], [0xff, 0xff]);
    assert_eq!(credit(&world, REPORTER).await, BOND);
    let collateral = reader.collateral(world.license_id).await.unwrap();
    assert_eq!(collateral.amount.get(), COLLATERAL / 2);
    assert_eq!(collateral.freezes, 0);

    for party in provers.into_iter().chain([owner]) {
        party.stop().await;
    }
}
