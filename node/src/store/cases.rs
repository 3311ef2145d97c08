//! Secrets that must outlive a crash, single values, and leases between processes.

use super::StoreError;
use super::engine::{Store, bytes, int, json, text};
use super::rows::CaseSecret;
use oml_contracts::{CaseId, EthAddress};

impl Store {
    /// Keeps a prover's tags and salt. Never overwrites: returns `false` if there is a secret
    /// already, and that one is to be used.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn put_case_secret(&self, secret: &CaseSecret) -> Result<bool, StoreError> {
        let sql = "INSERT INTO case_secrets (case_id, prover, tags, salt, transcript) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let values = [
            text(secret.case_id),
            text(secret.prover),
            bytes(&secret.tags),
            text(secret.salt),
            json("transcript of a check", &secret.transcript)?,
        ];
        Ok(self.pool.exec("keep a case's secret", sql, &values).await? == 1)
    }

    /// A prover's tags and salt.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn case_secret(
        &self,
        case: CaseId,
        prover: EthAddress,
    ) -> Result<Option<CaseSecret>, StoreError> {
        let sql = "SELECT case_id, prover, tags, salt, transcript FROM case_secrets \
                   WHERE case_id = $1 AND prover = $2";
        let Some(row) =
            self.pool.first("read a case's secret", sql, &[text(case), text(prover)]).await?
        else {
            return Ok(None);
        };
        Ok(Some(CaseSecret {
            case_id: row.parse(0)?,
            prover: row.parse(1)?,
            tags: row.bytes(2)?,
            salt: row.parse(3)?,
            transcript: row.json(4)?,
        }))
    }

    /// Keeps an owner's plan of a case (questions in order, decoys). Never overwrites: returns
    /// `false` if there is a plan already, and that one is to be used.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn put_case_plan(
        &self,
        case: CaseId,
        plan: &serde_json::Value,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO case_plans (case_id, plan) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let values = [text(case), json("plan of a case", plan)?];
        Ok(self.pool.exec("keep a case's plan", sql, &values).await? == 1)
    }

    /// An owner's plan of a case.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn case_plan(&self, case: CaseId) -> Result<Option<serde_json::Value>, StoreError> {
        let sql = "SELECT plan FROM case_plans WHERE case_id = $1";
        self.pool
            .first("read a case's plan", sql, &[text(case)])
            .await?
            .map(|row| row.json(0))
            .transpose()
    }

    /// A single value.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn kv_get(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row = self
            .pool
            .first("read a value", "SELECT value FROM kv WHERE key = $1", &[text(key)])
            .await?;
        row.map(|row| row.text(0).map(str::to_owned)).transpose()
    }

    /// Sets a single value.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn kv_put(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO kv (key, value) VALUES ($1, $2) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.pool.exec("set a value", sql, &[text(key), text(value)]).await?;
        Ok(())
    }

    /// Sets a single value unless there is one. Returns whether it was set.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn kv_put_new(&self, key: &str, value: &str) -> Result<bool, StoreError> {
        let sql = "INSERT INTO kv (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        Ok(self.pool.exec("set a new value", sql, &[text(key), text(value)]).await? == 1)
    }

    /// Takes or keeps a lease between processes. Returns `false` while another holder has it.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        now: u64,
        until: u64,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO leases (name, holder, lease_until) VALUES ($1, $2, $4) \
                   ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until \
                   WHERE leases.holder = excluded.holder OR leases.lease_until < $3";
        let values = [text(name), text(holder), int(now), int(until)];
        Ok(self.pool.exec("take a lease", sql, &values).await? == 1)
    }

    /// Who holds a lease, run out or not.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn lease_holder(&self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT holder FROM leases WHERE name = $1";
        let row = self.pool.first("read a lease", sql, &[text(name)]).await?;
        row.map(|row| row.text(0).map(str::to_owned)).transpose()
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// The engine's error.
    pub async fn drop_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM leases WHERE name = $1 AND holder = $2";
        self.pool.exec("drop a lease", sql, &[text(name), text(holder)]).await?;
        Ok(())
    }
}
