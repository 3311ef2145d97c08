//! Configuration: one TOML file, every value overridable as `OML__SECTION__KEY`.

mod error;
mod file;
mod roles;
mod validate;

pub use error::ConfigError;
pub use file::{ChainConfig, HttpConfig, NodeConfig, StoreConfig};
pub use roles::{
    GatewayConfig, HostConfig, InferenceConfig, OwnerConfig, OwnerRoundsConfig, PrivateKeySource,
    ProverConfig, QueryLimits, RedeemConfig, UniverseConfig,
};
