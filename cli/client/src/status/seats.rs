//! What follows from rounds, tickets and balances.

use super::{AccountRole, AgendaStep, StepActor, Subject};
use crate::balance::Owed;
use crate::money::Money;
use crate::prover::ProverStanding;
use crate::round::RoundState;

/// A round that was paid for.
#[derive(Clone, Debug)]
pub(super) struct RoundView {
    pub(super) id: String,
    pub(super) state: RoundState,
    /// Last second of the step that it is in.
    pub(super) until: Option<u64>,
    pub(super) fees: Money,
}

/// Seats of a round that an account holds and has not answered.
#[derive(Clone, Debug)]
pub(super) struct HeldSeats {
    pub(super) round: String,
    pub(super) answer_until: u64,
    /// What the seats earn together.
    pub(super) fees: Money,
}

/// What whoever paid for a round waits for.
pub(super) fn of_reporter(round: &RoundView) -> Option<AgendaStep> {
    let subject = Subject { role: AccountRole::Reporter, kind: "round", id: &round.id };
    let step = match round.state {
        RoundState::Sealed | RoundState::Answering => {
            subject.step(StepActor::Seats, "the seats answer", round.until)
        }
        RoundState::Opening => {
            subject.step(StepActor::Owner, "the owner opens it, or it lapses", round.until)
        }
        RoundState::Lapsed | RoundState::Opened | RoundState::Convicted => return None,
    };
    Some(step.risking(round.fees.clone()))
}

/// What a prover has to do in a round.
pub(super) fn of_seats(held: &HeldSeats, now: u64) -> Option<AgendaStep> {
    if held.answer_until < now {
        return None;
    }
    let subject = Subject { role: AccountRole::Prover, kind: "round", id: &held.round };
    let what = "answer your seats; your node does it by itself";
    let command = format!("oml round show {}", held.round);
    Some(subject.yours(what, Some(held.answer_until), command).risking(held.fees.clone()))
}

/// What a prover has to do for its tickets.
pub(super) fn of_tickets(prover: &ProverStanding, now: u64) -> Vec<AgendaStep> {
    let subject = Subject { role: AccountRole::Prover, kind: "tickets", id: "" };
    let mut steps = Vec::new();
    if prover.tickets > 0 && prover.alive {
        let what = "show life, or your tickets are vacant; your node does it by itself";
        let due = Some(prover.alive_until);
        steps.push(subject.yours(what, due, "oml prover alive".to_owned()));
    } else if prover.tickets > 0 {
        let what = "your tickets are vacant and earn nothing: show life";
        steps.push(subject.yours(what, None, "oml prover alive".to_owned()));
    }
    if !prover.thawing.is_zero() {
        let step = if prover.thaw_end > now {
            subject.step(StepActor::Nobody, "stake thaws", Some(prover.thaw_end))
        } else {
            subject.yours("stake is thawed: take it", None, "oml prover withdraw".to_owned())
        };
        steps.push(step.risking(prover.thawing.clone()));
    }
    steps
}

/// What the contracts owe an account in one currency; `unlock` is when the next payout can be had.
pub(super) fn of_balance(owed: &Owed, unlock: Option<u64>) -> Vec<AgendaStep> {
    let subject = Subject { role: AccountRole::Payee, kind: "balance", id: "" };
    let withdraw = || "oml balance withdraw".to_owned();
    let payable = [
        ("payments wait for you", &owed.escrow),
        ("fees of seats wait for you", &owed.seat_fees),
        ("payouts of slashed collateral wait for you", &owed.unlocked_payouts),
    ];
    let payable = payable
        .into_iter()
        .filter(|(_, money)| !money.is_zero())
        .map(|(what, money)| subject.yours(what, None, withdraw()).risking(money.clone()));
    let locked = (!owed.locked_payouts.is_zero()).then(|| {
        let what = "a payout of slashed collateral unlocks";
        subject.step(StepActor::Nobody, what, unlock).risking(owed.locked_payouts.clone())
    });
    payable.chain(locked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::native_currency;
    use alloy::primitives::B256;
    use oml_contracts::EthAddress;

    const NOW: u64 = 1_000;

    fn eth(wei: u128) -> Money {
        native_currency(1).units(wei)
    }

    fn prover(tickets: u32, alive: bool, thawing: u128, thaw_end: u64) -> ProverStanding {
        ProverStanding {
            prover: EthAddress::ZERO,
            tickets,
            alive,
            alive_until: NOW + 5,
            inbox: String::new(),
            encryption_key: B256::ZERO,
            staked: eth(1),
            thawing: eth(thawing),
            thaw_end,
        }
    }

    #[test]
    fn rounds_say_who_must_act() {
        let round =
            |state| RoundView { id: "0x07".to_owned(), state, until: Some(NOW + 3), fees: eth(8) };
        let actor = |state| of_reporter(&round(state)).map(|step| (step.actor, step.due));
        let due = Some(NOW + 3);
        assert_eq!(actor(RoundState::Answering), Some((StepActor::Seats, due)));
        assert_eq!(actor(RoundState::Opening), Some((StepActor::Owner, due)));
        assert_eq!(actor(RoundState::Opened), None);
        let held = HeldSeats { round: "0x07".to_owned(), answer_until: NOW, fees: eth(1) };
        assert_eq!(of_seats(&held, NOW).unwrap().due, Some(NOW));
        assert_eq!(of_seats(&held, NOW + 1), None);
    }

    #[test]
    fn tickets_need_life_and_stake_comes_back() {
        let seen = |prover: &ProverStanding| -> Vec<(StepActor, Option<u64>)> {
            of_tickets(prover, NOW).iter().map(|step| (step.actor, step.due)).collect()
        };
        assert_eq!(seen(&prover(2, true, 0, 0)), [(StepActor::You, Some(NOW + 5))]);
        assert_eq!(seen(&prover(2, false, 0, 0)), [(StepActor::You, None)]);
        assert_eq!(seen(&prover(0, false, 7, NOW + 1)), [(StepActor::Nobody, Some(NOW + 1))]);
        assert_eq!(seen(&prover(0, false, 7, NOW)), [(StepActor::You, None)]);
        assert_eq!(seen(&prover(0, false, 0, 0)), []);
    }

    #[test]
    fn money_that_waits_is_named_once_a_kind() {
        let owed = Owed {
            wallet: eth(9),
            escrow: eth(1),
            seat_fees: eth(0),
            unlocked_payouts: eth(2),
            locked_payouts: eth(3),
        };
        let steps = of_balance(&owed, Some(NOW + 7));
        let risks: Vec<String> =
            steps.iter().map(|step| step.at_risk.as_ref().unwrap().units().to_string()).collect();
        assert_eq!(risks, ["1", "2", "3"]);
        assert_eq!((steps[2].actor, steps[2].due), (StepActor::Nobody, Some(NOW + 7)));
    }
}
