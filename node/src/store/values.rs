//! Single values, and leases between processes.

use super::StoreError;
use super::engine::{Store, int, text};

impl Store {
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
