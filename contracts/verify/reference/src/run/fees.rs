//! What seats get, and what is burned.

use alloy::primitives::{Address, B256};
use oml_contracts::rpc::abi::Rounds::{self, Sheet};
use rand::Rng;

use super::difference::Difference;
use super::world::{Call, World};
use crate::model::Outcome;

impl World {
    /// Somebody takes out its fees, mostly a prover that has some; or asks for those of a round
    /// that lapsed.
    pub(super) fn collect_some(&mut self) -> Result<(), Difference> {
        if self.chance(2) {
            let id = self.any_round();
            return self.collect_lapsed_some(id);
        }
        let prover = self.a_prover();
        self.withdraw_fees(prover)
    }

    /// Mostly with the sheets that were sent, by a seat's prover.
    fn collect_lapsed_some(&mut self, id: B256) -> Result<(), Difference> {
        let round = self.model.court.rounds.get(&id).cloned();
        let mut sheets = round.as_ref().map(|round| round.sheets.clone()).unwrap_or_default();
        let some = self.below(sheets.len().max(1));
        let prover = sheets.get(some).map_or(self.people.stranger, |sheet| sheet.prover);
        let by = self.mostly(prover);
        match self.below(40) {
            0 => drop(sheets.pop()),
            1 => sheets.reverse(),
            2 => sheets.push(Sheet { prover: by, ..Sheet::default() }),
            3 => {
                let word = self.word();
                sheets.iter_mut().take(1).for_each(|sheet| sheet.tags = word);
            }
            _ => {}
        }
        let before = self.counts.accepted;
        let data = Rounds::collectLapsedCall { roundId: id, sent: sheets.clone() };
        let call = Call::new(self.model.rounds, "collectLapsed", by, 0, &data);
        let verdict = self.model.collect_lapsed(by, id, &sheets);
        self.hold(&call, verdict)?;
        let Some(round) = round.filter(|_| self.counts.accepted != before) else { return Ok(()) };
        let is_due = |sheet: &Sheet| sheet.prover == by && !round.paid.contains(&sheet.seat);
        self.counts.saw(match (round.outcome, sheets.iter().any(is_due)) {
            (_, true) => "a seat of a lapsed round is paid",
            (Outcome::Sealed, false) => "a stranger lets a lapsed round's fees be burned",
            (_, false) => "a lapsed round owes nothing to who asks",
        });
        Ok(())
    }

    pub(super) fn withdraw_fees(&mut self, prover: Address) -> Result<(), Difference> {
        let to = match self.below(12) {
            0 => Address::ZERO,
            1 => self.model.rounds,
            2 => self.people.stranger,
            _ => prover,
        };
        let data = Rounds::withdrawFeesCall { to };
        let call = Call::new(self.model.rounds, "withdrawFees", prover, 0, &data);
        let before = self.counts.accepted;
        let verdict = self.model.withdraw_fees(prover, to);
        self.hold(&call, verdict)?;
        if self.counts.accepted != before {
            self.counts.saw("a prover takes out its fees");
        }
        Ok(())
    }

    pub(super) fn burn_fees(&mut self) -> Result<(), Difference> {
        let data = Rounds::burnFeesCall {};
        let call = Call::new(self.model.rounds, "burnFees", self.people.stranger, 0, &data);
        let verdict = self.model.burn_fees();
        self.hold(&call, verdict).map(drop)
    }

    /// In the end rounds that were never opened pay their seats, most fees are taken out, and the
    /// rest is burned.
    pub(super) fn settle_fees(&mut self) -> Result<(), Difference> {
        let rounds: Vec<B256> = self.model.court.rounds.keys().copied().collect();
        for id in rounds {
            let known = self.model.court.rounds.get(&id);
            if known.is_some_and(|round| round.outcome == Outcome::Sealed) {
                self.counts.saw("a round was never opened");
            }
            if self.random.random() {
                self.collect_lapsed_some(id)?;
                self.collect_lapsed_some(id)?;
            }
        }
        let provers = self.docket.as_ref().map(|docket| docket.provers.clone()).unwrap_or_default();
        for prover in provers {
            if self.random.random() {
                self.withdraw_fees(prover)?;
            }
        }
        self.burn_fees()?;
        self.burn_fees()
    }
}
