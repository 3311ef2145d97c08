//! What to do in a case: a pure function of the chain's state, of who we are, and of chain time.
//!
//! Nothing here remembers. After every head the service reads the case again and asks
//! [`next_action`]; an action disappears from the answer because the chain shows its effect, so a
//! restart, a reorg or a second copy of the node can't make it act out of turn. Actions in flight are
//! held back by their key ([`Action::key`]), which the sender accepts once.
//!
//! The contract enters some phases only with the next transaction (the first reveal starts the
//! reveal window, the opening of the leaves needs no own step). [`phase`] says in which phase the
//! *next* transaction will find the case.

use oml_contracts::{Commitment, EthAddress};

use super::case_file::{CaseFile, Member};
use crate::chain::{BeaconValue, CaseStatus};

/// Which transaction a case waits for, at a given chain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The beacon round is not out.
    AwaitBeacon,
    /// Anyone may draw (or re-commit a stale round).
    Draw,
    /// The owner's questions.
    Questions,
    /// Commitments of members.
    Commit,
    /// Reveals of members.
    Reveal,
    /// The owner's leaves.
    Open,
    /// The host's vouchers.
    Rebut,
    /// Anyone may end the case.
    Resolve,
    /// Between two phases for this very second, or no such case.
    Idle,
    /// Ended.
    Closed,
}

/// The phase that a transaction sent now meets.
///
/// `now` is the timestamp of the newest block in seconds. The next block is younger, so a deadline
/// counts as open only while `now < deadline` and as missed only once `now > deadline`: being wrong
/// by the one second between them costs a reverted transaction.
#[must_use]
pub fn phase(file: &CaseFile, now: u64) -> Phase {
    let missed = now > file.case.deadline;
    let until_deadline = |phase| {
        if now < file.case.deadline {
            phase
        } else if missed {
            Phase::Resolve
        } else {
            Phase::Idle
        }
    };
    match file.case.status {
        CaseStatus::None => Phase::Idle,
        CaseStatus::Opened => match file.beacon {
            BeaconValue::Pending => Phase::AwaitBeacon,
            BeaconValue::Ready(_) | BeaconValue::Stale => Phase::Draw,
        },
        CaseStatus::Drawn => until_deadline(Phase::Questions),
        CaseStatus::Committing if file.commits() == file.members.len() => Phase::Reveal,
        CaseStatus::Committing if missed && file.commits() >= file.quorum() => Phase::Reveal,
        CaseStatus::Committing => until_deadline(Phase::Commit),
        CaseStatus::Revealing if file.reveals() == file.commits() => Phase::Open,
        CaseStatus::Revealing if missed && file.reveals() >= file.quorum() => Phase::Open,
        CaseStatus::Revealing => until_deadline(Phase::Reveal),
        CaseStatus::Opening => until_deadline(Phase::Open),
        CaseStatus::Rebuttal => until_deadline(Phase::Rebut),
        CaseStatus::Upheld | CaseStatus::Dismissed | CaseStatus::Void => Phase::Closed,
    }
}

/// What a node is in a case. A node with several roles asks once per role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Owner of the accused license's model.
    Owner {
        /// Whether this node holds the universe that the case draws from.
        has_universe: bool,
    },
    /// A staked prover.
    Prover {
        /// Commitment to the tags and salt that this node has stored for the case, once it has asked.
        answers: Option<Commitment>,
    },
    /// The accused host.
    Host {
        /// Fingerprints (0-based among the opened ones) for whose request it keeps a paid voucher.
        paid: Vec<u16>,
    },
    /// Anyone else, the reporter for example.
    Observer,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Account that sends the transactions.
    pub address: EthAddress,
    /// What it is in the case.
    pub role: Role,
    /// Seconds to leave to others before doing what anyone may do (drawing, resolving), so that many
    /// nodes do not pay for the same transaction.
    pub patience: u64,
}

/// One step in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Draw bundles and committee, or re-commit a stale round.
    Draw,
    /// Choose the questions and post their hash.
    PostQuestions,
    /// Ask the deployment; ends with stored tags, not with a transaction.
    Ask,
    /// Commit to the stored tags.
    CommitTags,
    /// Reveal the stored tags.
    RevealTags,
    /// Open the drawn leaves.
    OpenLeaves,
    /// Remove this fingerprint by the voucher that paid for its request.
    Rebut {
        /// 0-based among the opened ones.
        fingerprint: u16,
    },
    /// End the case.
    Resolve,
}

impl Action {
    /// Stable lower-case name, for jobs, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draw => "draw",
            Self::PostQuestions => "post-questions",
            Self::Ask => "ask",
            Self::CommitTags => "commit-tags",
            Self::RevealTags => "reveal-tags",
            Self::OpenLeaves => "open-leaves",
            Self::Rebut { .. } => "rebut",
            Self::Resolve => "resolve",
        }
    }

    /// Key under which this action of `actor` is done at most once. It names what the action is
    /// derived from, so that the same step after a reorg or of a later round is another action.
    #[must_use]
    pub fn key(self, file: &CaseFile, actor: &Actor) -> String {
        let case = file.case.id;
        let what = match self {
            // A stale round is drawn again under another number.
            Self::Draw => format!("draw/{}", file.case.seed_round),
            Self::Rebut { fingerprint } => format!("rebut/{fingerprint}"),
            Self::Resolve => format!("resolve/{}", file.case.status),
            Self::CommitTags | Self::RevealTags => match actor.role {
                Role::Prover { answers: Some(answers) } => format!("{}/{answers}", self.name()),
                _ => self.name().to_owned(),
            },
            other => other.name().to_owned(),
        };
        format!("case/{case}/{}/{what}", actor.address)
    }
}

/// The next step of `actor`, or `None` when it is another's turn or the case has ended.
///
/// `now` is chain time in seconds (the newest block's timestamp).
#[must_use]
pub fn next_action(file: &CaseFile, actor: &Actor, now: u64) -> Option<Action> {
    match phase(file, now) {
        Phase::Draw => patient(file.case.opened_at, actor, now).then_some(Action::Draw),
        Phase::Resolve => patient(file.case.deadline, actor, now).then_some(Action::Resolve),
        Phase::Questions => owner_of(file, actor).then_some(Action::PostQuestions),
        Phase::Open => owner_of(file, actor).then_some(Action::OpenLeaves),
        Phase::Commit => commit(file, actor),
        Phase::Reveal => reveal(file, actor),
        Phase::Rebut => rebut(file, actor),
        Phase::AwaitBeacon | Phase::Idle | Phase::Closed => None,
    }
}

/// Seconds until the current phase must have been answered, if `actor` has something to do in it.
#[must_use]
pub fn margin(file: &CaseFile, actor: &Actor, now: u64) -> Option<u64> {
    let deadline_bound = !matches!(phase(file, now), Phase::Draw | Phase::Resolve);
    (deadline_bound && next_action(file, actor, now).is_some())
        .then(|| file.case.deadline.saturating_sub(now))
}

const fn patient(since: u64, actor: &Actor, now: u64) -> bool {
    now >= since.saturating_add(actor.patience)
}

fn owner_of(file: &CaseFile, actor: &Actor) -> bool {
    actor.role == Role::Owner { has_universe: true } && actor.address == file.owner
}

/// Our place in the committee, if we act as a prover in it.
fn seat<'a>(file: &'a CaseFile, actor: &Actor) -> Option<(&'a Member, Option<Commitment>)> {
    match actor.role {
        Role::Prover { answers } => Some((file.member(&actor.address)?, answers)),
        _ => None,
    }
}

fn commit(file: &CaseFile, actor: &Actor) -> Option<Action> {
    let (member, answers) = seat(file, actor)?;
    match (member.commitment, answers) {
        (Some(_), _) => None,
        (None, None) => Some(Action::Ask),
        (None, Some(_)) => Some(Action::CommitTags),
    }
}

fn reveal(file: &CaseFile, actor: &Actor) -> Option<Action> {
    let (member, answers) = seat(file, actor)?;
    // Revealing something else than what was committed to would only cost a reverted transaction.
    let ours = member.commitment.is_some() && member.commitment == answers;
    (ours && !member.revealed).then_some(Action::RevealTags)
}

fn rebut(file: &CaseFile, actor: &Actor) -> Option<Action> {
    let Role::Host { paid } = &actor.role else { return None };
    if actor.address != file.host {
        return None;
    }
    // A removed miss would only help the accuser, so misses stay.
    paid.iter()
        .copied()
        .filter(|j| usize::from(*j) < file.fingerprint_count())
        .find(|j| file.is_standing_hit(*j))
        .map(|fingerprint| Action::Rebut { fingerprint })
}

#[cfg(test)]
mod tests;
