//! Fees of seats: what a prover may collect, and collecting it.

use super::config::config;
use super::watch::kept;
use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::money::Money;
use alloy::primitives::{B256, U256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::Rounds::{self, RoundStatus};
use oml_contracts::{EthAddress, KeysHash, RoundId};
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A seat's fee that its prover may collect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatFee {
    /// Round that the fee is of.
    pub round_id: RoundId,
    /// Seat that earned it, from 0.
    pub seat: u8,
    /// Hash of the keys that it asked.
    pub keys_hash: KeysHash,
    /// What it sent.
    pub tags: B256,
}

/// What was collected.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectedFees {
    /// Seats whose fee was collected.
    pub seats: Vec<SeatFee>,
    /// All of it.
    pub amount: Money,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

/// Fees that `prover` may collect now, of one round or of all.
///
/// # Errors
/// Network failure.
pub(crate) async fn collectable(
    chain: &Chain,
    prover: EthAddress,
    round: Option<RoundId>,
) -> Result<Vec<SeatFee>> {
    let mut filter = Filter::new()
        .address(chain.rounds())
        .topic3(B256::left_padding_from(prover.as_bytes().as_slice()));
    if let Some(round) = round {
        filter = filter.topic1(B256::from(round));
    }
    let open_window = config(chain).await?;
    let length = open_window.answer_window + open_window.open_window;
    let now = chain.rpc().now().await?;
    let mut rounds: BTreeMap<RoundId, Rounds::Round> = BTreeMap::new();
    let mut fees = Vec::new();
    for (event, _) in
        chain.events::<Rounds::SheetSent>(Rounds::SheetSent::SIGNATURE, filter).await?
    {
        let id = RoundId::from(event.roundId);
        let round = match rounds.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(kept(chain, id).await?),
        };
        let lapsed = now > round.sealedAt.to::<u64>() + length;
        let ended = round.status != RoundStatus::Sealed || lapsed;
        if !ended || round.unpaid >> event.seat & 1 == 1 {
            continue;
        }
        // Emptied once it is paid.
        let call = Rounds::sheetHashCall { roundId: id.into(), seat: event.seat };
        if !chain.read(chain.rounds(), call).await?.is_zero() {
            let (keys_hash, tags) = (event.keysHash.into(), event.tags);
            fees.push(SeatFee { round_id: id, seat: event.seat, keys_hash, tags });
        }
    }
    Ok(fees)
}

/// Collects every fee that the signer may have now, of one round or of all.
///
/// # Errors
/// No signer, network failure, a refusal of the contract; a named round of which there is nothing
/// to collect.
pub async fn collect(chain: &Chain, round: Option<RoundId>) -> Result<CollectedFees> {
    let seats = collectable(chain, chain.me()?, round).await?;
    if let (Some(round), true) = (round, seats.is_empty()) {
        return Err(fail(
            format!("round {round} owes the signer nothing now"),
            "fees are due once it was opened or has lapsed, to who sent a sheet; `oml round show` \
             has every seat",
            FailureKind::Failed,
        ));
    }
    let mut transactions = Vec::new();
    for fee in &seats {
        let call = Rounds::collectCall {
            roundId: fee.round_id.into(),
            seat: fee.seat,
            keysHash: fee.keys_hash.into(),
            tags: fee.tags,
        };
        let sent = chain.send("collect fee", chain.rounds(), call, U256::ZERO).await?;
        transactions.push(sent.record);
    }
    let fee = config(chain).await?.seat_fee;
    let amount = fee.with_units(fee.units().saturating_mul(U256::from(seats.len())));
    Ok(CollectedFees { seats, amount, transactions })
}
