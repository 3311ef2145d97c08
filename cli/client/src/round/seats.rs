//! Who sits where in a round, what each seat sent, and what became of its fee.

use crate::chain::Chain;
use crate::error::Result;
use alloy::primitives::B256;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::Rounds;
use oml_contracts::{EthAddress, KeysHash, RoundId};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a seat sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SheetStanding {
    /// Who sent it.
    pub prover: EthAddress,
    /// Hash of the eight key hashes that it asked.
    pub keys_hash: KeysHash,
    /// Eight tags of 4 bytes; 0 for no answer.
    pub tags: B256,
    /// How many of the eight tags are not 0.
    pub answered: usize,
}

/// What became of a seat's fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FeeState {
    /// The seat sent no sheet; the fee is burned.
    NoSheet,
    /// The round has not ended.
    Pending,
    /// The round lapsed; the seat's prover may ask for it.
    Due,
    /// It was credited to the seat's prover.
    Paid,
    /// The round convicted and this sheet has no hit; the fee is burned.
    Forfeited,
}

/// A seat of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatStanding {
    /// Its number, from 0.
    pub seat: u8,
    /// The ticket that was drawn; none before the draw.
    pub ticket: Option<u32>,
    /// Who holds the ticket; none before the draw, and of a vacant seat.
    pub holder: Option<EthAddress>,
    /// What it sent.
    pub sheet: Option<SheetStanding>,
    /// Its hits; none before the opening.
    pub hits: Option<u8>,
    /// What became of its fee.
    pub fee: FeeState,
}

/// What the seats of one round depend on.
pub(super) struct SeatsOf<'a> {
    pub(super) id: RoundId,
    pub(super) kept: &'a Rounds::Round,
    pub(super) is_drawn: bool,
    pub(super) has_ended: bool,
    /// Hits by seat, once it was opened.
    pub(super) hits: Option<[u8; 32]>,
}

/// Whether the beacon has drawn a round.
pub(super) async fn is_drawn(chain: &Chain, id: RoundId) -> Result<bool> {
    match chain.read(chain.rounds(), Rounds::seedOfCall { roundId: id.into() }).await {
        Ok(_) => Ok(true),
        Err(error)
            if error.is_revert::<Rounds::Rounds_NotDrawn>()
                || error.is_revert::<Rounds::Rounds_DrawLost>() =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// All seats of a round.
pub(super) async fn read(chain: &Chain, of: &SeatsOf<'_>) -> Result<Vec<SeatStanding>> {
    let round = || Filter::new().address(chain.rounds()).topic1(B256::from(of.id));
    let what = Rounds::SheetSent::SIGNATURE;
    let sent = chain.events::<Rounds::SheetSent>(what, round()).await?;
    let mut sheets: BTreeMap<u8, SheetStanding> =
        sent.iter().map(|(event, _)| (event.seat, event.into())).collect();
    let mut seats = Vec::new();
    for seat in 0..of.kept.seats {
        let (ticket, holder) = match of.is_drawn {
            true => drawn(chain, of.id, seat).await?,
            false => (None, None),
        };
        let sheet = sheets.remove(&seat);
        let fee = fee_of(&FeeFacts {
            has_sheet: sheet.is_some(),
            has_ended: of.has_ended,
            is_paid: of.kept.paid >> seat & 1 == 1,
            was_opened: of.hits.is_some(),
        });
        let hits = of.hits.map(|hits| hits[usize::from(seat)]);
        seats.push(SeatStanding { seat, ticket, holder, sheet, hits, fee });
    }
    Ok(seats)
}

async fn drawn(chain: &Chain, id: RoundId, seat: u8) -> Result<(Option<u32>, Option<EthAddress>)> {
    let call = Rounds::seatOfCall { roundId: id.into(), seat };
    let drawn = chain.read(chain.rounds(), call).await?;
    let holder = (!drawn.holder.is_zero()).then(|| drawn.holder.into());
    Ok((Some(drawn.ticket), holder))
}

impl From<&Rounds::SheetSent> for SheetStanding {
    fn from(event: &Rounds::SheetSent) -> Self {
        Self {
            prover: event.prover.into(),
            keys_hash: event.keysHash.into(),
            tags: event.tags,
            answered: event.tags.chunks(4).filter(|tag| tag.iter().any(|b| *b != 0)).count(),
        }
    }
}

/// What decides about a fee.
#[derive(Clone, Copy, Debug)]
struct FeeFacts {
    has_sheet: bool,
    has_ended: bool,
    is_paid: bool,
    was_opened: bool,
}

const fn fee_of(facts: &FeeFacts) -> FeeState {
    match facts {
        FeeFacts { is_paid: true, .. } => FeeState::Paid,
        FeeFacts { has_sheet: false, .. } => FeeState::NoSheet,
        FeeFacts { was_opened: true, .. } => FeeState::Forfeited,
        FeeFacts { has_ended: true, .. } => FeeState::Due,
        FeeFacts { .. } => FeeState::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::Address;

    #[test]
    fn fees_follow_the_sheet_and_the_end() {
        let sent = FeeFacts { has_sheet: true, has_ended: true, is_paid: false, was_opened: false };
        assert_eq!(fee_of(&sent), FeeState::Due);
        assert_eq!(fee_of(&FeeFacts { has_ended: false, ..sent }), FeeState::Pending);
        assert_eq!(fee_of(&FeeFacts { has_sheet: false, ..sent }), FeeState::NoSheet);
        assert_eq!(fee_of(&FeeFacts { was_opened: true, ..sent }), FeeState::Forfeited);
        let paid = FeeFacts { is_paid: true, ..sent };
        assert_eq!(fee_of(&paid), FeeState::Paid);
        assert_eq!(fee_of(&FeeFacts { was_opened: true, ..paid }), FeeState::Paid);
    }

    #[test]
    fn answers_of_a_sheet_are_its_tags_that_are_not_zero() {
        let mut tags = B256::ZERO;
        tags[3] = 1;
        tags[31] = 7;
        let event = Rounds::SheetSent {
            roundId: B256::ZERO,
            seat: 2,
            prover: Address::repeat_byte(1),
            keysHash: B256::repeat_byte(2),
            tags,
        };
        assert_eq!(SheetStanding::from(&event).answered, 2);
    }
}
