//! What seats get, and what is burned.

use alloy::primitives::{Address, B256};
use oml_contracts::rpc::abi::Rounds;
use rand::Rng;

use super::difference::Difference;
use super::world::{Call, World};
use crate::model::{Outcome, SealedRound, SeatSheet};

impl World {
    /// A seat of some round collects its fee, mostly with what it has sent.
    pub(super) fn collect_some(&mut self) -> Result<(), Difference> {
        let id = self.any_round();
        let Some(round) = self.model.court.rounds.get(&id).cloned() else {
            let sheet = SeatSheet { round: id, seat: 0, keys_hash: id, tags: id };
            return self.collect(self.people.stranger, &sheet);
        };
        for seat in 0..round.seats {
            if self.chance(2) {
                self.collect_seat(id, &round, seat)?;
            }
        }
        Ok(())
    }

    pub(super) fn collect_seat(
        &mut self,
        id: B256,
        round: &SealedRound,
        seat: u8,
    ) -> Result<(), Difference> {
        let sent = round.sheets.get(&seat);
        let prover = sent.map_or(self.people.stranger, |sheet| sheet.prover);
        let by = self.mostly(prover);
        let mut sheet = SeatSheet {
            round: id,
            seat,
            keys_hash: sent.map_or(B256::ZERO, |sheet| sheet.keysHash),
            tags: sent.map_or(B256::ZERO, |sheet| sheet.tags),
        };
        if self.chance(30) {
            sheet.tags = self.word();
        }
        let before = self.counts.accepted;
        self.collect(by, &sheet)?;
        if self.counts.accepted != before {
            self.counts.saw(match round.outcome {
                Outcome::Sealed => "a seat of a lapsed round is paid",
                Outcome::Opened => "a seat of an opened round is paid",
                Outcome::Convicted => "a seat of a convicting round is paid",
            });
        } else if round.unpaid.contains(&seat) && sent.is_some() {
            self.counts.saw("a seat without a hit of a convicting round is not paid");
        }
        Ok(())
    }

    fn collect(&mut self, by: Address, sheet: &SeatSheet) -> Result<(), Difference> {
        let SeatSheet { round, seat, keys_hash, tags } = *sheet;
        let data = Rounds::collectCall { roundId: round, seat, keysHash: keys_hash, tags };
        let call = Call::new(self.model.rounds, "collect", by, 0, &data);
        let verdict = self.model.collect(by, sheet);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn sweep_some(&mut self) -> Result<(), Difference> {
        let id = self.any_round();
        self.sweep(id)
    }

    pub(super) fn sweep(&mut self, id: B256) -> Result<(), Difference> {
        let data = Rounds::sweepCall { roundId: id };
        let call = Call::new(self.model.rounds, "sweep", self.people.stranger, 0, &data);
        let verdict = self.model.sweep(id);
        self.hold(&call, verdict).map(drop)
    }

    /// After the time in which fees wait, most rounds are swept.
    pub(super) fn sweep_all(&mut self) -> Result<(), Difference> {
        let rounds: Vec<B256> = self.model.court.rounds.keys().copied().collect();
        for id in rounds {
            let known = self.model.court.rounds.get(&id);
            if known.is_some_and(|round| round.outcome == Outcome::Sealed) {
                self.counts.saw("a round was never opened");
            }
            self.sweep(id)?;
            if self.chance(4) {
                self.sweep(id)?;
            }
            let round = self.model.court.rounds.get(&id).cloned();
            if let Some(round) = round.filter(|_| self.random.random()) {
                self.collect_seat(id, &round, 0)?;
            }
        }
        Ok(())
    }
}
