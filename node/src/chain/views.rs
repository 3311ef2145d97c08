//! What a contract says, as Rust values: ids and money as newtypes, times in unix seconds.

use oml_contracts::rpc::CaseStory;
use oml_contracts::rpc::abi::Beacon::Status;
use oml_contracts::{
    Amount, CaseId, CaseOpening, ContentHash, DeploymentHash, Drawn, EthAddress, Facts, LicenseId,
    Outcome, QuestionsHash, Root, Seed,
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
    /// Accepted by the host; in force until `deadline`.
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
    /// Delivery deadline, then expiry, then time of termination.
    pub deadline: u64,
    /// Beacon round of its seed.
    pub seed_round: u64,
    /// Its seed; zero before it is drawn.
    pub seed: Seed,
    /// Hash of the delivered copy; zero before activation.
    pub artefact_hash: ContentHash,
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
    /// Licenses sold under it.
    pub licenses: u32,
    /// Cases counted against it.
    pub cases: u32,
    /// Personal bundles burned so far.
    pub burned_bundles: u32,
    /// Shared bundles burned so far.
    pub burned_shared: u32,
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseStatus {
    /// No such case was ever opened.
    None,
    /// Opened; waits for the beacon round.
    Opened,
    /// Bundles and committee drawn; waits for the owner's questions.
    Drawn,
    /// Members ask and commit.
    Committing,
    /// Members reveal the tags that they committed to.
    Revealing,
    /// Waits for the owner to open the leaves.
    Opening,
    /// The accused may rebut.
    Rebuttal,
    /// Decided against the accused.
    Upheld,
    /// Decided for the accused.
    Dismissed,
    /// Ended without a verdict because a party let a deadline pass.
    Void,
}

impl CaseStatus {
    /// Whether nothing can happen to the case any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Upheld | Self::Dismissed | Self::Void)
    }
}

/// What the contract keeps of a case (`ChallengeManager.caseOf`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseState {
    /// Where it stands.
    pub status: CaseStatus,
    /// End of the current window.
    pub deadline: u64,
    /// Beacon round of the draw.
    pub seed_round: u64,
    /// Number of questions.
    pub question_count: u16,
    /// Members that committed.
    pub commits: u8,
    /// Members that revealed.
    pub reveals: u8,
    /// Bit i: member i dissented.
    pub dissenters: u16,
    /// Hash of what was drawn, asked and found.
    pub facts: Facts,
}

/// A case: what the contract keeps, and what its events announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseView {
    /// Id of the case.
    pub id: CaseId,
    /// License that is accused.
    pub license_id: LicenseId,
    /// Deployment that is accused.
    pub deployment: DeploymentHash,
    /// Who opened it.
    pub reporter: EthAddress,
    /// Where it stands.
    pub status: CaseStatus,
    /// When it was opened.
    pub opened_at: u64,
    /// The universe's cases when it was opened, itself included.
    pub cases: u32,
    /// Licenses that could have been accused when it was opened.
    pub licenses: u32,
    /// Whether the deployment was not registered: the verdict is a flag unless the terms say more.
    pub leak: bool,
    /// End of the current window.
    pub deadline: u64,
    /// Beacon round of the draw.
    pub seed_round: u64,
    /// Hash of the questions; zero before they are posted.
    pub questions_hash: QuestionsHash,
    /// Number of questions.
    pub question_count: u16,
    /// Members that committed.
    pub commits: u8,
    /// Members that revealed.
    pub reveals: u8,
    /// Bit i: member i dissented.
    pub dissenters: u16,
    /// Hash of what was drawn, asked and found.
    pub facts: Facts,
    /// Bit j set: fingerprint j was a hit (little-endian bit order over 256 bits, byte 0 = bits
    /// 0..8).
    pub hits: [u8; 32],
    /// Bit j set: fingerprint j was a hit of the shared part outside of the license's assignment.
    pub outside: [u8; 32],
    /// Hash of the opened key hashes; zero before the opening.
    pub keys_hash: QuestionsHash,
    /// Bit j set: fingerprint j was removed by a rebuttal; same bit order.
    pub removed: [u8; 32],
    /// Evidence needed, log2 with 32 fractional bits.
    pub threshold: i64,
    /// Bundles that were drawn, in order.
    pub bundles: Vec<u32>,
    /// Members that were drawn, in order.
    pub committee: Vec<EthAddress>,
}

impl CaseView {
    /// Puts together what the contract keeps and what its events announced; `None` if the two do
    /// not belong together. `removed` as `removedOf` gives it, `alpha_inverse` from the license's
    /// terms.
    #[must_use]
    pub fn new(
        id: CaseId,
        state: &CaseState,
        story: CaseStory,
        removed: [u8; 32],
        alpha_inverse: u64,
    ) -> Option<Self> {
        let story = story.at(state.facts)?;
        let opening = story.opening;
        Some(Self {
            id,
            license_id: story.license_id,
            deployment: opening.deployment,
            reporter: opening.reporter,
            status: state.status,
            opened_at: opening.opened_at,
            cases: opening.cases,
            licenses: opening.licenses,
            leak: opening.leak,
            deadline: state.deadline,
            seed_round: state.seed_round,
            questions_hash: story.questions,
            question_count: state.question_count,
            commits: state.commits,
            reveals: state.reveals,
            dissenters: state.dissenters,
            facts: state.facts,
            hits: story.outcome.hits,
            outside: story.outcome.outside,
            keys_hash: story.outcome.keys_hash,
            removed,
            threshold: opening.threshold(alpha_inverse).raw(),
            bundles: story.drawn.bundles,
            committee: story.drawn.committee,
        })
    }

    /// What was fixed at its opening.
    #[must_use]
    pub const fn opening(&self) -> CaseOpening {
        CaseOpening {
            deployment: self.deployment,
            reporter: self.reporter,
            opened_at: self.opened_at,
            cases: self.cases,
            licenses: self.licenses,
            leak: self.leak,
        }
    }

    /// What was drawn.
    #[must_use]
    pub fn drawn(&self) -> Drawn {
        Drawn { bundles: self.bundles.clone(), committee: self.committee.clone() }
    }

    /// What the opening found.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        Outcome { hits: self.hits, outside: self.outside, keys_hash: self.keys_hash }
    }

    /// Whether fingerprint `index` (in the order of the opened bundles) was a hit.
    #[must_use]
    pub fn is_hit(&self, index: u16) -> bool {
        bit(&self.hits, index)
    }

    /// Whether fingerprint `index` was removed by a rebuttal.
    #[must_use]
    pub fn is_removed(&self, index: u16) -> bool {
        bit(&self.removed, index)
    }

    /// Place of `account` in the committee.
    #[must_use]
    pub fn member(&self, account: &EthAddress) -> Option<usize> {
        self.committee.iter().position(|member| member == account)
    }
}

fn bit(bits: &[u8; 32], index: u16) -> bool {
    bits.get(usize::from(index / 8)).is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

/// Rules of all cases (`ChallengeManager.config`). Windows in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeConfig {
    /// Least time between a report's commitment and its use.
    pub report_delay: u64,
    /// Time to post questions.
    pub questions_window: u64,
    /// Time to commit.
    pub commit_window: u64,
    /// Time to reveal.
    pub reveal_window: u64,
    /// Time to open leaves.
    pub opening_window: u64,
    /// Time to rebut.
    pub rebuttal_window: u64,
    /// Time before a slash is paid out.
    pub payout_delay: u64,
    /// Members of a committee.
    pub committee_size: u8,
    /// Personal bundles per case.
    pub bundles_per_case: u8,
    /// Shared bundles per case, as long as the universe has them.
    pub shared_bundles_per_case: u8,
    /// Least number of decoys.
    pub min_decoys: u8,
    /// Taken from a member that does not reveal.
    pub non_reveal_penalty: Amount,
    /// Taken from a member that dissents.
    pub dissent_penalty: Amount,
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
    /// Open cases and proofs that hold it.
    pub freezes: u16,
    /// When it can be withdrawn; 0 if the host did not start the thaw.
    pub thaw_end: u64,
}

/// A prover (`ProverRegistry.prover`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProverView {
    /// Its stake; zero if it is none.
    pub stake: Amount,
    /// Since when it can be drawn.
    pub active_from: u64,
    /// When it can take its stake; 0 if it did not start to leave.
    pub thaw_end: u64,
    /// Cases that hold its stake.
    pub open_cases: u16,
    /// X25519 public key to which questions are sealed.
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
