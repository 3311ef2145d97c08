//! Fees of seats: asking for those of rounds that lapsed, and taking out what was credited.

use super::config::config;
use super::watch::kept;
use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::money::Money;
use alloy::primitives::{B256, U256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::Rounds::{self, RoundStatus};
use oml_contracts::rpc::rounds::SentSheet;
use oml_contracts::{EthAddress, RoundId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Fees of a round that nobody has opened in time, for which their prover has to ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LapsedFees {
    /// Round that they are of.
    pub round_id: RoundId,
    /// Seats that the prover answered and was not paid for, from 0.
    pub seats: Vec<u8>,
}

/// What was collected.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectedFees {
    /// Rounds that had lapsed, whose fees were asked for first.
    pub lapsed: Vec<LapsedFees>,
    /// All that was taken out.
    pub amount: Money,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

/// What a prover can take out now, that which it has to ask for included.
///
/// # Errors
/// Network failure.
pub(crate) async fn collectable(chain: &Chain, prover: EthAddress) -> Result<Money> {
    let fee = config(chain).await?.seat_fee;
    let seats: usize = lapsed(chain, prover).await?.iter().map(|round| round.seats.len()).sum();
    let credited = credited(chain, prover).await?;
    Ok(fee.with_units(credited.saturating_add(fee.units().saturating_mul(U256::from(seats)))))
}

async fn credited(chain: &Chain, prover: EthAddress) -> Result<U256> {
    chain.read(chain.rounds(), Rounds::feesCall { prover: prover.into() }).await
}

/// Rounds of which `prover` has fees to ask for.
async fn lapsed(chain: &Chain, prover: EthAddress) -> Result<Vec<LapsedFees>> {
    let filter = Filter::new()
        .address(chain.rounds())
        .topic3(B256::left_padding_from(prover.as_bytes().as_slice()));
    let what = Rounds::SheetSent::SIGNATURE;
    let mut seats: BTreeMap<RoundId, BTreeSet<u8>> = BTreeMap::new();
    for (event, _) in chain.events::<Rounds::SheetSent>(what, filter).await? {
        seats.entry(event.roundId.into()).or_default().insert(event.seat);
    }
    let windows = config(chain).await?;
    let length = windows.answer_window + windows.open_window;
    let now = chain.rpc().now().await?;
    let mut found = Vec::new();
    for (round_id, seats) in seats {
        let round = kept(chain, round_id).await?;
        let is_lapsed = match round.status {
            RoundStatus::Lapsed => true,
            RoundStatus::Sealed => now > round.sealedAt.to::<u64>() + length,
            _ => false,
        };
        let seats: Vec<u8> = seats.into_iter().filter(|seat| round.paid >> seat & 1 == 0).collect();
        if is_lapsed && !seats.is_empty() {
            found.push(LapsedFees { round_id, seats });
        }
    }
    Ok(found)
}

/// All sheets of a round, as its contract takes them back.
async fn sheets_of(chain: &Chain, round: RoundId) -> Result<Vec<Rounds::Sheet>> {
    let filter = Filter::new().address(chain.rounds()).topic1(B256::from(round));
    let what = Rounds::SheetSent::SIGNATURE;
    let sent = chain.events::<Rounds::SheetSent>(what, filter).await?;
    Ok(sent.iter().map(|(event, _)| (&SentSheet::from(event)).into()).collect())
}

/// Takes out every fee that the signer may have now. With `round`, fees are asked for of no other
/// lapsed round; what is credited is one sum and taken out as a whole.
///
/// # Errors
/// No signer, network failure, a refusal of the contract; a named round of which there is nothing
/// to collect while nothing else is credited.
pub async fn collect(chain: &Chain, round: Option<RoundId>) -> Result<CollectedFees> {
    let me = chain.me()?;
    let mut lapsed = lapsed(chain, me).await?;
    lapsed.retain(|found| round.is_none_or(|round| round == found.round_id));
    let mut transactions = Vec::new();
    for found in &lapsed {
        let sent = sheets_of(chain, found.round_id).await?;
        let call = Rounds::collectLapsedCall { roundId: found.round_id.into(), sent };
        let sent = chain.send("collect fees", chain.rounds(), call, U256::ZERO).await?;
        transactions.push(sent.record);
    }
    let fee = config(chain).await?.seat_fee;
    let credited = credited(chain, me).await?;
    if let (Some(round), true) = (round, lapsed.is_empty() && credited.is_zero()) {
        return Err(fail(
            format!("round {round} owes the signer nothing now"),
            "fees are credited when a round is opened, and can be asked for once it has lapsed, \
             by who sent a sheet; `oml round show` has every seat",
            FailureKind::Failed,
        ));
    }
    if !credited.is_zero() {
        let call = Rounds::withdrawFeesCall { to: me.into() };
        let sent = chain.send("withdraw fees", chain.rounds(), call, U256::ZERO).await?;
        transactions.push(sent.record);
    }
    Ok(CollectedFees { lapsed, amount: fee.with_units(credited), transactions })
}
