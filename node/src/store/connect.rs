//! Connections to the two engines, with the schema brought up to date.

use super::error::StoreError;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations");

pub(super) async fn open_sqlite(url: &str) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|source| StoreError::BadUrl { url: url.to_owned(), source: source.into() })?
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A voucher or a secret must survive a power cut once the call returned.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10));
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    if let Some(parent) =
        options.get_filename().parent().filter(|p| !in_memory && *p != Path::new(""))
    {
        std::fs::create_dir_all(parent).map_err(|cause| cannot_open(url, cause))?;
    }
    // A database in memory belongs to its connection.
    let (most, least) = if in_memory { (1, 1) } else { (4, 0) };
    let pool = SqlitePoolOptions::new()
        .max_connections(most)
        .min_connections(least)
        .acquire_timeout(Duration::from_secs(15))
        .connect_with(options)
        .await
        .map_err(|cause| cannot_open(url, cause))?;
    MIGRATIONS.run(&pool).await.map_err(|cause| cannot_open(url, cause))?;
    Ok(pool)
}

pub(super) async fn open_postgres(url: &str) -> Result<PgPool, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .acquire_timeout(Duration::from_secs(15))
        .connect(url)
        .await
        .map_err(|cause| cannot_open(url, cause))?;
    MIGRATIONS.run(&pool).await.map_err(|cause| cannot_open(url, cause))?;
    Ok(pool)
}

fn cannot_open(
    url: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Open { url: redact(url), source: source.into() }
}

/// Hides the password of a URL in messages.
pub(super) fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}"),
        None => url.to_owned(),
    }
}
