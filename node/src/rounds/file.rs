//! Everything that a decision about a round is made from, read at one block.

use oml_contracts::round::{SeatIndex, round_seed, seat_ticket};
use oml_contracts::{EthAddress, RoundId, Seed};

use crate::chain::beacon::{Present, RoundStep, round_step};
use crate::chain::{BeaconValue, ChainError, Head, Reader, RoundStatus, RoundView};
use crate::store::RoundRow;

/// A round as the chain shows it at one block.
#[derive(Debug, Clone)]
pub(crate) struct RoundFile {
    /// What its seal announced.
    pub row: RoundRow,
    /// What the contract keeps of it.
    pub view: RoundView,
    /// What its beacon round needs.
    pub step: RoundStep,
    /// What it draws from, once that is on chain.
    pub seed: Option<Seed>,
}

impl RoundFile {
    /// Reads a round with its draw. `None` if there is no such round at this block: the seal was
    /// undone by a reorg.
    ///
    /// # Errors
    /// [`ChainError`].
    pub(crate) async fn read(
        reader: &Reader,
        row: RoundRow,
        head: &Head,
    ) -> Result<Option<Self>, ChainError> {
        let view = reader.round(row.round_id).await?;
        if view.status == RoundStatus::None {
            return Ok(None);
        }
        let value = reader.beacon(view.beacon_round).await?;
        let addresses = reader.addresses();
        let present = Present { block: head.number, time: head.timestamp };
        let step = round_step(&addresses.beacon.source, view.beacon_round, value, present);
        let seed = match value {
            BeaconValue::Ready(value) => Some(round_seed(value, addresses.rounds, row.round_id)),
            BeaconValue::Pending | BeaconValue::Stale => None,
        };
        Ok(Some(Self { row, view, step, seed }))
    }

    /// What word and sealing account make of it.
    pub(crate) const fn id(&self) -> RoundId {
        self.row.round_id
    }

    /// All its seats.
    pub(crate) fn seats(&self) -> impl Iterator<Item = SeatIndex> + use<> {
        (0..self.view.seats).map(SeatIndex)
    }

    /// Who sits where; nobody on vacant seats, and nobody anywhere before the draw.
    ///
    /// # Errors
    /// [`ChainError`].
    pub(crate) async fn holders(
        &self,
        reader: &Reader,
    ) -> Result<Vec<(SeatIndex, EthAddress)>, ChainError> {
        let asked = self.seats().map(async |seat| {
            let holder = self.holder(reader, seat).await?;
            Ok(holder.map(|holder| (seat, holder)))
        });
        let found: Vec<Option<_>> = futures::future::try_join_all(asked).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Who sits on one seat; `None` if it is vacant or not drawn yet.
    ///
    /// # Errors
    /// [`ChainError`].
    pub(crate) async fn holder(
        &self,
        reader: &Reader,
        seat: SeatIndex,
    ) -> Result<Option<EthAddress>, ChainError> {
        let Some(seed) = self.seed else { return Ok(None) };
        let ticket = seat_ticket(&seed, seat, self.view.tickets);
        let holder = reader.holder_at(ticket, self.view.sealed_at).await?;
        Ok((!holder.is_zero()).then_some(holder))
    }
}
