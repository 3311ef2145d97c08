//! What to do in a case: a pure function of the chain's state, of who we are, and of chain time.
//!
//! Nothing here remembers. After every head the service reads the case again and asks
//! [`next_action`]; an action disappears from the answer because the chain shows its effect, so a
//! restart, a reorg or a second copy of the node can't make it act out of turn. Actions in flight
//! are held back by their key ([`Action::key`]), which the sender accepts once.
//!
//! The contract enters some steps only with the next transaction. [`phase`] says in which one the
//! *next* transaction will find the case.

use std::collections::BTreeSet;

use oml_contracts::{Commitment, EthAddress};

use crate::cases::case_file::{CaseFile, Member, PaidQuestion};
use crate::chain::CaseStatus;
use crate::chain::beacon::RoundStep;

/// Which transaction a case waits for, at a given chain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// The beacon round is not out.
    AwaitBeacon,
    /// The round is out; anyone may bring it.
    Bring,
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
    /// The very second of a deadline, or no such case.
    Idle,
    /// The case has ended.
    Closed,
}

/// Status and deadline that a transaction sent now meets: the contract goes on by itself where a
/// deadline has passed and enough members have acted (`CaseBook._advance`).
#[must_use]
pub(crate) fn advanced(file: &CaseFile, now: u64) -> (CaseStatus, u64) {
    let (mut status, mut deadline) = (file.case.status, file.case.deadline);
    if status == CaseStatus::Committing && now > deadline && file.commits() >= file.quorum() {
        status = CaseStatus::Revealing;
        deadline = deadline.saturating_add(file.rules.reveal_window);
    }
    if status == CaseStatus::Revealing && now > deadline && file.reveals() >= file.quorum() {
        status = CaseStatus::Opening;
        deadline = deadline.saturating_add(file.rules.opening_window);
    }
    (status, deadline)
}

/// What a transaction sent now can do.
///
/// `now` is the timestamp of the newest block in seconds. The next block is younger, so a step
/// counts as open only while `now < deadline` and as missed only once `now > deadline`: being wrong
/// by the one second between them costs a reverted transaction.
#[must_use]
pub(crate) fn phase(file: &CaseFile, now: u64) -> Phase {
    let (status, deadline) = advanced(file, now);
    let step = match status {
        CaseStatus::None => return Phase::Idle,
        CaseStatus::Upheld | CaseStatus::Dismissed | CaseStatus::Void => return Phase::Closed,
        CaseStatus::Opened => match file.round {
            RoundStep::Wait => Phase::AwaitBeacon,
            RoundStep::Bring => Phase::Bring,
            RoundStep::Draw | RoundStep::Renew => Phase::Draw,
        },
        CaseStatus::Drawn => Phase::Questions,
        CaseStatus::Committing => Phase::Commit,
        CaseStatus::Revealing => Phase::Reveal,
        CaseStatus::Opening => Phase::Open,
        CaseStatus::Rebuttal => Phase::Rebut,
    };
    if now < deadline {
        step
    } else if now > deadline {
        Phase::Resolve
    } else {
        Phase::Idle
    }
}

/// What a node is in a case. A node with several roles asks once per role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// Owner of the accused license's model.
    Owner {
        /// Whether this node holds the universe that the case draws from.
        has_universe: bool,
    },
    /// A staked prover.
    Prover {
        /// To the tags and salt that this node has stored for the case, once it has asked.
        commitment: Option<Commitment>,
    },
    /// The accused host.
    Host {
        /// Tested requests for which it keeps a committee member's voucher.
        paid: Vec<PaidQuestion>,
    },
    /// Anyone else, the reporter for example.
    Observer,
}

/// The account that acts and what it is in the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    /// Account that sends the transactions.
    pub address: EthAddress,
    /// What it is in the case.
    pub role: Role,
    /// Seconds to leave to others before doing what anyone may do (drawing, resolving), so that
    /// many nodes do not pay for the same transaction.
    pub patience: u64,
}

/// One step in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Order the beacon round that the draw waits for; ends with a job, not with a transaction.
    Bring,
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
    /// Show that a member paid for a tested request.
    Rebut(PaidQuestion),
    /// End the case.
    Resolve,
}

impl Action {
    /// Stable lower-case name, for jobs, logs and metrics.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bring => "bring",
            Self::Draw => "draw",
            Self::PostQuestions => "post-questions",
            Self::Ask => "ask",
            Self::CommitTags => "commit-tags",
            Self::RevealTags => "reveal-tags",
            Self::OpenLeaves => "open-leaves",
            Self::Rebut(_) => "rebut",
            Self::Resolve => "resolve",
        }
    }

    /// Key under which this action of `actor` is done at most once. It names the facts that the
    /// transaction names, so that the same step after a reorg or of a later round is another
    /// action.
    #[must_use]
    pub(crate) fn key(self, file: &CaseFile, actor: &Actor) -> String {
        let case = file.case.id;
        let what = match self {
            // A stale round is drawn again under another number.
            Self::Bring | Self::Draw => format!("{}/{}", self.name(), file.case.seed_round),
            Self::Rebut(paid) => format!("rebut/{}/{}", paid.fingerprint, paid.member),
            Self::Resolve => format!("resolve/{:?}", file.case.status),
            Self::CommitTags | Self::RevealTags => match actor.role {
                Role::Prover { commitment: Some(commitment) } => {
                    format!("{}/{commitment}", self.name())
                }
                _ => self.name().to_owned(),
            },
            Self::OpenLeaves => format!("{}/{}", self.name(), file.reveals()),
            Self::PostQuestions | Self::Ask => self.name().to_owned(),
        };
        format!("case/{case}/{}/{}/{what}", actor.address, file.case.facts)
    }
}

/// The next step of `actor`, or `None` when it is another's turn or the case has ended.
///
/// `now` is chain time in seconds (the newest block's timestamp).
#[must_use]
pub(crate) fn next_action(file: &CaseFile, actor: &Actor, now: u64) -> Option<Action> {
    match phase(file, now) {
        Phase::Bring => patient(file.drawable_since, actor, now).then_some(Action::Bring),
        Phase::Draw => patient(file.drawable_since, actor, now).then_some(Action::Draw),
        Phase::Resolve => patient(advanced(file, now).1, actor, now).then_some(Action::Resolve),
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
pub(crate) fn margin(file: &CaseFile, actor: &Actor, now: u64) -> Option<u64> {
    let deadline_bound = !matches!(phase(file, now), Phase::Bring | Phase::Draw | Phase::Resolve);
    (deadline_bound && next_action(file, actor, now).is_some())
        .then(|| advanced(file, now).1.saturating_sub(now))
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
        Role::Prover { commitment } => Some((file.member(&actor.address)?, commitment)),
        _ => None,
    }
}

fn commit(file: &CaseFile, actor: &Actor) -> Option<Action> {
    let (member, stored) = seat(file, actor)?;
    match (member.commitment, stored) {
        (Some(_), _) => None,
        (None, None) => Some(Action::Ask),
        (None, Some(_)) => Some(Action::CommitTags),
    }
}

fn reveal(file: &CaseFile, actor: &Actor) -> Option<Action> {
    let (member, stored) = seat(file, actor)?;
    // Revealing something else than what was committed to would only cost a reverted transaction.
    let ours = member.commitment.is_some() && member.commitment == stored;
    (ours && !member.revealed).then_some(Action::RevealTags)
}

fn rebut(file: &CaseFile, actor: &Actor) -> Option<Action> {
    rebuttals(file, actor).first().copied().map(Action::Rebut)
}

/// The rebuttals that are worth their gas: of standing hits (a removed miss would only help the
/// accuser), not shown yet, and only where enough members paid for the removal to happen.
#[must_use]
pub(crate) fn rebuttals(file: &CaseFile, actor: &Actor) -> Vec<PaidQuestion> {
    let Role::Host { paid } = &actor.role else { return Vec::new() };
    if actor.address != file.host {
        return Vec::new();
    }
    let needed = (file.members.len() + 1).saturating_sub(file.quorum());
    let payers = |fingerprint: u16| -> usize {
        let all: BTreeSet<EthAddress> = paid
            .iter()
            .chain(&file.paid)
            .filter(|p| p.fingerprint == fingerprint && file.member(&p.member).is_some())
            .map(|p| p.member)
            .collect();
        all.len()
    };
    let mut worth: Vec<PaidQuestion> = paid
        .iter()
        .copied()
        .filter(|p| file.is_standing_hit(p.fingerprint) && file.member(&p.member).is_some())
        .filter(|p| !file.paid.contains(p) && payers(p.fingerprint) >= needed)
        .collect();
    worth.sort_unstable();
    worth.dedup();
    worth
}

#[cfg(test)]
mod tests;
