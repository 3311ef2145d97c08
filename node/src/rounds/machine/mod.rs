//! What to do in a round: pure functions of the chain's state and of chain time.
//!
//! Nothing here remembers. After every head the service reads a round again and asks; an action
//! disappears from the answer because the chain shows its effect, so a restart, a reorg or a second
//! copy of the node can't make it act out of turn.

use oml_contracts::Amount;
use oml_contracts::round::SeatIndex;

use crate::chain::beacon::RoundStep;
use crate::chain::{RoundStatus, RoundView};
use crate::store::SheetRow;

/// In which state the *next* transaction finds a round: blocks get later, so a window that ends now
/// has ended there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// The beacon round is not out.
    AwaitBeacon,
    /// The round is out; anyone may bring it.
    Bring,
    /// Seats ask and answer.
    Answers,
    /// The owner opens.
    Opening,
    /// Opened, lapsed, or its draw is lost.
    Ended,
}

/// The phase of a round at chain time `now`, Unix seconds.
#[must_use]
pub(crate) fn phase(
    status: RoundStatus,
    step: RoundStep,
    answer_until: u64,
    open_until: u64,
    now: u64,
) -> Phase {
    if status != RoundStatus::Sealed || now >= open_until || step == RoundStep::Renew {
        return Phase::Ended;
    }
    match step {
        RoundStep::Wait => Phase::AwaitBeacon,
        RoundStep::Bring => Phase::Bring,
        _ if now < answer_until => Phase::Answers,
        _ => Phase::Opening,
    }
}

/// What a seat does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SeatAction {
    /// Ask the deployment.
    Ask,
    /// Send what was found.
    Answer,
}

/// What a seat does while answers are taken: `handed` says whether its keys have come, `answered`
/// whether the contract has its sheet.
#[must_use]
pub(crate) fn seat_action(
    phase: Phase,
    handed: bool,
    sheet: Option<&SheetRow>,
    answered: bool,
) -> Option<SeatAction> {
    if phase != Phase::Answers || answered {
        return None;
    }
    match sheet {
        Some(_) => Some(SeatAction::Answer),
        None => handed.then_some(SeatAction::Ask),
    }
}

/// What becomes of a sheet's fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FeeAction {
    /// The round goes on.
    Wait,
    /// Nobody has opened the round in time: its seats ask for their fees themselves.
    CollectLapsed,
    /// Nothing is left to do: the fee is credited, or there is none.
    Settle,
}

/// What to do about the sheet of a seat, given the round at chain time `now` and whether the
/// contract has the sheet.
#[must_use]
pub(crate) const fn fee_action(
    view: &RoundView,
    open_until: u64,
    now: u64,
    seat: SeatIndex,
    answered: bool,
) -> FeeAction {
    match view.status {
        // Undone by a reorg; if it comes back, so does the sheet.
        RoundStatus::None => FeeAction::Wait,
        RoundStatus::Sealed if now <= open_until => FeeAction::Wait,
        RoundStatus::Sealed | RoundStatus::Lapsed if answered && !view.is_paid(seat) => {
            FeeAction::CollectLapsed
        }
        // Whoever opens a round credits its fees.
        RoundStatus::Sealed
        | RoundStatus::Lapsed
        | RoundStatus::Opened
        | RoundStatus::Convicted => FeeAction::Settle,
    }
}

/// Whether a prover takes out what it has earned: it is worth the transaction, which `from_seats`
/// fees are; never if that is 0.
#[must_use]
pub(crate) fn must_withdraw(fees: Amount, seat_fee: Amount, from_seats: u32) -> bool {
    let enough = seat_fee.get().saturating_mul(u128::from(from_seats));
    from_seats != 0 && !fees.is_zero() && fees.get() >= enough
}

/// Whether a prover has to show life: a third of the time is left.
#[must_use]
pub(crate) const fn must_show_life(
    tickets: u32,
    alive_until: u64,
    alive_period: u64,
    now: u64,
) -> bool {
    tickets != 0 && alive_until.saturating_sub(now) < alive_period / 3
}

#[cfg(test)]
mod tests;
