//! The JSON envelope, whole.

use super::support::{oml, stdout_json};
use oml_client::deployment::DeploymentStanding;
use oml_client::money::native_currency;
use oml_client::proxy::{SpentOutcome, SpentRequest};
use oml_client::recover_all::{RebuiltFile, RecoveredFiles, UnrecoverableFile};
use oml_client::registry::{ListedDeployment, ListedOffer};
use oml_client::status::{AccountAgenda, AccountRole, AgendaStep, StepActor};
use oml_contracts::{Amount, ChannelId, DeploymentHash, EthAddress, ModelId, OfferId};

fn json(args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let value = stdout_json(oml(dir.path()).args(["--format", "json"]).args(args));
    format!("{value:#}")
}

#[test]
fn a_result() {
    insta::assert_snapshot!(json(&[
        "fingerprint",
        "plan",
        "--personal",
        "16",
        "--survival",
        "0.9"
    ]));
}

#[test]
fn a_plan_of_rounds() {
    insta::assert_snapshot!(json(&[
        "round",
        "plan",
        "--collateral",
        "20000",
        "--seat-fee",
        "1",
        "--hostile",
        "0.33",
        "--deployments",
        "1",
        "--alpha",
        "1e-12",
        "--hit-rate",
        "0.9",
    ]));
}

#[test]
fn a_failure() {
    insta::assert_snapshot!(json(&["offer", "show", "--terms", "none.json"]));
}

#[test]
fn a_configuration() {
    insta::assert_snapshot!(json(&["node", "config", "example"]));
}

#[test]
fn quiet_prints_one_value() {
    let dir = tempfile::tempdir().unwrap();
    oml(dir.path())
        .args(["--format", "quiet", "fingerprint", "plan", "--survival", "0.9"])
        .assert()
        .success()
        .stdout("2\n")
        .stderr("");
}

/// What lists and agendas hold, field by field: programs read these.
#[test]
fn lists_and_agendas() {
    let eth = |wei: u128| native_currency(1).units(wei);
    let (account, id) = (EthAddress::new([1; 20]), [7; 32]);
    let step = AgendaStep {
        role: AccountRole::Host,
        kind: "channel",
        id: ChannelId::new(id).to_string(),
        what: "the payer leaves: claim what you served; your node does it by itself",
        actor: StepActor::You,
        due: Some(1_796_131_800),
        at_risk: Some(eth(1_500_000_000_000_000_000)),
        command: Some("oml settle".to_owned()),
    };
    let agenda = AccountAgenda { account, now: 1_796_131_700, steps: vec![step] };
    let offer = ListedOffer {
        offer_id: OfferId::new(id),
        model_id: ModelId::new(id),
        epoch: 2,
        owner: account,
        open: true,
        license_fee: eth(1),
        collateral: eth(2),
        price_per_request: eth(3),
        price_per_thousand_tokens: eth(4),
        duration: 5,
    };
    let standing = DeploymentStanding {
        deployment_hash: DeploymentHash::new(id),
        registered_at: Some(1),
        liable_until: 2,
        state: "liable",
        flagged_by: None,
    };
    let deployment = ListedDeployment { uri: "https://models.example/v1".to_owned(), standing };
    let file = RebuiltFile {
        file: "recovered/channel.json".into(),
        kind: "channel",
        id: "0x07".to_owned(),
        kept: false,
    };
    let lost = UnrecoverableFile { what: "rounds.secret", without_it: "no round can be sealed" };
    let recovered = RecoveredFiles { account, files: vec![file], unrecoverable: vec![lost] };
    let spent = SpentRequest {
        at: 1_796_131_800,
        model: "m".to_owned(),
        amount: Amount::new(1),
        promised: Amount::new(2),
        request: Some(3),
        tokens: 4,
        outcome: SpentOutcome::Paid,
    };
    insta::assert_snapshot!(format!(
        "{:#}",
        serde_json::json!([agenda, offer, deployment, recovered, spent])
    ));
}
