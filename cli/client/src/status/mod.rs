//! What is due for an account: when, who must act, what is at risk, and the command that does it.
//!
//! What an account is follows from the chain alone: it owns models, has bought licenses, has opened
//! channels, has paid for rounds, holds tickets. Reading is in `read.rs`; what follows from it is
//! decided in `license.rs`, `channel.rs` and `seats.rs`, which are pure.

mod channel;
mod license;
mod read;
mod seats;

pub use read::of_account;

use crate::money::Money;
use oml_contracts::EthAddress;
use serde::Serialize;

/// All that is due for an account.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountAgenda {
    /// Whose agenda it is.
    pub account: EthAddress,
    /// Time of the newest block, Unix seconds; every deadline is compared with it.
    pub now: u64,
    /// What is due, the soonest first; what has no end comes last.
    pub steps: Vec<AgendaStep>,
}

/// Something that is due, or that the account waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgendaStep {
    /// What the account is in this.
    pub role: AccountRole,
    /// Kind of thing: a license, a channel, a round, tickets or a balance.
    pub kind: &'static str,
    /// What names that on chain; empty for tickets and balances.
    pub id: String,
    /// What is to be done or waited for, as a sentence.
    pub what: &'static str,
    /// Who must act.
    pub actor: StepActor,
    /// Last second for it, or the second in which it becomes possible for who waits; Unix seconds.
    pub due: Option<u64>,
    /// Money that is lost or stays locked if nobody acts.
    pub at_risk: Option<Money>,
    /// What does it; none where others act.
    pub command: Option<String>,
}

/// What an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AccountRole {
    /// It has registered models.
    Owner,
    /// It has bought licenses.
    Host,
    /// It has opened channels.
    Payer,
    /// It has paid for rounds.
    Reporter,
    /// It holds tickets.
    Prover,
    /// The contracts owe it something.
    Payee,
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StepActor {
    /// The account itself.
    You,
    /// The owner of the model.
    Owner,
    /// The host of the license.
    Host,
    /// The provers that hold the seats.
    Seats,
    /// Nobody: it needs time alone.
    Nobody,
}

impl AccountRole {
    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Host => "host",
            Self::Payer => "payer",
            Self::Reporter => "reporter",
            Self::Prover => "prover",
            Self::Payee => "payee",
        }
    }
}

impl StepActor {
    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::Owner => "the owner",
            Self::Host => "the host",
            Self::Seats => "the seats",
            Self::Nobody => "nobody",
        }
    }
}

/// A thing of the chain as one role of an account sees it.
#[derive(Clone, Copy, Debug)]
struct Subject<'a> {
    role: AccountRole,
    kind: &'static str,
    id: &'a str,
}

impl Subject<'_> {
    /// A step in which somebody acts until `due`.
    fn step(self, actor: StepActor, what: &'static str, due: Option<u64>) -> AgendaStep {
        let Subject { role, kind, id } = self;
        let id = id.to_owned();
        AgendaStep { role, kind, id, what, actor, due, at_risk: None, command: None }
    }

    /// A step of the account itself.
    fn yours(self, what: &'static str, due: Option<u64>, command: String) -> AgendaStep {
        AgendaStep { command: Some(command), ..self.step(StepActor::You, what, due) }
    }
}

impl AgendaStep {
    fn risking(self, money: Money) -> Self {
        Self { at_risk: (!money.is_zero()).then_some(money), ..self }
    }
}

/// The soonest first; at one time what the account must do goes first.
fn sort(steps: &mut [AgendaStep]) {
    steps.sort_by_key(|step| (step.due.unwrap_or(u64::MAX), step.actor, step.role));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soonest_comes_first_and_what_has_no_end_last() {
        let subject = Subject { role: AccountRole::Host, kind: "license", id: "0x" };
        let step = |actor, due| subject.step(actor, "x", due);
        let mut steps = vec![
            step(StepActor::Nobody, None),
            step(StepActor::Owner, Some(9)),
            step(StepActor::You, Some(9)),
            step(StepActor::Seats, Some(3)),
        ];
        sort(&mut steps);
        let order: Vec<_> = steps.iter().map(|step| step.actor).collect();
        assert_eq!(order, [StepActor::Seats, StepActor::You, StepActor::Owner, StepActor::Nobody]);
    }
}
