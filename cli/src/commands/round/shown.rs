//! Rounds for people.

use crate::output::table;
use oml_client::round::{
    FeeState, NextStep, RoundOutcome, RoundStanding, RoundState, SeatStanding,
};

/// A state in one word; `unsure` stands for a state that was not looked up in full.
pub(super) fn state(state: RoundState, unsure: RoundState) -> String {
    if state == unsure { "sealed".to_owned() } else { state.word().to_owned() }
}

/// What happens next, and until when.
pub(super) fn next(next: &NextStep) -> String {
    next.until
        .map_or_else(|| next.what.to_owned(), |until| format!("{} (until {until})", next.what))
}

/// All of a round.
pub(super) fn round(round: &RoundStanding) -> String {
    let rows = [
        ["round".to_owned(), round.round_id.to_string()],
        ["state".to_owned(), round.state.word().to_owned()],
        ["next".to_owned(), next(&round.next)],
        ["account".to_owned(), round.account.to_string()],
        ["payer".to_owned(), round.payer.to_string()],
        ["sealed at".to_owned(), round.sealed_at.to_string()],
        ["answers until".to_owned(), round.answer_until.to_string()],
        ["opened until".to_owned(), round.open_until.to_string()],
        ["beacon round".to_owned(), round.beacon_round.to_string()],
        ["tickets".to_owned(), round.tickets.to_string()],
    ];
    let mut parts = vec![table(["what", "value"], rows)];
    parts.push(table(
        ["seat", "ticket", "holder", "answered", "hits", "fee"],
        round.seats.iter().map(seat),
    ));
    parts.extend(round.outcome.as_ref().map(outcome));
    parts.join("\n")
}

fn seat(seat: &SeatStanding) -> [String; 6] {
    let holder = match (seat.ticket, seat.holder) {
        (None, _) => "not drawn".to_owned(),
        (Some(_), None) => "vacant".to_owned(),
        (Some(_), Some(holder)) => holder.to_string(),
    };
    let answered =
        seat.sheet.as_ref().map_or_else(|| "-".to_owned(), |sheet| format!("{}/8", sheet.answered));
    [
        seat.seat.to_string(),
        seat.ticket.map_or_else(|| "-".to_owned(), |ticket| ticket.to_string()),
        holder,
        answered,
        seat.hits.map_or_else(|| "-".to_owned(), |hits| hits.to_string()),
        fee(seat.fee).to_owned(),
    ]
}

const fn fee(fee: FeeState) -> &'static str {
    match fee {
        FeeState::NoSheet => "no sheet",
        FeeState::Pending => "pending",
        FeeState::Due => "due",
        FeeState::Paid => "paid",
        FeeState::Forfeited => "forfeited",
    }
}

/// What an opening found, in a sentence or two.
pub(super) fn outcome(outcome: &RoundOutcome) -> String {
    let about = if outcome.leak { "an unregistered deployment" } else { "a registered deployment" };
    let found = format!(
        "license {}, {about}, index {}: {} hits kept, gain 2^{:.2}, evidence 2^{:.2} of 2^{:.2}",
        outcome.license_id,
        outcome.index,
        outcome.kept_hits,
        outcome.gain_log2,
        outcome.evidence_log2,
        outcome.threshold_log2
    );
    if !outcome.convicted {
        return format!("{found}: not convicted");
    }
    format!(
        "{found}: convicted; slashed {}, reporter {}, owner {}",
        outcome.slashed, outcome.to_reporter, outcome.to_owner
    )
}
