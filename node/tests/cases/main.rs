//! Whole cases on anvil: the services of an owner, a host and three provers against the real
//! contracts and a deployment over HTTP.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a failed unwrap fails the test")]

mod party;
mod world;

use std::time::Duration;

use oml_contracts::{CaseId, EthAddress};
use oml_node::chain::{CaseStatus, CaseView, LicenseStatus, LicenseView};
use oml_node::{Config, Node, Tasks};
use party::Party;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use world::{BOND, Behaviour, COLLATERAL, FEE, HOST, PROVERS, REPORTER, World, deploy_service};

/// Polls the case until `done`; panics with its last status after a minute.
async fn wait(world: &World, case: CaseId, done: impl Fn(&CaseView) -> bool) -> CaseView {
    let mut last = None;
    for _ in 0..360 {
        let view = world.case(case).await;
        if done(&view) {
            return view;
        }
        last = Some((view.status, view.commits, view.reveals));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("case {case} got stuck: {last:?}");
}

async fn ended(world: &World, case: CaseId) -> CaseView {
    wait(world, case, |view| view.status.is_terminal()).await
}

async fn seeded(world: &World) -> LicenseView {
    let reader = world.client().await.reader();
    for _ in 0..160 {
        let license = reader.license(world.license_id).await.unwrap();
        if license.status == LicenseStatus::Seeded {
            return license;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the owner's node did not draw the seed");
}

async fn credit(world: &World, account: usize) -> u128 {
    let reader = world.client().await.reader();
    reader.challenge_balance(EthAddress::ZERO, world.accounts[account]).await.unwrap().get()
}

async fn committee(world: &World, owner_url: &str) -> Vec<Party> {
    let mut provers = Vec::new();
    for place in 0..PROVERS.len() {
        provers.push(Party::prover(world, place, owner_url).await);
    }
    provers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unpaid_use_is_upheld_and_a_paying_deployment_is_not() {
    let Some(anvil) = world::anvil_path() else { return };
    let world = World::create(anvil, 3).await;
    let owner = Party::owner(&world).await;
    let owner_url = world::serve(owner.router.clone()).await;
    let provers = committee(&world, &owner_url).await;
    let license = seeded(&world).await;
    let answers = world.embedded_answers(license.seed).await;
    let guilty = deploy_service(Behaviour::Serves(answers.clone())).await;
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

    // Nobody gets questions who has no business with them.
    let member = world.accounts[PROVERS[0]].to_string();
    let unknown = CaseId::new([9; 32]);
    for (path, status) in [
        (format!("{case}/questions?prover={member}"), 409),
        (format!("{unknown}/questions?prover={member}"), 404),
        (format!("{case}/questions?prover=0x12"), 400),
        (format!("0x12/questions?prover={member}"), 400),
        (format!("{case}/questions"), 400),
    ] {
        let url = format!("{owner_url}/v1/cases/{path}");
        assert_eq!(reqwest::get(&url).await.unwrap().status(), status, "{url}");
    }

    // The same copy without payment: every fingerprint that it carries is a hit.
    let case = world.open_case(accused, 1).await;
    wait(&world, case, |view| view.status == CaseStatus::Committing).await;
    let stranger = world.accounts[HOST];
    let url = format!("{owner_url}/v1/cases/{case}/questions?prover={stranger}");
    let refused = reqwest::get(&url).await.unwrap().status();
    assert!(refused == 403 || refused == 409, "{refused}");
    let view = ended(&world, case).await;
    assert_eq!(view.status, CaseStatus::Upheld);
    assert_eq!(view.bundles.len(), 2, "one of each part");
    assert_eq!(view.hits, world.expected_hits(license.seed, &view.bundles));
    assert_eq!(view.outside, [0; 32]);
    assert_eq!(credit(&world, REPORTER).await, BOND);
    let reader = world.client().await.reader();
    let collateral = reader.collateral(&world.license).await.unwrap();
    assert_eq!(collateral.amount.get(), COLLATERAL / 2);
    assert_eq!(collateral.freezes, 0);

    // The copy on a deployment that nobody registered: flagged, and nothing is slashed.
    let leak = deploy_service(Behaviour::Serves(answers)).await;
    let case = world.open_leak_case(&leak.uri, 2).await;
    let view = ended(&world, case).await;
    assert_eq!((view.status, view.leak), (CaseStatus::Upheld, true));
    assert_eq!(view.hits, world.expected_hits(license.seed, &view.bundles));
    assert_eq!(reader.flag_of(view.deployment).await.unwrap(), case);
    flags_are_listed(&world, case, &leak.uri).await;
    assert_eq!(reader.collateral(&world.license).await.unwrap(), collateral);

    for party in provers.into_iter().chain([owner]) {
        party.stop().await;
    }
}

/// A node without a role, which only watches, lists the flag by model and by license.
async fn flags_are_listed(world: &World, case: CaseId, uri: &str) {
    let folder = tempfile::tempdir().unwrap();
    world.addresses.save(&folder.path().join("addresses.json")).unwrap();
    let text = format!(
        "[chain]\nrpc_url = {:?}\naddresses = {:?}\npoll_interval_ms = 50\n\
         [store]\nurl = \"sqlite:{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n",
        world.rpc_url,
        folder.path().join("addresses.json"),
        folder.path().join("watcher.db").display(),
    );
    let node = Node::start(Config::from_toml(&text, "test").unwrap()).await.unwrap();
    let base = format!("http://{}/v1/flags", node.local_addr());
    let cancel = CancellationToken::new();
    let running = Tasks::new().spawn_detached("node", node.run(cancel.clone()));
    let get = async |query: &str| -> Value {
        reqwest::get(format!("{base}{query}")).await.unwrap().json().await.unwrap()
    };
    let model = world.license.terms.model_id;
    let mut found = json!([]);
    for _ in 0..200 {
        found = get(&format!("?model={model}")).await;
        if found != json!([]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!((&found[0]["case_id"], &found[0]["uri"]), (&json!(case), &json!(uri)));
    assert_eq!(found[0]["license_id"], json!(world.license_id));
    assert_eq!(get(&format!("?license={}", world.license_id)).await, found);
    assert_eq!(get("").await, found);
    let other = oml_contracts::ModelId::new([7; 32]);
    assert_eq!(get(&format!("?model={other}")).await, json!([]));
    let bad = reqwest::get(format!("{base}?model=0x12")).await.unwrap();
    assert_eq!(bad.status(), 400);
    cancel.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_and_reorgs_do_not_change_the_verdict_and_a_silent_owner_voids() {
    let Some(anvil) = world::anvil_path() else { return };
    let world = World::create(anvil, 3).await;
    let owner = Party::owner(&world).await;
    let owner_url = world::serve(owner.router.clone()).await;
    let first = Party::prover(&world, 0, &owner_url).await;
    let second = Party::prover(&world, 1, &owner_url).await;
    let license = seeded(&world).await;
    let answers = world.embedded_answers(license.seed).await;
    let guilty = deploy_service(Behaviour::Serves(answers)).await;
    let accused = world.go_into_service(&guilty.uri).await;

    let case = world.open_case(accused, 0).await;
    wait(&world, case, |view| view.status == CaseStatus::Drawn).await;
    world.reorg(2).await;
    wait(&world, case, |view| view.commits == 2).await;
    world.reorg(2).await;
    wait(&world, case, |view| view.commits == 2).await;
    let dir = first.stop().await;

    // The third commitment starts the reveal while the first prover is down.
    let third = Party::prover(&world, 2, &owner_url).await;
    wait(&world, case, |view| view.reveals == 2).await;
    let first = Party::prover_in(&world, 0, &owner_url, dir).await;
    wait(&world, case, |view| view.reveals == 3).await;
    world.reorg(1).await;
    let view = ended(&world, case).await;
    assert_eq!((view.status, view.commits, view.reveals), (CaseStatus::Upheld, 3, 3));
    for prover in PROVERS {
        assert_eq!(credit(&world, prover).await, FEE);
    }

    // Nobody posts questions: the case ends without a verdict, and the bond returns.
    owner.stop().await;
    let case = world.open_case(accused, 1).await;
    wait(&world, case, |view| view.status == CaseStatus::Drawn).await;
    let before = credit(&world, REPORTER).await;
    world.skip(200).await;
    let view = ended(&world, case).await;
    assert_eq!(view.status, CaseStatus::Void);
    assert_eq!(credit(&world, REPORTER).await, before + BOND + 3 * FEE);
    for party in [first, second, third] {
        party.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_shows_the_vouchers_that_members_paid_with() {
    let Some(anvil) = world::anvil_path() else { return };
    let world = World::create(anvil, 20).await;
    let owner = Party::owner(&world).await;
    let owner_url = world::serve(owner.router.clone()).await;
    let provers = committee(&world, &owner_url).await;
    let host = Party::host(&world).await;
    let license = seeded(&world).await;
    let answers = world.embedded_answers(license.seed).await;
    let prompts: Vec<String> = answers.keys().cloned().collect();
    let deployment = deploy_service(Behaviour::Serves(answers)).await;
    let accused = world.go_into_service(&deployment.uri).await;

    // Two of three members pay for every request that a case can ask.
    for prover in &PROVERS[..2] {
        world.pay(*prover, &prompts, &host.store).await;
    }
    let case = world.open_case(accused, 0).await;
    let view = ended(&world, case).await;
    assert_eq!(view.status, CaseStatus::Dismissed);
    assert_eq!(view.hits[..2], [0xff; 2]);
    assert_eq!(view.removed, view.hits);
    assert_eq!(credit(&world, HOST).await, BOND);
    for party in provers.into_iter().chain([owner, host]) {
        party.stop().await;
    }
}
