//! What a deployment of the contracts has fixed about rounds.

use crate::chain::Chain;
use crate::error::Result;
use crate::money::Money;
use alloy::primitives::U256;
use oml_contracts::rpc::abi::{ProverRegistry, Rounds};
use serde::Serialize;

/// Windows and fees of rounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundsSettings {
    /// Seconds after the seal in which seats answer.
    pub answer_window: u64,
    /// Seconds after that in which the owner opens.
    pub open_window: u64,
    /// Seconds between a slash and its payout.
    pub payout_delay: u64,
    /// What each seat costs who seals, in the currency of tickets.
    pub seat_fee: Money,
}

impl RoundsSettings {
    /// What so many seats cost.
    #[must_use]
    pub fn fees(&self, seats: u8) -> Money {
        self.seat_fee.with_units(self.seat_fee.units().saturating_mul(U256::from(seats)))
    }
}

/// Windows and fees of rounds.
///
/// # Errors
/// Network failure.
pub async fn config(chain: &Chain) -> Result<RoundsSettings> {
    let kept = chain.read(chain.rounds(), Rounds::configCall {}).await?;
    let currency = chain.read(chain.provers(), ProverRegistry::stakeCurrencyCall {}).await?;
    Ok(RoundsSettings {
        answer_window: kept.answerWindow.to(),
        open_window: kept.openWindow.to(),
        payout_delay: kept.payoutDelay.to(),
        seat_fee: chain.currency(currency.into()).await?.units(kept.seatFee),
    })
}

/// Seconds between a slash and its payout.
///
/// # Errors
/// Network failure.
pub async fn payout_delay(chain: &Chain) -> Result<u64> {
    Ok(config(chain).await?.payout_delay)
}
