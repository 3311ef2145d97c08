//! What a deployment fixes for ever, with the sets that the program offers.

use super::abi::{Proofs, ProverRegistry, Rounds};
use super::convert::{ConvertError, seconds};
use crate::address::EthAddress;
use crate::amount::Amount;
use crate::beacon::BeaconSource;
use crate::chains::local_randao;

/// What a deployment fixes for ever.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeployParams {
    /// Where randomness comes from.
    pub beacon: BeaconSource,
    /// Tickets of provers.
    pub provers: ProverParams,
    /// Delays of proofs, level 0.
    pub proofs: ProofParams,
    /// Windows and fee of rounds, level 2.
    pub rounds: RoundParams,
}

/// Tickets, in the currency of stakes and seat fees; times in seconds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProverParams {
    /// Currency of stakes and seat fees; zero for the chain's own.
    pub stake_currency: EthAddress,
    /// Stake of one ticket.
    pub ticket_price: Amount,
    /// Until a new ticket can be drawn.
    pub warm_up: u64,
    /// From a prover's last sign of life until its tickets are dead.
    pub alive_period: u64,
    /// Until stake that was given back comes out.
    pub thaw_period: u64,
}

/// Times of level 0, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProofParams {
    /// Between committing to a report and making it.
    pub report_delay: u64,
    /// Between a slash and its payout.
    pub payout_delay: u64,
}

/// Times of rounds, in seconds, and what a seat is paid.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoundParams {
    /// For seats to answer.
    pub answer_window: u64,
    /// For the owner to open.
    pub open_window: u64,
    /// Between a slash and its payout.
    pub payout_delay: u64,
    /// Fee of a seat, in the currency of stakes.
    pub seat_fee: Amount,
}

const DAY: u64 = 86_400;

impl DeployParams {
    /// For a public network: a day to answer and one to open, two weeks of warm-up, a hundred seat
    /// fees for a ticket.
    #[must_use]
    pub const fn public(
        stake_currency: EthAddress,
        seat_fee: Amount,
        beacon: BeaconSource,
    ) -> Self {
        Self {
            beacon,
            provers: ProverParams {
                stake_currency,
                ticket_price: Amount::new(seat_fee.get().saturating_mul(100)),
                warm_up: 14 * DAY,
                alive_period: 30 * DAY,
                thaw_period: 60 * DAY,
            },
            proofs: ProofParams { report_delay: 60, payout_delay: 7 * DAY },
            rounds: RoundParams {
                answer_window: DAY,
                open_window: DAY,
                payout_delay: 7 * DAY,
                seat_fee,
            },
        }
    }

    /// For a local chain: windows of minutes, a second of warm-up, RANDAO.
    #[must_use]
    pub const fn local(stake_currency: EthAddress, seat_fee: Amount) -> Self {
        let public = Self::public(stake_currency, seat_fee, local_randao());
        Self {
            provers: ProverParams {
                warm_up: 1,
                alive_period: DAY,
                thaw_period: 300,
                ..public.provers
            },
            proofs: ProofParams { report_delay: 1, payout_delay: 30 },
            rounds: RoundParams {
                answer_window: 120,
                open_window: 120,
                payout_delay: 60,
                ..public.rounds
            },
            ..public
        }
    }

    /// The settings as the provers' contract takes them.
    pub(crate) fn prover_config(&self) -> Result<ProverRegistry::Config, ConvertError> {
        let (provers, rounds) = (&self.provers, &self.rounds);
        Ok(ProverRegistry::Config {
            stakeCurrency: provers.stake_currency.into(),
            ticketPrice: provers.ticket_price.get(),
            warmUp: seconds(provers.warm_up)?,
            alivePeriod: seconds(provers.alive_period)?,
            thawPeriod: seconds(provers.thaw_period)?,
            roundLength: seconds(rounds.answer_window.saturating_add(rounds.open_window))?,
        })
    }

    /// The settings of level 0.
    pub(crate) fn proof_config(&self) -> Result<Proofs::Config, ConvertError> {
        Ok(Proofs::Config {
            reportDelay: seconds(self.proofs.report_delay)?,
            payoutDelay: seconds(self.proofs.payout_delay)?,
        })
    }

    /// The settings of level 2.
    pub(crate) fn round_config(&self) -> Result<Rounds::Config, ConvertError> {
        let rounds = &self.rounds;
        Ok(Rounds::Config {
            answerWindow: seconds(rounds.answer_window)?,
            openWindow: seconds(rounds.open_window)?,
            payoutDelay: seconds(rounds.payout_delay)?,
            seatFee: rounds.seat_fee.get(),
        })
    }
}
