//! Configuration: one TOML file, every value overridable as `OML__SECTION__KEY`.

mod endpoint_url;
mod error;
mod file;
mod remote_key;
mod roles;
mod validate;

pub use endpoint_url::{EndpointUrl, EndpointUrlError};
pub use error::ConfigError;
pub use file::{ChainConfig, HttpConfig, NodeConfig, StoreConfig};
pub use remote_key::{AwsKey, GcpKey, RemoteKey, RemoteKeyError};
pub use roles::{
    CopySourceConfig, GatewayConfig, HostConfig, InferenceConfig, OwnerConfig, OwnerRoundsConfig,
    PrivateKeySource, ProverConfig, QueryLimits, ReceiveConfig, RedeemConfig, UniverseConfig,
};
