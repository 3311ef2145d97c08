//! The moods of the provers' token.

use alloy::primitives::B256;
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi::Rounds;

use super::difference::Difference;
use super::world::World;
use crate::model::Mood;
use crate::tokens::TokenCode;

impl World {
    /// The provers' token behaves in another way for a while, or as it should again.
    pub(super) fn change_mood(&mut self) -> Result<(), Difference> {
        if self.model.tickets.coin.is_native() {
            return Ok(());
        }
        let (mood, code, seen) = match self.below(6) {
            0 => (Mood::SaysNo, TokenCode::Answers(0), "the stake's token says no"),
            1 => (Mood::Reverts, TokenCode::Reverts, "the stake's token reverts"),
            2 => (Mood::Lies, TokenCode::Answers(1), "the stake's token lies"),
            3 => (Mood::TakesFee, TokenCode::TakesFee, "the stake's token takes a fee"),
            _ => {
                // What it calls must change nothing, whoever is paying or being paid.
                let data = Rounds::burnFeesCall {}.abi_encode().into();
                (Mood::Honest, TokenCode::CallsBack(data), "the stake's token calls back")
            }
        };
        self.counts.saw(seen);
        self.model.tickets.mood = mood;
        self.chain.change_stake_token(&code)?;
        let prover = self.a_prover();
        match self.below(5) {
            0 => self.seal(),
            1 => self.join(prover),
            2 => self.collect_some(),
            3 => self.withdraw_stake_of(prover),
            _ => Ok(()),
        }
    }

    /// The provers' token does what it should.
    pub(super) fn calm_down(&mut self) -> Result<(), Difference> {
        self.model.tickets.mood = Mood::Honest;
        Ok(self.chain.change_stake_token(&TokenCode::Plain)?)
    }

    /// A round that was sealed, now and then none.
    pub(super) fn any_round(&mut self) -> B256 {
        let at = self.place(self.docket.as_ref().map_or(0, |docket| docket.plays.len()));
        let play = self.docket.as_ref().and_then(|docket| docket.plays.get(at));
        play.map_or(B256::repeat_byte(9), |play| play.round)
    }
}
