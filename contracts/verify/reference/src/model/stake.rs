//! The provers' money: stake and seat fees, in a currency that need not do what it should.

use alloy::primitives::{Address, U256};

use super::faults::{
    Currency_NoBalance, Currency_PullRefused, Currency_PushRefused, Currency_WrongAmountReceived,
    Currency_WrongValue, Faults,
};
use super::refusal::Refused;
use super::seating::Mood;
use super::state::ReferenceModel;
use super::units::BURN;
use crate::agreed::Coin;

impl ReferenceModel {
    /// What is in the way of an amount of stake or fees that somebody pays.
    pub(super) fn stake_faults(&self, by: Address, amount: u128, value: u128, faults: &mut Faults) {
        let (coin, mood) = (self.tickets.coin, self.tickets.mood);
        if coin.is_native() || mood == Mood::Honest {
            return faults.payment(self, coin, by, amount, value);
        }
        let (sent, expected) = (U256::from(value), U256::ZERO);
        faults.unless(sent == expected, Currency_WrongValue { sent, expected });
        if !self.has(Coin::Native, by, value) {
            faults.without_a_word();
        }
        let currency = self.currency(coin);
        let refused = Currency_PullRefused { currency, from: by, amount: U256::from(amount) };
        let received = |received: u128| Currency_WrongAmountReceived {
            currency,
            received: U256::from(received),
            expected: U256::from(amount),
        };
        match mood {
            Mood::Honest => {}
            Mood::SaysNo => faults.unless(false, refused),
            Mood::Reverts => faults.unless(false, Currency_NoBalance { currency }),
            Mood::Lies => faults.unless(false, received(0)),
            Mood::TakesFee => {
                let less = amount.saturating_sub(1);
                faults.unless(self.has(coin, by, less), refused);
                faults.unless(!self.has(coin, by, less), received(less));
            }
        }
    }

    /// Takes stake or fees from somebody who can pay them.
    pub(super) fn pull_stake(
        &mut self,
        by: Address,
        to: Address,
        amount: u128,
        value: u128,
    ) -> Result<(), Refused> {
        self.pull(self.tickets.coin, by, to, amount, value)
    }

    /// What is in the way of an amount that a contract pays.
    pub(super) fn push_faults(&self, to: Address, amount: u128, faults: &mut Faults) {
        let coin = self.tickets.coin;
        let refused = if coin.is_native() {
            self.tickets.refusers.contains(&to)
        } else {
            matches!(self.tickets.mood, Mood::SaysNo | Mood::Reverts)
        };
        let (currency, amount) = (self.currency(coin), U256::from(amount));
        let error = Currency_PushRefused { currency, to, amount };
        faults.unless(amount.is_zero() || !refused, error);
    }

    /// Pays stake or fees as the currency lets it.
    pub(super) fn push_stake(
        &mut self,
        from: Address,
        to: Address,
        amount: u128,
    ) -> Result<(), Refused> {
        let coin = self.tickets.coin;
        let moved = match self.tickets.mood {
            _ if coin.is_native() => amount,
            Mood::Honest => amount,
            Mood::TakesFee => amount.saturating_sub(1),
            Mood::SaysNo | Mood::Reverts | Mood::Lies => 0,
        };
        self.pay(coin, from, to, moved)
    }

    /// Burns fees, if the currency lets it.
    pub(super) fn burn_stake(&mut self, from: Address, amount: u128) -> Result<(), Refused> {
        self.push_stake(from, BURN, amount)
    }
}
