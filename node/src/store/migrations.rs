//! The schema's history. Both engines read the same SQL.
//!
//! The files are embedded by hand: sqlx's macro would build its database drivers a second time, for
//! the machine that compiles.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use std::borrow::Cow;

/// Versions are counted up and never edited: the store refuses a file that changed after it had
/// run.
const FILES: [(i64, &str, &str); 1] = [(1, "init", include_str!("migrations/0001_init.sql"))];

/// Brings a store of any earlier version up to date.
pub(super) fn migrator() -> Migrator {
    let migration = |(version, description, sql): (i64, &'static str, &'static str)| {
        let description = Cow::Borrowed(description);
        Migration::new(version, description, MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(FILES.map(migration).into())
}
