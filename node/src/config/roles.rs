//! Sections of the roles.

use super::remote_key::RemoteKey;
use oml_contracts::{EthAddress, LicenseId, ModelId, OfferId};
use oml_engine::{DeviceName, FloatType};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a private key comes from, or who signs with it: exactly one of the four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrivateKeySource {
    /// Encrypted keystore (JSON, as of geth and Foundry); needs `password_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keystore: Option<PathBuf>,
    /// File with the keystore's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Name of an environment variable that holds the key as hex. For tests and containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key_env: Option<String>,
    /// File that holds the key as hex and that only its owner can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key_file: Option<PathBuf>,
    /// Key that a cloud holds and signs with, as `aws:…` or `gcp:…`. For accounts alone: a serving
    /// key signs every receipt, so it stays on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteKey>,
}

/// Role of a model owner: draws license seeds, delivers copies, seals and opens rounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnerConfig {
    /// Universes whose secrets this node holds.
    pub universes: Vec<UniverseConfig>,
    /// Folder of sealed copies, one folder per license named by its id, as `oml license seal`
    /// writes them. Their keys are put on chain once the hosts have accepted; hosts can download
    /// them. Without it nothing is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<PathBuf>,
    /// How rounds against its hosts are sealed; without it none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<OwnerRoundsConfig>,
}

/// How an owner's rounds are sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerRoundsConfig {
    /// File with the rounds secret, as `oml round keygen` writes it; only its owner may read it.
    pub secret: PathBuf,
    /// Account that pays for seals. Without it the node's own does, by which everybody can tell
    /// whose rounds they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<PrivateKeySource>,
    /// Allow inboxes on private and loopback addresses. For local networks only.
    #[serde(default)]
    pub allow_private_inboxes: bool,
}

/// Secrets of one universe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniverseConfig {
    /// Model whose universe it is.
    pub model: ModelId,
    /// Number of the universe among those of its model.
    pub epoch: u32,
    /// Directory that holds `universe-<epoch>/universe.oml`, or that directory itself.
    pub dir: PathBuf,
    /// File with the key that opens it.
    pub key_file: PathBuf,
}

/// Role of a host: gateways and redemption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// Metering gateways, one per license.
    pub gateways: Vec<GatewayConfig>,
    /// When vouchers are redeemed.
    pub redeem: RedeemConfig,
    /// Models that this node serves itself, without a gateway.
    pub inference: Vec<InferenceConfig>,
    /// Folder with the numbers that receipts have got; belongs to the data directory.
    pub signing_history: PathBuf,
    /// Folder of this machine, outside of the data directory and of every backup, by which a
    /// restored or copied history is known; `oml/boot-marks` in the user's state directory if
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_marks: Option<PathBuf>,
    /// How the copies of bought licenses are received; without it a person does so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive: Option<ReceiveConfig>,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            gateways: Vec::new(),
            redeem: RedeemConfig::default(),
            inference: Vec::new(),
            signing_history: PathBuf::from("signing-history"),
            boot_marks: None,
            receive: None,
        }
    }
}

/// How a host receives the copies of licenses that the node's account has bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiveConfig {
    /// Folder for copies, one folder per license named by its id: the sealed copy, and `copy` with
    /// the opened one. A copy takes twice its size.
    pub copies: PathBuf,
    /// Folder with the secret keys to which copies are sealed, `*.copy-key`, as `oml license
    /// acquire` writes them; only their owner may read them.
    pub copy_keys: PathBuf,
    /// Whether a copy whose every byte fits is accepted at once. A bad one costs half of the fee
    /// where the offer has a trial, and all of it elsewhere. Otherwise a person accepts.
    #[serde(default)]
    pub accept: bool,
    /// Largest sealed copy that is fetched, in bytes.
    #[serde(default = "defaults::copy_bytes")]
    pub max_bytes: u64,
    /// Owners' nodes, and which licenses are received from each; no other license is touched.
    pub from: Vec<CopySourceConfig>,
}

/// An owner's node, and the licenses whose copies are received from it: those to which everything
/// that is given applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopySourceConfig {
    /// Base URL of the owner's node.
    pub url: String,
    /// Licenses of this owner's offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<EthAddress>,
    /// Licenses of this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    /// Licenses of this offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferId>,
}

/// A metering gateway in front of an OpenAI-compatible upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// License under which it serves.
    pub license: LicenseId,
    /// Address on which it listens.
    pub listen: SocketAddr,
    /// Base URL of the upstream, such as `http://127.0.0.1:8000`.
    pub upstream: String,
    /// Model name to ask the upstream for; the client's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_model: Option<String>,
    /// Key that signs receipts, if it is the license's serving key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_key: Option<PrivateKeySource>,
    /// Folder of key files (`*.key`, hex) besides; the one that the chain names now signs. It is
    /// read again after a rotation, without a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_key_dir: Option<PathBuf>,
    /// Tokenizer file for the second meter; without it tokens are estimated from characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
    /// Answer length where the client asks for none, in tokens.
    #[serde(default = "defaults::max_tokens")]
    pub default_max_tokens: u32,
    /// Longest answer that a client can ask for, in tokens.
    #[serde(default = "defaults::max_tokens_cap")]
    pub max_tokens_cap: u32,
    /// Requests at the same time; more are answered 503.
    #[serde(default = "defaults::concurrency")]
    pub max_concurrent: usize,
    /// Largest request body in bytes.
    #[serde(default = "defaults::body")]
    pub max_body_bytes: usize,
    /// Time that the upstream has for a whole answer, in seconds.
    #[serde(default = "defaults::upstream_timeout_s")]
    pub upstream_timeout_s: u64,
}

/// When vouchers are redeemed: whatever comes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedeemConfig {
    /// Claim once this much is unclaimed, in the currency's smallest unit.
    pub threshold: oml_contracts::Amount,
    /// Claim at least this often while anything is unclaimed, in seconds.
    pub interval_s: u64,
    /// Most vouchers in one claim.
    pub max_rows: usize,
    /// Refuse new requests of a channel while it owes more than this; no limit if absent.
    pub max_unclaimed: Option<oml_contracts::Amount>,
}

impl Default for RedeemConfig {
    fn default() -> Self {
        Self {
            threshold: oml_contracts::Amount::new(1_000_000_000_000_000_000),
            interval_s: 3_600,
            max_rows: 64,
            max_unclaimed: None,
        }
    }
}

/// A model served by this node's own inference server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceConfig {
    /// Address on which it listens.
    pub listen: SocketAddr,
    /// Directory with the model's files.
    pub model_dir: PathBuf,
    /// Name under which clients ask for it.
    pub model_name: String,
    /// Requests that may wait; more are answered 503.
    #[serde(default = "defaults::queue")]
    pub queue: usize,
    /// Where it runs.
    #[serde(default)]
    pub device: DeviceName,
    /// What a GPU computes in; a processor computes in f32.
    #[serde(default)]
    pub precision: FloatType,
}

/// Role of a prover: takes hand-outs, asks deployments, answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProverConfig {
    /// File with the X25519 private key (hex) whose public half is registered on chain.
    pub encryption_key_file: PathBuf,
    /// Allow deployments on private and loopback addresses. For local networks only.
    #[serde(default)]
    pub allow_private_endpoints: bool,
    /// Model name sent to deployments.
    #[serde(default = "defaults::model_name")]
    pub query_model: String,
    /// Longest pause before a seat asks, in seconds, so that the seats of a round do not come
    /// together; half of the time that is left if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_spread_s: Option<u64>,
    /// The fees of the seats are taken out once they are those of so many seats; 0 leaves that to
    /// a person.
    #[serde(default = "defaults::withdraw_from_seats")]
    pub withdraw_from_seats: u32,
    /// Limits of a check.
    #[serde(default)]
    pub query: QueryLimits,
}

/// Limits of a check, so that a hostile endpoint costs a bounded amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryLimits {
    /// Tokens asked per question.
    pub max_tokens: u32,
    /// Time for one answer, in seconds.
    pub timeout_s: u64,
    /// Largest answer in bytes.
    pub max_response_bytes: usize,
    /// Questions at the same time.
    pub concurrency: usize,
    /// Tries per question when the endpoint does not answer.
    pub attempts: u32,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            max_tokens: 8,
            timeout_s: 30,
            max_response_bytes: 256 * 1024,
            concurrency: 4,
            attempts: 3,
        }
    }
}

mod defaults {
    pub(super) const fn max_tokens() -> u32 {
        256
    }
    pub(super) const fn max_tokens_cap() -> u32 {
        4_096
    }
    pub(super) const fn concurrency() -> usize {
        256
    }
    pub(super) const fn body() -> usize {
        1 << 20
    }
    pub(super) const fn upstream_timeout_s() -> u64 {
        600
    }
    pub(super) const fn queue() -> usize {
        32
    }
    pub(super) const fn withdraw_from_seats() -> u32 {
        16
    }
    pub(super) const fn copy_bytes() -> u64 {
        64 << 30
    }
    pub(super) fn model_name() -> String {
        "default".to_owned()
    }
}
