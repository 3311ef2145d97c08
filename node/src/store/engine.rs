//! Two engines behind one set of operations, so that every query is written once.

use super::connect::{open_postgres, open_sqlite, redact};
use super::error::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{PgPool, Postgres, Row as _, Sqlite, SqlitePool, Transaction, TypeInfo, ValueRef};
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::Notify;

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) pool: Pool,
    pub(super) job_ready: Arc<Notify>,
}

impl Store {
    /// Opens `sqlite:PATH` or `postgres://…`, creates what is missing and brings the schema up to
    /// date.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`], [`StoreError::Open`].
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let pool = if url.starts_with("sqlite:") {
            Pool::Sqlite(open_sqlite(url).await?)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Pool::Postgres(open_postgres(url).await?)
        } else {
            return Err(StoreError::BadUrl { url: redact(url), source: "unknown scheme".into() });
        };
        Ok(Self { pool, job_ready: Arc::new(Notify::new()) })
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    /// Whether the store can be written to right now.
    ///
    /// # Errors
    /// The engine's error.
    pub(crate) async fn check_writable(&self) -> Result<(), StoreError> {
        self.kv_put("health", "ok").await
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match &self.pool {
            Pool::Sqlite(_) => "sqlite",
            Pool::Postgres(_) => "postgres",
        }
    }
}

/// Connections of one engine.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// An open transaction; rolled back when dropped.
#[derive(Debug)]
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A bound value. Empty ones are typed because PostgreSQL asks for it.
#[derive(Clone, Debug)]
pub(super) enum SqlValue {
    Int(i64),
    Text(String),
    NoInt,
    NoText,
}

/// A read value.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Int(i64),
    Text(String),
    Null,
}

/// A read row.
#[derive(Clone, Debug)]
pub(super) struct StoredRow(Vec<Cell>);

macro_rules! bound {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $values {
            query = match value {
                SqlValue::Int(value) => query.bind(*value),
                SqlValue::Text(value) => query.bind(value.clone()),
                SqlValue::NoInt => query.bind(None::<i64>),
                SqlValue::NoText => query.bind(None::<String>),
            };
        }
        query
    }};
}

macro_rules! read {
    ($rows:expr) => {{
        let mut read = Vec::with_capacity($rows.len());
        for row in &$rows {
            let mut cells = Vec::with_capacity(row.len());
            for index in 0..row.len() {
                let raw = row.try_get_raw(index)?;
                let is_text = matches!(raw.type_info().name(), "TEXT" | "VARCHAR");
                cells.push(if raw.is_null() {
                    Cell::Null
                } else if is_text {
                    Cell::Text(row.try_get(index)?)
                } else {
                    Cell::Int(row.try_get(index)?)
                });
            }
            read.push(StoredRow(cells));
        }
        Ok::<_, sqlx::Error>(read)
    }};
}

type Operation = &'static str;

fn failed(operation: Operation) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Query { operation, source }
}

impl Pool {
    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn exec(
        &self,
        op: Operation,
        sql: &'static str,
        values: &[SqlValue],
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(pool) => {
                bound!(sql, values).execute(pool).await.map(|done| done.rows_affected())
            }
            Self::Postgres(pool) => {
                bound!(sql, values).execute(pool).await.map(|done| done.rows_affected())
            }
        }
        .map_err(failed(op))
    }

    /// All rows of a query.
    pub(super) async fn all(
        &self,
        op: Operation,
        sql: &'static str,
        values: &[SqlValue],
    ) -> Result<Vec<StoredRow>, StoreError> {
        match self {
            Self::Sqlite(pool) => {
                bound!(sql, values).fetch_all(pool).await.and_then(|rows| read!(rows))
            }
            Self::Postgres(pool) => {
                bound!(sql, values).fetch_all(pool).await.and_then(|rows| read!(rows))
            }
        }
        .map_err(failed(op))
    }

    /// The first row of a query.
    pub(super) async fn first(
        &self,
        op: Operation,
        sql: &'static str,
        values: &[SqlValue],
    ) -> Result<Option<StoredRow>, StoreError> {
        Ok(self.all(op, sql, values).await?.into_iter().next())
    }

    /// Begins a transaction that will write.
    pub(super) async fn begin(&self, op: Operation) -> Result<Tx, StoreError> {
        match self {
            // Taking the write lock at once waits for it; taking it later fails with SQLITE_BUSY.
            Self::Sqlite(pool) => pool.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite),
            Self::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
        .map_err(failed(op))
    }
}

impl Tx {
    pub(super) async fn exec(
        &mut self,
        op: Operation,
        sql: &'static str,
        values: &[SqlValue],
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(tx) => {
                bound!(sql, values).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            Self::Postgres(tx) => {
                bound!(sql, values).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
        }
        .map_err(failed(op))
    }

    /// Serialises writers of one subject. SQLite has one writer anyway; PostgreSQL takes an
    /// advisory lock that ends with the transaction.
    pub(super) async fn lock(&mut self, op: Operation, subject: &str) -> Result<(), StoreError> {
        if let Self::Postgres(_) = self {
            let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
            self.exec(op, sql, &[text(subject)]).await?;
        }
        Ok(())
    }

    pub(super) async fn commit(self, op: Operation) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(failed(op))
    }
}

/// A number up to 2^63 - 1: block numbers, times, small counts.
pub(super) fn int(value: u64) -> SqlValue {
    SqlValue::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

pub(super) fn opt_int(value: Option<u64>) -> SqlValue {
    value.map_or(SqlValue::NoInt, int)
}

/// Anything with a text form: ids, hashes, addresses, words.
pub(super) fn text(value: impl std::fmt::Display) -> SqlValue {
    SqlValue::Text(value.to_string())
}

pub(super) fn opt_text(value: Option<impl std::fmt::Display>) -> SqlValue {
    value.map_or(SqlValue::NoText, text)
}

/// A 128-bit number as text that sorts like the number.
pub(super) fn wide(value: u128) -> SqlValue {
    SqlValue::Text(format!("{value:039}"))
}

/// A 64-bit number of someone else as text that sorts like the number.
pub(super) fn counter(value: u64) -> SqlValue {
    SqlValue::Text(format!("{value:020}"))
}

pub(super) fn bytes(value: &[u8]) -> SqlValue {
    SqlValue::Text(alloy::hex::encode_prefixed(value))
}

pub(super) fn json(what: &'static str, value: &impl Serialize) -> Result<SqlValue, StoreError> {
    serde_json::to_string(value)
        .map(SqlValue::Text)
        .map_err(|source| StoreError::Unstorable { what, source: source.into() })
}

impl StoredRow {
    fn corrupt(
        column: usize,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::Corrupt { column, source: source.into() }
    }

    pub(super) fn u64(&self, column: usize) -> Result<u64, StoreError> {
        self.opt_u64(column)?.ok_or_else(|| Self::corrupt(column, "no number"))
    }

    pub(super) fn opt_u64(&self, column: usize) -> Result<Option<u64>, StoreError> {
        match self.0.get(column) {
            Some(Cell::Int(value)) => {
                u64::try_from(*value).map(Some).map_err(|cause| Self::corrupt(column, cause))
            }
            Some(Cell::Null) => Ok(None),
            _ => Err(Self::corrupt(column, "not a number")),
        }
    }

    pub(super) fn u32(&self, column: usize) -> Result<u32, StoreError> {
        u32::try_from(self.u64(column)?).map_err(|cause| Self::corrupt(column, cause))
    }

    pub(super) fn text(&self, column: usize) -> Result<&str, StoreError> {
        match self.0.get(column) {
            Some(Cell::Text(value)) => Ok(value),
            _ => Err(Self::corrupt(column, "not a text")),
        }
    }

    pub(super) fn opt_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        match self.0.get(column) {
            Some(Cell::Null) => Ok(None),
            _ => self.text(column).map(|value| Some(value.to_owned())),
        }
    }

    pub(super) fn parse<T>(&self, column: usize) -> Result<T, StoreError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.text(column)?.parse().map_err(|cause| Self::corrupt(column, cause))
    }

    pub(super) fn opt_parse<T>(&self, column: usize) -> Result<Option<T>, StoreError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        match self.0.get(column) {
            Some(Cell::Null) => Ok(None),
            _ => self.parse(column).map(Some),
        }
    }

    pub(super) fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        alloy::hex::decode(self.text(column)?).map_err(|cause| Self::corrupt(column, cause))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: usize) -> Result<T, StoreError> {
        serde_json::from_str(self.text(column)?).map_err(|cause| Self::corrupt(column, cause))
    }
}
