//! One round as the contract keeps it and its events tell it, now or until it ends.

use super::outcome::{self, RoundOutcome};
use super::seats::{self, SeatStanding, SeatsOf};
use super::state::{NextStep, RoundState, RoundTimes};
use crate::chain::Chain;
use crate::error::{FailureKind, Result, fail};
use alloy::primitives::B256;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::Rounds::{self, RoundStatus};
use oml_contracts::{DeploymentCommitment, EthAddress, RoundId, RoundWord};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Everything that the chain tells of a round.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundStanding {
    /// What names it on chain.
    pub round_id: RoundId,
    /// How far it is.
    pub state: RoundState,
    /// What happens next.
    pub next: NextStep,
    /// Account whose word sealed it.
    pub account: EthAddress,
    /// Who paid the fees.
    pub payer: EthAddress,
    /// The word that sealed it.
    pub word: RoundWord,
    /// Commitment to what is tested.
    pub deployment: DeploymentCommitment,
    /// Part of the owner's share that goes to the payer.
    pub promise_bps: u16,
    /// Time of the seal, Unix seconds.
    pub sealed_at: u64,
    /// Last second for answers.
    pub answer_until: u64,
    /// Last second for the opening.
    pub open_until: u64,
    /// Round of the beacon that draws it.
    pub beacon_round: u64,
    /// Tickets among which its seats are drawn.
    pub tickets: u32,
    /// Every seat, in order, as far as it is drawn.
    pub seats: Vec<SeatStanding>,
    /// What its opening found.
    pub outcome: Option<RoundOutcome>,
}

/// A round's seal with what the contract keeps of it.
pub(super) struct KeptRound {
    pub(super) sealed: Rounds::RoundSealed,
    pub(super) kept: Rounds::Round,
}

impl KeptRound {
    /// Reads a round whose seal is known.
    pub(super) async fn of(chain: &Chain, sealed: Rounds::RoundSealed) -> Result<Self> {
        let kept = kept(chain, sealed.roundId.into()).await?;
        Ok(Self { sealed, kept })
    }

    pub(super) fn times(&self, now: u64) -> RoundTimes {
        let (answer_until, open_until) = (self.sealed.answerUntil.to(), self.sealed.openUntil.to());
        RoundTimes { answer_until, open_until, now }
    }
}

/// A round as the contract keeps it.
pub(super) async fn kept(chain: &Chain, id: RoundId) -> Result<Rounds::Round> {
    chain.read(chain.rounds(), Rounds::roundCall { roundId: id.into() }).await
}

/// A round that was sealed.
async fn sealed(chain: &Chain, id: RoundId) -> Result<KeptRound> {
    if kept(chain, id).await?.status == RoundStatus::None {
        let message = format!("there is no round {id}");
        return Err(fail(message, "`oml round list` shows all", FailureKind::Failed));
    }
    let filter = Filter::new().address(chain.rounds()).topic1(B256::from(id));
    // Some nodes index logs a moment after they show the state.
    for _ in 0..30 {
        let what = Rounds::RoundSealed::SIGNATURE;
        let found = chain.events::<Rounds::RoundSealed>(what, filter.clone()).await?;
        if let Some((event, _)) = found.into_iter().next() {
            return KeptRound::of(chain, event).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(fail(
        format!("round {id} was sealed, but its event can't be found"),
        "the endpoint must have every log since the contracts' deployment; give another --rpc-url",
        FailureKind::Network,
    ))
}

/// Everything that the chain tells of a round.
///
/// # Errors
/// Network failure, no such round, an endpoint without the round's events.
pub async fn standing(chain: &Chain, id: RoundId) -> Result<RoundStanding> {
    let round = sealed(chain, id).await?;
    let now = chain.rpc().now().await?;
    let is_drawn = seats::is_drawn(chain, id).await?;
    let (times, KeptRound { sealed, kept }) = (round.times(now), round);
    let state = RoundState::at(&kept.status, &times, is_drawn);
    let outcome = outcome::read(chain, id).await?;
    let hits = outcome.as_ref().map(|outcome| outcome.hits);
    let has_ended = state.has_ended();
    let seats = seats::read(chain, &SeatsOf { id, kept: &kept, is_drawn, has_ended, hits }).await?;
    Ok(RoundStanding {
        round_id: id,
        state,
        next: state.next(&times),
        account: sealed.account.into(),
        payer: sealed.payer.into(),
        word: sealed.word.into(),
        deployment: sealed.deployment.into(),
        promise_bps: sealed.promiseBps,
        sealed_at: kept.sealedAt.to(),
        answer_until: times.answer_until,
        open_until: times.open_until,
        beacon_round: sealed.beaconRound.to(),
        tickets: sealed.tickets,
        seats,
        outcome,
    })
}

/// Seconds after which a wait says again how much time is left.
const COUNTDOWN_STEP: Duration = Duration::from_secs(30);

/// Waits until a round has ended, saying each change, who must act, and how much time is left.
///
/// # Errors
/// Network failure, no such round, or it has not ended in time.
pub async fn watch(
    chain: &Chain,
    id: RoundId,
    within: Duration,
    mut say: impl FnMut(String),
) -> Result<RoundStanding> {
    let start = Instant::now();
    let mut last = (RoundState::Sealed, usize::MAX);
    let mut said_at = start;
    loop {
        let round = standing(chain, id).await?;
        let sheets = round.seats.iter().filter(|seat| seat.sheet.is_some()).count();
        if last != (round.state, sheets) || said_at.elapsed() >= COUNTDOWN_STEP {
            say(progress_line(&round, sheets, chain.rpc().now().await?));
            (last, said_at) = ((round.state, sheets), Instant::now());
        }
        if round.state.has_ended() {
            return Ok(round);
        }
        if start.elapsed() > within {
            return Err(fail(
                format!("round {id} is still {} after {} s", round.state.word(), within.as_secs()),
                "its deadlines are in `oml round show`; keep watching until they have passed",
                FailureKind::Timeout,
            ));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// How far a round is, and what happens next by when.
fn progress_line(round: &RoundStanding, sheets: usize, now: u64) -> String {
    let (state, all, next) = (round.state.word(), round.seats.len(), &round.next);
    let left = next
        .until
        .map_or_else(String::new, |until| format!(" ({} s left)", until.saturating_sub(now)));
    format!("  round {state}, {sheets} of {all} sheets; {}{left}", next.what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_says_who_must_act_and_how_long_it_may_take() {
        let next = NextStep { what: "the owner opens it, or it lapses", until: Some(160) };
        let mut round = RoundStanding {
            round_id: RoundId::ZERO,
            state: RoundState::Opening,
            next,
            account: EthAddress::ZERO,
            payer: EthAddress::ZERO,
            word: RoundWord::ZERO,
            deployment: DeploymentCommitment::ZERO,
            promise_bps: 0,
            sealed_at: 0,
            answer_until: 100,
            open_until: 160,
            beacon_round: 0,
            tickets: 0,
            seats: Vec::new(),
            outcome: None,
        };
        assert_eq!(
            progress_line(&round, 3, 101),
            "  round opening, 3 of 0 sheets; the owner opens it, or it lapses (59 s left)"
        );
        assert!(progress_line(&round, 3, 170).ends_with("(0 s left)"));
        round.next.until = None;
        assert!(progress_line(&round, 3, 170).ends_with("or it lapses"));
    }
}
