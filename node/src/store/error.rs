//! Errors of the store.

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The configured URL names no engine.
    #[error(
        "store url {url:?} names no database: {source}; use sqlite:PATH or postgres://user:password@host/database"
    )]
    BadUrl {
        /// As configured, without password.
        url: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database can't be opened or brought up to date.
    #[error("can't open the store {url:?}: {source}")]
    Open {
        /// As configured, without password.
        url: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A query failed.
    #[error("the store failed ({operation}): {source}")]
    Query {
        /// What was done.
        operation: &'static str,
        /// What the engine says.
        source: sqlx::Error,
    },
    /// A stored value is not what was written: wrong version, or a damaged file.
    #[error(
        "the store holds a value that can't be read: column {column}: {source}; restore it from a backup"
    )]
    Corrupt {
        /// Column's place in the query.
        column: usize,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A value that can't be stored.
    #[error("{what} can't be stored: {source}")]
    Unstorable {
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether the same operation may work in a moment: a busy file, a lost connection, a server
    /// that restarts. A full disk or a damaged file is none of these.
    #[must_use]
    pub(crate) fn is_transient(&self) -> bool {
        let Self::Query { source, .. } = self else { return false };
        match source {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut => true,
            sqlx::Error::Database(error) => {
                error.code().is_some_and(|code| is_transient_code(&code))
            }
            _ => false,
        }
    }
}

/// SQLite's BUSY and LOCKED with their extensions; PostgreSQL's classes of lost connections, of
/// conflicts between transactions, of exhausted connections, and of a server that starts or stops.
fn is_transient_code(code: &str) -> bool {
    if let (1..=4, Ok(number)) = (code.len(), code.parse::<u32>()) {
        return matches!(number & 0xff, 5 | 6);
    }
    ["08", "40", "533", "57P"].iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::is_transient_code;

    #[test]
    fn codes_that_pass_are_told_from_those_that_stay() {
        for code in ["5", "6", "261", "517", "08006", "40001", "40P01", "53300", "57P01"] {
            assert!(is_transient_code(code), "{code}");
        }
        // Full disk, damaged file, broken constraint, no such table.
        for code in ["13", "11", "2067", "1555", "23505", "42P01", "53100"] {
            assert!(!is_transient_code(code), "{code}");
        }
    }
}
