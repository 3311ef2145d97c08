use async_trait::async_trait;
use oml_node::Tasks;
use oml_node::jobs::{JobError, JobHandler, JobWorker, backoff};
use oml_node::store::{JobRow, JobState, NewJob, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Debug, Default)]
struct Scripted {
    runs: AtomicUsize,
}

#[async_trait]
impl JobHandler for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    /// Long enough that a busy machine renews it in time.
    fn lease(&self) -> Duration {
        Duration::from_secs(4)
    }

    async fn run(&self, job: &JobRow) -> Result<(), JobError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        match (job.key.as_str(), job.attempts) {
            ("flaky", 1 | 2) => {
                Err(JobError::RetryAfter { after: Duration::ZERO, why: "not yet".to_owned() })
            }
            ("hopeless", _) => Err(JobError::Permanent("never".to_owned())),
            ("panics", 1) => panic!("handler bug"),
            ("slow", _) => {
                tokio::time::sleep(Duration::from_secs(6)).await;
                Ok(())
            }
            ("endless", _) => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

async fn until(store: &Store, key: &str, state: JobState) -> JobRow {
    for _ in 0..300 {
        let job = store.job("scripted", key).await.unwrap().unwrap();
        if job.state == state {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{key} did not become {state:?}: {:?}", store.job("scripted", key).await);
}

#[tokio::test]
async fn jobs_are_retried_given_up_and_survive_panics_and_stops() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let handler = Arc::new(Scripted::default());
    let tasks = Tasks::new();
    let worker = JobWorker::new(store.clone(), handler.clone());
    tasks.spawn_critical("worker", worker.run(tasks.clone()));
    for key in ["fine", "flaky", "hopeless", "panics", "slow", "endless"] {
        let payload = serde_json::Value::Null;
        let job = NewJob { kind: "scripted", key: key.to_owned(), payload, run_after: 0 };
        assert!(store.enqueue(&job).await.unwrap());
    }
    assert_eq!(until(&store, "fine", JobState::Done).await.attempts, 1);
    assert_eq!(until(&store, "flaky", JobState::Done).await.attempts, 3);
    let hopeless = until(&store, "hopeless", JobState::Failed).await;
    assert_eq!((hopeless.attempts, hopeless.last_error.as_deref()), (1, Some("never")));
    assert_eq!(until(&store, "panics", JobState::Done).await.attempts, 2);
    // It runs longer than a lease, which is renewed.
    assert_eq!(until(&store, "slow", JobState::Done).await.attempts, 1);
    assert_eq!(until(&store, "endless", JobState::Running).await.attempts, 1);
    assert_eq!(tasks.shutdown(Duration::from_secs(5)).await, 0);
    assert_eq!(tasks.failure(), None);
    assert_eq!(store.job("scripted", "endless").await.unwrap().unwrap().state, JobState::Queued);
    assert_eq!(handler.runs.load(Ordering::SeqCst), 1 + 3 + 1 + 2 + 1 + 1);
}

#[test]
fn pauses_grow_to_a_limit_and_are_spread() {
    for attempts in 1..40 {
        let full = Duration::from_secs(1 << u64::from(attempts.min(10_u32) - 1))
            .min(Duration::from_secs(300));
        let pause = backoff(attempts);
        assert!(pause >= full / 2 && pause <= full, "{attempts}: {pause:?}");
    }
}
