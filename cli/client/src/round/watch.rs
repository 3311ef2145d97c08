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

/// Waits until a round has ended, saying each change.
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
    loop {
        let round = standing(chain, id).await?;
        let sheets = round.seats.iter().filter(|seat| seat.sheet.is_some()).count();
        if last != (round.state, sheets) {
            let (state, all) = (round.state.word(), round.seats.len());
            say(format!("  round {state}, {sheets} of {all} sheets"));
            last = (round.state, sheets);
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
