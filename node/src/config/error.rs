//! Why a configuration can't be used.

use super::endpoint_url::EndpointUrlError;
use std::path::PathBuf;

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration {}: {source}", path.display())]
    Unreadable {
        /// Path as it was given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of another type.
    #[error("{origin}: {source}")]
    Invalid {
        /// File, or other source.
        origin: String,
        /// Names the key.
        source: Box<figment::Error>,
    },
    /// A value that can't work.
    #[error("{key} = {value}: {advice}")]
    Value {
        /// Key with its sections, such as `chain.rpc_url`.
        key: String,
        /// Value as configured.
        value: String,
        /// Why not, and what to do.
        advice: String,
    },
    /// An endpoint's URL is none.
    #[error("{key}: {source}")]
    Endpoint {
        /// Key with its sections.
        key: String,
        /// What is wrong with it; never holds what may be secret in it.
        source: EndpointUrlError,
    },
    /// A private key can't be had.
    #[error("{key}: {source}")]
    Key {
        /// Dotted key of the section.
        key: String,
        /// What is wrong with it; never holds the key.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
