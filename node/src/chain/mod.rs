//! The chain: provider, typed reads, the follower of the head, and the only sender of transactions.

pub mod beacon;
mod client;
mod endpoint;
mod endpoints;
mod error;
mod finality;
mod follower;
mod head;
mod index;
mod log_range;
mod logs;
mod reader;
mod request;
mod reverts;
mod second;
mod sender;
mod views;

pub use client::ChainClient;
pub use endpoint::{BlockHeader, EndpointFailure, EndpointFiller, block_header, on_newest_state};
pub(crate) use endpoints::EndpointState;
pub use error::{ChainError, Contradiction};
pub use finality::lacks_finalized_tag;
pub use follower::{FollowError, Follower, Step};
pub use head::Head;
pub use reader::Reader;
pub use sender::{
    AccountError, AccountSigner, Intent, IntentStatus, KeystoreError, Sender, SenderError,
    open_keystore, read_password,
};
pub(crate) use sender::{SubmitError, Submitted, load_key_bytes, submit_once};
pub use views::{
    BeaconValue, ChannelStatus, ChannelView, CollateralView, DeploymentView, LicenseStatus,
    LicenseView, ProverView, RoundRules, RoundStatus, RoundView, SheetsView, UniverseView,
};
