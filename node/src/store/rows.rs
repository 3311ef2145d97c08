//! Rows of the store.

use alloy::primitives::{Address, B256};
use oml_contracts::round::{SeatIndex, SheetTags};
use oml_contracts::{
    Amount, ChannelId, DeploymentCommitment, DeploymentHash, EthAddress, KeysHash, LicenseId,
    LicenseNonce, ModelId, OfferId, Receipt, RequestHash, Root, RoundId, RoundWord, Salt, Seed,
    Terms,
};
use serde::{Deserialize, Serialize};

/// A block of the stored window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRef {
    /// Number of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
    /// Block time, unix seconds.
    pub timestamp: u64,
}

/// A published offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferRow {
    /// Id of the offer.
    pub offer_id: OfferId,
    /// Model that it belongs to.
    pub model_id: ModelId,
    /// Account that published it.
    pub owner: EthAddress,
    /// Terms that it fixes.
    pub terms: Terms,
    /// Block of publication.
    pub block: u64,
    /// Block of withdrawal.
    pub withdrawn_block: Option<u64>,
}

/// An acquired license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseRow {
    /// Id of the license.
    pub license_id: LicenseId,
    /// Offer that was bought.
    pub offer_id: OfferId,
    /// Account that bought it.
    pub host: EthAddress,
    /// Nonce chosen by the host.
    pub nonce: LicenseNonce,
    /// Key that signs receipts.
    pub serving_key: EthAddress,
    /// Block of acquisition.
    pub block: u64,
}

/// A declared deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRow {
    /// License that it belongs to.
    pub license_id: LicenseId,
    /// Hash of the URI.
    pub deployment: DeploymentHash,
    /// URI as registered.
    pub uri: String,
    /// Block of registration.
    pub block: u64,
    /// Block of retirement.
    pub retired_block: Option<u64>,
}

/// A committed universe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniverseRow {
    /// Model that it belongs to.
    pub model_id: ModelId,
    /// Number of the universe among those of its model.
    pub epoch: u32,
    /// Root of its tree.
    pub root: Root,
    /// Block of the commitment.
    pub block: u64,
}

/// A sealed round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundRow {
    /// Id of the round.
    pub round_id: RoundId,
    /// Account that sealed it, or whose signature did.
    pub account: EthAddress,
    /// Account that paid the fees, the reporter of a conviction.
    pub payer: EthAddress,
    /// Word with which it was sealed.
    pub word: RoundWord,
    /// What is tested.
    pub deployment: DeploymentCommitment,
    /// How many seats it has.
    pub seats: u8,
    /// Beacon round that draws it.
    pub beacon_round: u64,
    /// Tickets among which seats are drawn.
    pub tickets: u32,
    /// Chain time up to which seats answer, Unix seconds.
    pub answer_until: u64,
    /// Chain time up to which it can be opened, Unix seconds.
    pub open_until: u64,
    /// Block of the seal.
    pub block: u64,
    /// Block of the opening.
    pub opened_block: Option<u64>,
}

/// A hand-out as it came, still sealed: for each seat of a draw the first that was accepted. A
/// reorg may draw a round anew, and turn back.
#[derive(Clone, PartialEq, Eq)]
pub struct HandOutRow {
    /// Round that it is for.
    pub round_id: RoundId,
    /// Seat that it is for.
    pub seat: SeatIndex,
    /// Seed that drew the seat's keys.
    pub seed: Seed,
    /// The sealed box.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for HandOutRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandOutRow")
            .field("round_id", &self.round_id)
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}

/// What a seat found. Written before it is sent, never replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetRow {
    /// Round that was asked for.
    pub round_id: RoundId,
    /// Seat that asked.
    pub seat: SeatIndex,
    /// Seed that drew its keys.
    pub seed: Seed,
    /// Who sits there.
    pub prover: EthAddress,
    /// Hash of the keys that were asked.
    pub keys: KeysHash,
    /// Tags of the answers.
    pub tags: SheetTags,
    /// What was asked and answered, JSON; kept for people.
    pub transcript: serde_json::Value,
    /// Whether nothing is left to do: its fee is paid, or lost.
    pub settled: bool,
}

/// An owner's wish for a round against a deployment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealOrderRow {
    /// Chosen by who orders; ordering twice changes nothing.
    pub order_id: String,
    /// License whose ledger it is about.
    pub license_id: LicenseId,
    /// Word of the license, once it is chosen.
    pub index: Option<u8>,
    /// Base URL of the deployment.
    pub uri: String,
    /// Whether the host has not registered it under the license.
    pub leak: bool,
    /// What gets a stranger in, as canonical JSON, if anything does.
    pub access: Option<String>,
    /// Who pays and reports, if it is not this node.
    pub payer: Option<EthAddress>,
    /// Part of the owner's share that the payer is promised.
    pub promise_bps: u16,
}

impl std::fmt::Debug for SealOrderRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealOrderRow")
            .field("order_id", &self.order_id)
            .field("license_id", &self.license_id)
            .field("index", &self.index)
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// An opened channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelRow {
    /// Id of the channel.
    pub channel_id: ChannelId,
    /// License that it belongs to.
    pub license_id: LicenseId,
    /// Account whose deposit pays.
    pub payer: EthAddress,
    /// Who signs vouchers; zero means the payer.
    pub signer: EthAddress,
    /// Tells the payer's channels apart.
    pub salt: Salt,
    /// Block of the opening.
    pub block: u64,
    /// Block in which the payer last started to leave.
    pub thawing_block: Option<u64>,
    /// Block in which it was closed, by the payer or by the host.
    pub closed_block: Option<u64>,
}

/// Any event of the core contracts, kept for timelines and for what events alone carry (sheets,
/// inboxes).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Number of its block.
    pub block: u64,
    /// Place in the block.
    pub log_index: u64,
    /// Hash of its transaction.
    pub tx_hash: B256,
    /// Contract that emitted it.
    pub contract: Address,
    /// Event's name, such as `SheetSent`.
    pub name: String,
    /// First indexed argument: the round, license, channel, offer or model that it is about.
    pub subject: B256,
    /// All topics after the signature, in order.
    pub topics: Vec<B256>,
    /// ABI-encoded unindexed arguments.
    pub data: Vec<u8>,
    /// Block time, unix seconds.
    pub timestamp: u64,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its time and a worker.
    Queued,
    /// Leased by a worker.
    Running,
    /// It is in a final block and succeeded.
    Done,
    /// Will not be tried again.
    Failed,
}

/// A job to enqueue. At most one job exists per (kind, key), ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Which handler runs it.
    pub kind: &'static str,
    /// Unique within the kind, such as `<roundId>/3`.
    pub key: String,
    /// What the handler needs.
    pub payload: serde_json::Value,
    /// Not before this unix time in seconds of the machine's clock; 0 = now.
    pub run_after: u64,
}

/// A stored job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRow {
    /// Which handler runs it.
    pub kind: String,
    /// Unique within the kind.
    pub key: String,
    /// What the handler needs.
    pub payload: serde_json::Value,
    /// Where it stands.
    pub state: JobState,
    /// Times it was started.
    pub attempts: u32,
    /// Unix seconds until which the worker owns it.
    pub lease_until: u64,
    /// Unix seconds before which it does not run.
    pub run_after: u64,
    /// Why the last try did not succeed.
    pub last_error: Option<String>,
}

/// Where an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    /// Signed and persisted, not in a block (or a reorg took it out again).
    Pending,
    /// In a block that is not final.
    Mined,
    /// In a final block.
    Done,
    /// In a final block, and reverted.
    Reverted,
    /// Given up: its deadline passed, or its nonce was used by another transaction.
    Dropped,
}

/// A transaction that the node means to get onto the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentRow {
    /// Unique idempotency key.
    pub key: String,
    /// Account that sends it.
    pub sender: Address,
    /// Contract that is called.
    pub to: Address,
    /// What the contract is called with.
    pub calldata: Vec<u8>,
    /// Native value in wei.
    pub value: u128,
    /// What it does, for people.
    pub describe: String,
    /// Chain time after which it is useless.
    pub deadline: Option<u64>,
    /// Where it stands.
    pub state: IntentState,
    /// Nonce of the account.
    pub nonce: u64,
    /// Hash of the mined transaction.
    pub tx_hash: Option<B256>,
    /// Block in which it was mined.
    pub block: Option<u64>,
    /// Whether the mined transaction succeeded.
    pub succeeded: Option<bool>,
    /// Why it was dropped or reverted.
    pub error: Option<String>,
    /// Machine's unix time of creation.
    pub created_at: u64,
}

/// One signed transaction for an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRow {
    /// Key of the intent that it is a try of.
    pub key: String,
    /// Hash of the signed transaction.
    pub tx_hash: B256,
    /// Frees the nonce of a given-up intent instead of doing what it meant.
    pub cancels: bool,
    /// Signed transaction as it is broadcast.
    pub raw: Vec<u8>,
    /// Fee cap per gas in wei.
    pub max_fee: u128,
    /// Tip per gas in wei.
    pub tip: u128,
    /// Machine's unix time of signing.
    pub created_at: u64,
}

/// A voucher as received. Never changed, never deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherRow {
    /// Channel that it is drawn on.
    pub channel_id: ChannelId,
    /// The channel's license.
    pub license_id: LicenseId,
    /// Account whose deposit pays.
    pub payer: EthAddress,
    /// Channel's signer; zero means the payer.
    pub signer: EthAddress,
    /// Tells apart the payer's channels to one license.
    pub salt: Salt,
    /// Promised so far.
    pub cumulative_amount: Amount,
    /// Requests so far, this one included.
    pub cumulative_requests: u64,
    /// Tokens so far, this request's allowance included.
    pub cumulative_tokens: u64,
    /// The request that it permits.
    pub request_hash: RequestHash,
    /// Signature as 65 bytes.
    pub signature: Vec<u8>,
    /// Machine's unix time of arrival.
    pub received_at: u64,
}

/// A receipt as signed (host) or received (payer). Never changed, never deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRow {
    /// What was signed.
    pub receipt: Receipt,
    /// Signature as 65 bytes.
    pub signature: Vec<u8>,
}

/// What an event established, as a row of its own table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An offer was published.
    Offer(Box<OfferRow>),
    /// An offer sells no more licenses.
    OfferWithdrawn(OfferId),
    /// A license was bought.
    License(LicenseRow),
    /// A host declared a deployment.
    Deployment(DeploymentRow),
    /// A host ended a deployment.
    DeploymentRetired(LicenseId, DeploymentHash),
    /// An owner committed to a universe.
    Universe(UniverseRow),
    /// A round was sealed.
    Round(RoundRow),
    /// A round was opened.
    RoundOpened(RoundId),
    /// A payer opened a channel.
    Channel(ChannelRow),
    /// A payer starts to leave a channel.
    ChannelThawing(ChannelId),
    /// A payer has left a channel, or its host has closed it.
    ChannelClosed(ChannelId),
}

/// Consecutive blocks and what happened in them; committed as one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainBatch {
    /// Blocks to keep in the window, ascending; the last one is the new head of the store.
    pub blocks: Vec<BlockRef>,
    /// Events with what they established, in order.
    pub events: Vec<(EventRow, Option<Fact>)>,
    /// Length of the window in blocks.
    pub window: u64,
}
