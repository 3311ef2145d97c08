//! What a kind of job must say and do.

use crate::store::JobRow;
use async_trait::async_trait;
use std::time::Duration;

/// Why a job did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// Try again after the usual growing pause.
    #[error("{0}")]
    Retry(String),
    /// Try again after this pause.
    #[error("{reason}")]
    RetryAfter {
        /// How long to wait.
        after: Duration,
        /// What has to change until then, in words.
        reason: String,
    },
    /// Do not try again.
    #[error("{0}")]
    Permanent(String),
}

/// Runs jobs of one kind. A job can run more than once (crash after its effect), so its effect must
/// be idempotent: intents by key, rows by primary key.
#[async_trait]
pub trait JobHandler: Send + Sync + std::fmt::Debug + 'static {
    /// Which jobs it runs.
    fn kind(&self) -> &'static str;

    /// How long a worker may own a job before another takes it over; renewed while it runs.
    fn lease(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// Jobs of this kind at the same time.
    fn concurrency(&self) -> usize {
        4
    }

    /// Does the work.
    async fn run(&self, job: &JobRow) -> Result<(), JobError>;
}
