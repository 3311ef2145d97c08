//! Durable jobs. A lease is fenced by the number of attempts: who lost its lease can't write a
//! result.

use super::StoreError;
use super::engine::{Pool, Store, StoredRow, int, json, text};
use super::rows::{JobRow, JobState, NewJob};
use std::collections::BTreeMap;

impl JobState {
    const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

const LEASE_SQLITE: &str = "UPDATE jobs SET state = 'running', attempts = attempts + 1, lease_until = $3 \
     WHERE (kind, key) IN (SELECT kind, key FROM jobs WHERE kind = $1 AND \
       ((state = 'queued' AND run_after <= $2) OR (state = 'running' AND lease_until < $2)) \
       ORDER BY run_after, key LIMIT 1) \
     RETURNING kind, key, payload, state, attempts, lease_until, run_after, last_error";

const LEASE_POSTGRES: &str = "UPDATE jobs SET state = 'running', attempts = attempts + 1, lease_until = $3 \
     WHERE (kind, key) IN (SELECT kind, key FROM jobs WHERE kind = $1 AND \
       ((state = 'queued' AND run_after <= $2) OR (state = 'running' AND lease_until < $2)) \
       ORDER BY run_after, key LIMIT 1 FOR UPDATE SKIP LOCKED) \
     RETURNING kind, key, payload, state, attempts, lease_until, run_after, last_error";

impl Store {
    /// Adds a job. Returns `false` if one with this kind and key exists already, whatever its
    /// state.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn enqueue(&self, new: &NewJob) -> Result<bool, StoreError> {
        let sql = "INSERT INTO jobs (kind, key, payload, state, attempts, lease_until, run_after) \
                   VALUES ($1, $2, $3, 'queued', 0, 0, $4) ON CONFLICT DO NOTHING";
        let values = [
            text(new.kind),
            text(&new.key),
            json("payload of a job", &new.payload)?,
            int(new.run_after),
        ];
        let added = self.pool.exec("enqueue a job", sql, &values).await? == 1;
        if added {
            self.job_ready.notify_waiters();
        }
        Ok(added)
    }

    /// Waits until a job is enqueued by this process.
    pub(crate) async fn job_enqueued(&self) {
        self.job_ready.notified().await;
    }

    /// One job.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn job(&self, kind: &str, key: &str) -> Result<Option<JobRow>, StoreError> {
        let sql = "SELECT kind, key, payload, state, attempts, lease_until, run_after, last_error \
                   FROM jobs WHERE kind = $1 AND key = $2";
        let row = self.pool.first("read a job", sql, &[text(kind), text(key)]).await?;
        row.map(|row| job(&row)).transpose()
    }

    /// Puts a finished or failed job back into the queue. Returns whether there was one.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn requeue(&self, kind: &str, key: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET state = 'queued', run_after = 0, lease_until = 0 \
                   WHERE kind = $1 AND key = $2 AND state IN ('done', 'failed')";
        let requeued = self.pool.exec("requeue a job", sql, &[text(kind), text(key)]).await? == 1;
        if requeued {
            self.job_ready.notify_waiters();
        }
        Ok(requeued)
    }

    /// Takes the next due job of a kind until `lease_until`; also one whose worker's lease ran out.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn lease_job(
        &self,
        kind: &str,
        now: u64,
        lease_until: u64,
    ) -> Result<Option<JobRow>, StoreError> {
        let sql = match self.pool {
            Pool::Sqlite(_) => LEASE_SQLITE,
            Pool::Postgres(_) => LEASE_POSTGRES,
        };
        let row =
            self.pool.first("lease a job", sql, &[text(kind), int(now), int(lease_until)]).await?;
        row.map(|row| job(&row)).transpose()
    }

    /// Keeps a leased job. Returns `false` if another worker has it by now.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn renew_job(&self, job: &JobRow, lease_until: u64) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET lease_until = $4 \
                   WHERE kind = $1 AND key = $2 AND attempts = $3 AND state = 'running'";
        let values = [text(&job.kind), text(&job.key), int(job.attempts.into()), int(lease_until)];
        Ok(self.pool.exec("renew a job", sql, &values).await? == 1)
    }

    /// Writes the result of a leased job. Returns `false`, and changes nothing, if the lease was
    /// lost.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn finish_job(
        &self,
        job: &JobRow,
        state: JobState,
        run_after: u64,
        error: Option<&str>,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET state = $4, run_after = $5, last_error = $6, lease_until = 0 \
                   WHERE kind = $1 AND key = $2 AND attempts = $3 AND state = 'running'";
        let values = [
            text(&job.kind),
            text(&job.key),
            int(job.attempts.into()),
            text(state.word()),
            int(run_after),
            super::engine::opt_text(error),
        ];
        Ok(self.pool.exec("finish a job", sql, &values).await? == 1)
    }

    /// Gives a leased job back without counting the attempt: the node stops.
    ///
    /// # Errors
    /// The engine's error.
    pub(crate) async fn release_job(&self, job: &JobRow) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET state = 'queued', lease_until = 0 \
                   WHERE kind = $1 AND key = $2 AND attempts = $3 AND state = 'running'";
        let values = [text(&job.kind), text(&job.key), int(job.attempts.into())];
        Ok(self.pool.exec("release a job", sql, &values).await? == 1)
    }

    /// How many jobs are in each state.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn job_counts(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = "SELECT state, COUNT(*) FROM jobs GROUP BY state";
        let rows = self.pool.all("count jobs", sql, &[]).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.u64(1)?))).collect()
    }
}

fn job(row: &StoredRow) -> Result<JobRow, StoreError> {
    Ok(JobRow {
        kind: row.text(0)?.to_owned(),
        key: row.text(1)?.to_owned(),
        payload: row.json(2)?,
        state: match row.text(3)? {
            "queued" => JobState::Queued,
            "running" => JobState::Running,
            "done" => JobState::Done,
            "failed" => JobState::Failed,
            other => {
                return Err(StoreError::Corrupt {
                    column: 3,
                    source: format!("unknown state {other:?}").into(),
                });
            }
        },
        attempts: row.u32(4)?,
        lease_until: row.u64(5)?,
        run_after: row.u64(6)?,
        last_error: row.opt_text(7)?,
    })
}
