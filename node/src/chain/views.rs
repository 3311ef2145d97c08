//! What a contract says, as Rust values: ids and money as newtypes, times in unix seconds.

use oml_contracts::round::{SeatIndex, SheetChain};
use oml_contracts::rpc::abi::Beacon::Status;
use oml_contracts::{
    Amount, CasesRoot, CopyKey, DeploymentCommitment, EthAddress, Root, SealedRoot, Seed,
};
use serde::{Deserialize, Serialize};

/// Where a license stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseStatus {
    /// No such license was ever acquired.
    None,
    /// Paid for; its seed is not drawn yet.
    Acquired,
    /// Its seed is drawn; the owner embeds and delivers.
    Seeded,
    /// The host has the sealed copy and waits for its key until `deadline`.
    Accepted,
    /// Its copy can be read; in force until `deadline`.
    Active,
    /// Ended early at `deadline`.
    Terminated,
    /// Refunded because it was not delivered.
    Cancelled,
}

/// A license (`LicenseRegistry.license`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseView {
    /// Where it stands.
    pub status: LicenseStatus,
    /// Deadline of the delivery, then of the key, then expiry, then time of termination.
    pub deadline: u64,
    /// Beacon round of its seed.
    pub seed_round: u64,
    /// Its seed; zero before it is drawn.
    pub seed: Seed,
    /// Until when the host can reject its copy; 0 if no half of the fee is on trial.
    pub trial_end: u64,
    /// Whether a part of the fee waits for its owner.
    pub fee_due: bool,
    /// Root of the sealed copy that the host accepted; zero before.
    pub sealed_root: SealedRoot,
    /// Hash of the copy's key while accepted, the key itself once active; zero before.
    pub copy_key: CopyKey,
    /// Root of the words with which its rounds are sealed; zero before the owner commits to them.
    pub cases_root: CasesRoot,
}

impl LicenseView {
    /// Whether the license may serve at `now`.
    #[must_use]
    pub fn is_active(&self, now: u64) -> bool {
        self.status == LicenseStatus::Active && now <= self.deadline
    }
}

/// A universe (`LicenseRegistry.universe`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniverseView {
    /// Root of its tree; zero if there is no such epoch.
    pub root: Root,
    /// Model seed; zero before it is drawn.
    pub seed: Seed,
    /// How many fingerprints every copy carries.
    pub personal_count: u32,
    /// How many fingerprints only assigned licenses carry.
    pub shared_count: u32,
    /// Beacon round of the model seed.
    pub seed_round: u64,
    /// Licenses ever activated under it.
    pub licenses: u32,
    /// Personal bundles burned so far.
    pub burned_bundles: u32,
}

/// Where a round stands in the contract's books; that it has lapsed is said by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundStatus {
    /// No such round was ever sealed.
    None,
    /// Sealed, and not opened.
    Sealed,
    /// Opened; it did not convict.
    Opened,
    /// Opened; it convicted a license.
    Convicted,
    /// Not opened in time, and a seat has asked for its fee.
    Lapsed,
}

/// What the contract keeps of a round (`Rounds.round`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundView {
    /// Where it stands.
    pub status: RoundStatus,
    /// When it was sealed, Unix seconds.
    pub sealed_at: u64,
    /// Beacon round that draws it.
    pub beacon_round: u64,
    /// Tickets among which seats are drawn.
    pub tickets: u32,
    /// How many seats it has.
    pub seats: u8,
    /// Bit i: the fee of seat i was credited.
    pub paid: u32,
    /// Account that paid the fees, the reporter of a conviction.
    pub payer: EthAddress,
    /// What is tested.
    pub deployment: DeploymentCommitment,
}

impl RoundView {
    /// Whether a seat's fee was credited.
    #[must_use]
    pub const fn is_paid(&self, seat: SeatIndex) -> bool {
        has_bit(self.paid, seat)
    }
}

/// What the contract keeps of a round's sheets (`Rounds.sheets`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetsView {
    /// Bit i: seat i has sent its sheet.
    pub answered: u32,
    /// Over all sheets, in the order in which they came.
    pub chain: SheetChain,
}

impl SheetsView {
    /// Whether a seat has sent its sheet.
    #[must_use]
    pub const fn has(&self, seat: SeatIndex) -> bool {
        has_bit(self.answered, seat)
    }
}

const fn has_bit(seats: u32, seat: SeatIndex) -> bool {
    seats >> (seat.0 % 32) & 1 == 1
}

/// Rules of all rounds (`Rounds.config`). Windows in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundRules {
    /// For seats to answer.
    pub answer_window: u64,
    /// For the owner to open.
    pub open_window: u64,
    /// Before a slash is paid out.
    pub payout_delay: u64,
    /// Paid for a seat.
    pub seat_fee: Amount,
    /// Currency of fees and stakes; zero for the chain's own.
    pub currency: EthAddress,
    /// Seconds after a prover's sign of life until its tickets are dead.
    pub alive_period: u64,
}

/// A deployment's standing under a license (`LicenseRegistry.deployment`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentView {
    /// Since when its host answers for it; 0 if it never did.
    pub registered_at: u64,
    /// Until when a round that names it can be opened.
    pub liable_until: u64,
}

/// Where a channel stands. A closed one takes no deposit and never opens again; what is left in it
/// can still be claimed, reserved and thawed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelStatus {
    /// No channel was ever opened under the id.
    None,
    /// Takes deposits and pays for requests.
    Open,
    /// The payer has left, or the host has closed it.
    Closed,
}

/// A payer's channel (`PaymentEscrow.channel`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelView {
    /// Paid in so far, less what the payer took back.
    pub deposited: Amount,
    /// Claimed so far.
    pub claimed: Amount,
    /// When the payer can leave; 0 if it did not start to.
    pub thaw_end: u64,
    /// Whether it is known, and still open.
    pub status: ChannelStatus,
}

/// A license's collateral (`CollateralVault.collateral`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollateralView {
    /// What is left.
    pub amount: Amount,
    /// When it can be withdrawn; 0 if the host did not start the thaw.
    pub thaw_end: u64,
}

/// A prover (`ProverRegistry.prover`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProverView {
    /// Tickets that it holds; none if it is no prover.
    pub tickets: u32,
    /// In rounds sealed later its tickets are vacant.
    pub alive_until: u64,
    /// Stake on its way out.
    pub thawing: Amount,
    /// When that can be withdrawn.
    pub thaw_end: u64,
    /// X25519 public key to which hand-outs are sealed.
    pub encryption_key: [u8; 32],
}

/// A beacon round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeaconValue {
    /// Not out yet, or nobody has brought it.
    Pending,
    /// The round is out and brought, with this value.
    Ready([u8; 32]),
    /// Can't be had any more; drawing now moves the subject to a new round.
    Stale,
}

impl BeaconValue {
    /// From the contract's answer.
    pub(crate) const fn of(status: Status, value: [u8; 32]) -> Self {
        match status {
            Status::Ready => Self::Ready(value),
            Status::Stale => Self::Stale,
            _ => Self::Pending,
        }
    }
}
