//! Errors of the store.

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The configured URL names no engine.
    #[error(
        "store url {url:?} names no database: {cause}; use sqlite:PATH or postgres://user:password@host/database"
    )]
    BadUrl {
        /// As configured, without password.
        url: String,
        /// Why.
        cause: String,
    },
    /// The database can't be opened or brought up to date.
    #[error("can't open the store {url:?}: {cause}")]
    Open {
        /// As configured, without password.
        url: String,
        /// Why.
        cause: String,
    },
    /// A query failed.
    #[error("the store failed ({operation}): {cause}")]
    Query {
        /// What was done.
        operation: &'static str,
        /// The engine's message.
        cause: sqlx::Error,
    },
    /// A stored value is not what was written: wrong version, or a damaged file.
    #[error(
        "the store holds a value that can't be read: column {column}: {cause}; restore it from a backup"
    )]
    Corrupt {
        /// Column's place in the query.
        column: usize,
        /// Why.
        cause: String,
    },
    /// A value that can't be stored.
    #[error("{what} can't be stored: {cause}")]
    Unstorable {
        /// What it is.
        what: &'static str,
        /// Why.
        cause: String,
    },
}
