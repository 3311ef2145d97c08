//! Runs jobs: one loop per kind, leases renewed while a job runs, results fenced.

use super::handler::{JobError, JobHandler};
use crate::clock::unix_now;
use crate::store::{JobRow, JobState, Store, StoreError};
use crate::tasks::Tasks;
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pause between two looks into the queue when nothing announces work.
const POLL: Duration = Duration::from_millis(500);
/// Longest pause between two tries of a job.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// Runs the jobs of one handler.
#[derive(Clone, Debug)]
pub struct JobWorker {
    store: Store,
    handler: Arc<dyn JobHandler>,
}

/// Pause before try `attempts + 1`: 1 s, doubling to 5 minutes, of which a random part between a
/// half and all is taken, so that jobs that failed together do not come back together.
#[must_use]
pub fn backoff(attempts: u32) -> Duration {
    let full = Duration::from_secs(1)
        .saturating_mul(1 << attempts.saturating_sub(1).min(16))
        .min(MAX_BACKOFF);
    full.mul_f64(rand::rng().random_range(0.5..=1.0))
}

impl JobWorker {
    /// A worker for the jobs of `handler`.
    #[must_use]
    pub fn new(store: Store, handler: Arc<dyn JobHandler>) -> Self {
        Self { store, handler }
    }

    /// Runs jobs until cancelled; then gives running ones back. Passing failures of the store are
    /// waited out.
    ///
    /// # Errors
    /// A failure of the store that does not pass.
    pub async fn run(self, tasks: Tasks) -> Result<(), StoreError> {
        let cancel = tasks.cancel_token();
        while !cancel.is_cancelled() {
            match self.run_while_stored(&tasks, &cancel).await {
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, kind = self.handler.kind(), "the job queue failed; trying again");
                    tokio::time::sleep(POLL * 4).await;
                }
                ended => return ended,
            }
        }
        Ok(())
    }

    /// Dropping the group on an error stops its jobs; their leases run out and they are tried
    /// again.
    async fn run_while_stored(
        &self,
        tasks: &Tasks,
        cancel: &CancellationToken,
    ) -> Result<(), StoreError> {
        let mut running = tasks.group(self.handler.kind());
        loop {
            // What was given back at the end must not be taken again.
            while !cancel.is_cancelled() && running.len() < self.handler.concurrency().max(1) {
                let now = unix_now();
                let until = now + self.handler.lease().as_secs().max(1);
                let Some(job) = self.store.lease_job(self.handler.kind(), now, until).await? else {
                    break;
                };
                let (worker, cancel) = (self.clone(), cancel.clone());
                running.spawn(async move { worker.work(job, cancel).await });
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some(done) = running.join_next() => finished(done)?,
                () = self.store.job_enqueued() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        while let Some(done) = running.join_next().await {
            finished(done)?;
        }
        Ok(())
    }

    async fn work(&self, job: JobRow, cancel: CancellationToken) -> Result<(), StoreError> {
        let started = std::time::Instant::now();
        let lease = self.handler.lease();
        let outcome = {
            let mut run = std::pin::pin!(self.handler.run(&job));
            loop {
                tokio::select! {
                    // First of all: a job that was leased in the last moment does not begin.
                    biased;
                    () = cancel.cancelled() => {
                        self.store.release_job(&job).await?;
                        return Ok(());
                    }
                    outcome = &mut run => break outcome,
                    () = tokio::time::sleep(lease / 3) => {
                        let until = unix_now() + lease.as_secs().max(1);
                        if !self.store.renew_job(&job, until).await? {
                            tracing::warn!(kind = job.kind, key = job.key, "lost the lease of a job; leaving it");
                            return Ok(());
                        }
                    }
                }
            }
        };
        metrics::histogram!("oml_job_seconds", "kind" => self.handler.kind())
            .record(started.elapsed().as_secs_f64());
        self.record(&job, outcome).await
    }

    async fn record(&self, job: &JobRow, outcome: Result<(), JobError>) -> Result<(), StoreError> {
        let (state, pause, error) = match outcome {
            Ok(()) => (JobState::Done, Duration::ZERO, None),
            Err(JobError::Retry(reason)) => (JobState::Queued, backoff(job.attempts), Some(reason)),
            Err(JobError::RetryAfter { after, why }) => (JobState::Queued, after, Some(why)),
            Err(JobError::Permanent(reason)) => (JobState::Failed, Duration::ZERO, Some(reason)),
        };
        if let Some(reason) = &error {
            tracing::warn!(
                kind = job.kind,
                key = job.key,
                attempts = job.attempts,
                reason,
                "a job did not succeed"
            );
        }
        let run_after =
            unix_now() + pause.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX / 2);
        self.store.finish_job(job, state, run_after, error.as_deref()).await?;
        Ok(())
    }
}

/// A panicking handler must not take its job along unseen: the lease runs out and the job is tried
/// again.
fn finished(
    done: Result<Result<(), StoreError>, tokio::task::JoinError>,
) -> Result<(), StoreError> {
    match done {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a job panicked; it is tried again when its lease runs out");
            Ok(())
        }
    }
}
