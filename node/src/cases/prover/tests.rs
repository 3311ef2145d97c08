//! The check as a job, against an owner's node and a deployment on the loopback.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use oml_contracts::hash::deployment_hash;
use oml_contracts::tag::tag_of;
use oml_contracts::{CaseId, EthAddress, LicenseId, ModelId};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::job::CheckHandler;
use super::order::CheckOrder;
use super::secrets::secret_for;
use crate::cases::handout::{hash_of, seal_questions};
use crate::cases::seal::EncryptionKey;
use crate::chain::Head;
use crate::config::{ProverConfig, QueryLimits};
use crate::jobs::{JobError, JobHandler};
use crate::store::{
    BlockRef, CaseSecret, ChainBatch, DeploymentRow, EventRow, Fact, JobRow, JobState, Store,
};

const CASE: CaseId = CaseId::new([1; 32]);
const ME: EthAddress = EthAddress::new([2; 20]);
const MODEL: ModelId = ModelId::new([3; 32]);
const LICENSE: LicenseId = LicenseId::new([4; 32]);
const NOWHERE: &str = "http://127.0.0.1:1";

struct Scene {
    _dir: TempDir,
    store: Store,
    owner: MockServer,
    key: EncryptionKey,
    prompts: Vec<String>,
    heads: watch::Sender<Head>,
    uri: String,
}

impl Scene {
    /// A deployment registered as `uri`, and an owner that hands out the posted questions.
    async fn set(uri: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("n.db").display());
        let store = Store::open(&url).await.unwrap();
        store.apply(&registration(uri)).await.unwrap();
        let prompts: Vec<String> = (0..5).map(|i| format!("question {i}")).collect();
        let key = EncryptionKey::generate().unwrap();
        let owner = MockServer::start().await;
        let (heads, _) = watch::channel(Head { timestamp: 1_000, ..Head::default() });
        let scene = Self { _dir: dir, store, owner, key, prompts, heads, uri: uri.to_owned() };
        scene.hand_out(&scene.prompts).await;
        scene
    }

    async fn hand_out(&self, prompts: &[String]) {
        let handed = seal_questions(prompts, CASE, ME, &self.key.public()).unwrap();
        Mock::given(method("GET"))
            .and(path(format!("/v1/cases/{CASE}/questions")))
            .respond_with(ResponseTemplate::new(200).set_body_json(handed))
            .mount(&self.owner)
            .await;
    }

    fn order(&self) -> CheckOrder {
        CheckOrder {
            case: CASE,
            member: ME,
            questions_hash: hash_of(&self.prompts),
            question_count: 5,
            model: MODEL,
            license: LICENSE,
            deployment: deployment_hash(&self.uri),
            deadline: 1_090,
            window: 90,
        }
    }

    async fn run(&self) -> Result<(), JobError> {
        self.run_with(self.owner.uri()).await
    }

    async fn run_patiently(&self, timeout_s: u64) -> Result<(), JobError> {
        self.run_limited(self.owner.uri(), timeout_s).await
    }

    async fn run_with(&self, owner: String) -> Result<(), JobError> {
        self.run_limited(owner, 2).await
    }

    async fn run_limited(&self, owner: String, timeout_s: u64) -> Result<(), JobError> {
        let config = ProverConfig {
            owner_endpoints: BTreeMap::from([(MODEL, owner)]),
            encryption_key_file: "unused".into(),
            allow_private_endpoints: true,
            query_model: "m".to_owned(),
            query: QueryLimits { attempts: 1, timeout_s, ..QueryLimits::default() },
        };
        let heads = self.heads.subscribe();
        let (store, key) = (self.store.clone(), self.key.clone());
        let handler = CheckHandler::new(store, heads, config, key, NOWHERE.to_owned()).unwrap();
        let job = self.order().job();
        let row = JobRow {
            kind: job.kind.to_owned(),
            key: job.key,
            payload: job.payload,
            state: JobState::Running,
            attempts: 1,
            lease_until: 0,
            run_after: 0,
            last_error: None,
        };
        handler.run(&row).await
    }

    async fn secret(&self) -> Option<CaseSecret> {
        secret_for(&self.store, CASE, ME, hash_of(&self.prompts)).await.unwrap()
    }

    fn at(&self, timestamp: u64) {
        self.heads.send_replace(Head { timestamp, ..Head::default() });
    }
}

fn registration(uri: &str) -> ChainBatch {
    let event = EventRow {
        block: 1,
        log_index: 0,
        tx_hash: B256::ZERO,
        contract: Address::ZERO,
        name: "DeploymentRegistered".to_owned(),
        subject: LICENSE.into(),
        topics: vec![],
        data: vec![],
        timestamp: 1,
    };
    let row = DeploymentRow {
        license_id: LICENSE,
        deployment: deployment_hash(uri),
        uri: uri.to_owned(),
        block: 1,
        retired_block: None,
    };
    let block = BlockRef { number: 1, hash: B256::ZERO, timestamp: 1 };
    ChainBatch {
        blocks: vec![block],
        events: vec![(event, Some(Fact::Deployment(row)))],
        window: 9,
    }
}

async fn deployment(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(template).mount(&server).await;
    server
}

fn reason(result: Result<(), JobError>) -> String {
    match result {
        Err(JobError::RetryAfter { reason, .. }) => reason,
        other => panic!("expected a later attempt, got {other:?}"),
    }
}

#[tokio::test]
async fn answers_are_kept_before_anything_is_sent_and_asked_for_once() {
    let answer = json!({"choices": [{"text": " Paris."}]});
    let served = deployment(ResponseTemplate::new(200).set_body_json(answer)).await;
    let scene = Scene::set(&served.uri()).await;
    scene.run().await.unwrap();
    let secret = scene.secret().await.unwrap();
    assert_eq!(secret.tags, tag_of("Paris").as_bytes().repeat(5));
    assert!(!secret.salt.is_zero());

    scene.run().await.unwrap();
    assert_eq!(served.received_requests().await.unwrap().len(), 5);
    assert_eq!(scene.secret().await.unwrap().salt, secret.salt);
}

#[tokio::test]
async fn a_deployment_that_wants_payment_gave_no_answer() {
    let served = deployment(ResponseTemplate::new(402)).await;
    let scene = Scene::set(&served.uri()).await;
    scene.run().await.unwrap();
    assert_eq!(scene.secret().await.unwrap().tags, vec![0; 20]);
}

#[tokio::test]
async fn a_silent_deployment_is_asked_again_until_its_time_is_up() {
    let scene = Scene::set(NOWHERE).await;
    assert!(reason(scene.run().await).contains("90 s are left"));
    assert_eq!(scene.secret().await, None);
    scene.at(1_061);
    scene.run().await.unwrap();
    assert_eq!(scene.secret().await.unwrap().tags, vec![0; 20]);
}

#[tokio::test]
async fn a_deployment_that_drips_does_not_make_us_miss_the_deadline() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    let served = deployment(slow).await;
    let scene = Scene::set(&served.uri()).await;
    scene.at(1_086);
    let begun = std::time::Instant::now();
    scene.run_patiently(60).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(scene.secret().await.unwrap().tags, vec![0; 20]);
}

#[tokio::test]
async fn without_a_network_of_our_own_nothing_is_concluded_even_at_the_end() {
    let scene = Scene::set(NOWHERE).await;
    scene.at(1_080);
    // The owner answers once, for the questions, and is gone when the network is tried.
    let handed = seal_questions(&scene.prompts, CASE, ME, &scene.key.public()).unwrap();
    let owner = one_answer(serde_json::to_string(&handed).unwrap()).await;
    assert!(reason(scene.run_with(owner).await).contains("this node's network is down"));
    assert_eq!(scene.secret().await, None);
}

#[tokio::test]
async fn another_list_than_the_posted_one_is_never_asked() {
    let served = deployment(ResponseTemplate::new(402)).await;
    let scene = Scene::set(&served.uri()).await;
    scene.owner.reset().await;
    scene.hand_out(&scene.prompts[..4]).await;
    assert!(reason(scene.run().await).contains("handed out another list"));
    scene.owner.reset().await;
    assert!(reason(scene.run().await).contains("refuses the questions"));
    assert!(served.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn after_the_deadline_a_check_ends_as_could_not_check() {
    let scene = Scene::set(NOWHERE).await;
    scene.at(1_090);
    let Err(JobError::Permanent(reason)) = scene.run().await else { panic!() };
    assert!(reason.starts_with("could not check"), "{reason}");
    assert_eq!(scene.secret().await, None);
}

/// A server that answers one request with `body`, then stops to listen.
async fn one_answer(body: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = crate::Tasks::new();
    tasks.spawn_detached("one answer", async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut socket, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut request = [0; 2048];
        let _ = socket.read(&mut request).await;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    });
    format!("http://{address}")
}
