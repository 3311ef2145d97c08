//! Which rules a call breaks.

use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolError;
use oml_contracts::rpc::abi::LicenseRegistry as Registry;
use oml_contracts::rpc::abi::{LicenseRef, LicenseStatus};

use super::refusal::Refused;
use super::state::{ReferenceModel, Status};
use crate::agreed::Coin;

alloy::sol! {
    /// What comes with the call is not what it has to bring.
    #[derive(Debug)]
    error Currency_WrongValue(uint256 sent, uint256 expected);

    /// The offer's model has no such universe.
    #[derive(Debug)]
    error Terms_UnknownEpoch(bytes32 modelId, uint32 epoch);

    /// Reporter and owner would get more than four fifths of what is slashed.
    #[derive(Debug)]
    error Terms_SlashSplitTooHigh(uint16 reporterBps, uint16 ownerBps);

    /// Rounds of so many seats may not stand behind money.
    #[derive(Debug)]
    error Terms_BadSeats(uint8 seats);

    /// What has no price can't be used unpaid.
    #[derive(Debug)]
    error Terms_NoPrice();

    /// Collateral could leave before a round is opened.
    #[derive(Debug)]
    error Terms_ThawShorterThanRound(uint40 thawPeriod, uint40 roundLength);

    /// A bundle has sixteen leaves.
    #[derive(Debug)]
    error Openings_WrongLength(uint32 bundle, uint256 leaves);

    /// A leaf's tags are not above zero and increasing.
    #[derive(Debug)]
    error Openings_MalformedLeaf(uint32 leaf);

    /// The bundle is not under the root.
    #[derive(Debug)]
    error Openings_BadProof(uint32 bundle);

    /// The token did not move to the contract that asked for it.
    #[derive(Debug)]
    error Currency_PullRefused(address currency, address from, uint256 amount);

    /// The token, or who should get the chain's own currency, did not take it.
    #[derive(Debug)]
    error Currency_PushRefused(address currency, address to, uint256 amount);

    /// Another amount came than was asked for.
    #[derive(Debug)]
    error Currency_WrongAmountReceived(address currency, uint256 received, uint256 expected);

    /// The token does not say what somebody has.
    #[derive(Debug)]
    error Currency_NoBalance(address currency);
}

/// All broken rules of a call. The documents do not say which is looked at first, so each may be
/// the answer.
#[derive(Debug, Default)]
pub(super) struct Faults {
    reasons: Vec<Vec<u8>>,
}

impl Faults {
    /// The rule has an error of its own.
    pub(super) fn unless(&mut self, holds: bool, error: impl SolError) {
        if !holds {
            self.reasons.push(error.abi_encode());
        }
    }

    /// The call is refused before any code runs.
    pub(super) fn without_a_word(&mut self) {
        self.reasons.push(Vec::new());
    }

    /// The caller pays: native currency has to come with the call, exactly; with a token nothing
    /// comes with it. What is paid has to be there: a call that brings more than its caller has
    /// runs no code, so there is no word for it.
    pub(super) fn payment(
        &mut self,
        model: &ReferenceModel,
        coin: Coin,
        by: Address,
        amount: u128,
        value: u128,
    ) {
        let expected = U256::from(if coin.is_native() { amount } else { 0 });
        let sent = U256::from(value);
        self.unless(sent == expected, Currency_WrongValue { sent, expected });
        if !model.has(Coin::Native, by, value) {
            self.without_a_word();
        }
        let refused = Currency_PullRefused {
            currency: model.currency(coin),
            from: by,
            amount: U256::from(amount),
        };
        self.unless(coin.is_native() || model.has(coin, by, amount), refused);
    }

    /// The license is in one of these steps of its life.
    pub(super) fn status(&mut self, id: B256, status: Option<Status>, right: &[Status]) {
        let holds = status.is_some_and(|status| right.contains(&status));
        let status = shown(status);
        let wrong = Registry::LicenseRegistry_WrongStatus { licenseId: id, status };
        self.unless(holds, wrong);
    }

    pub(super) fn host(&mut self, reference: &LicenseRef, by: Address) {
        let host = reference.host;
        self.unless(by == host, Registry::LicenseRegistry_OnlyHost { host, caller: by });
    }

    /// Only the contracts that decide may ask the registry for this.
    pub(super) fn judge(&mut self, model: &ReferenceModel, by: Address) {
        self.unless(model.judges(by), Registry::LicenseRegistry_OnlyJudges { caller: by });
    }

    /// No rule may be broken.
    pub(super) fn none(self) -> Result<(), Refused> {
        if self.reasons.is_empty() { Ok(()) } else { Err(Refused { reasons: self.reasons }) }
    }
}

/// The contracts' word for a license's status, of one that was never bought, too.
pub(super) const fn shown(status: Option<Status>) -> LicenseStatus {
    match status {
        None => LicenseStatus::None,
        Some(Status::Acquired) => LicenseStatus::Acquired,
        Some(Status::Seeded) => LicenseStatus::Seeded,
        Some(Status::Accepted) => LicenseStatus::Accepted,
        Some(Status::Active) => LicenseStatus::Active,
        Some(Status::Terminated) => LicenseStatus::Terminated,
        Some(Status::Cancelled) => LicenseStatus::Cancelled,
    }
}
