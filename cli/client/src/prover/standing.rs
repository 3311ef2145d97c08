//! Provers and their tickets, as the contract and its events have them.

use crate::chain::Chain;
use crate::error::{FailureKind, Result, fail};
use crate::money::Money;
use alloy::primitives::{Address, B256, U256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::EthAddress;
use oml_contracts::rpc::abi::ProverRegistry;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a deployment of the contracts has fixed about tickets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketSettings {
    /// Stake of one ticket, in the currency of seat fees.
    pub ticket_price: Money,
    /// Seconds until a new ticket can be drawn.
    pub warm_up: u64,
    /// Seconds after a prover's last sign of life until its tickets are dead.
    pub alive_period: u64,
    /// Seconds until stake that left comes back.
    pub thaw_period: u64,
}

/// A prover as the chain has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProverStanding {
    /// The account that its stake belongs to.
    pub prover: EthAddress,
    /// Tickets that it holds now.
    pub tickets: u32,
    /// Whether its tickets count in rounds that are sealed from the next second on.
    pub alive: bool,
    /// In rounds that are sealed later its tickets are vacant, Unix seconds.
    pub alive_until: u64,
    /// Where hand-outs are sent.
    pub inbox: String,
    /// Key to which they are sealed.
    pub encryption_key: B256,
    /// Stake of the tickets that it holds.
    pub staked: Money,
    /// Stake on its way out, which can be withdrawn after the thaw.
    pub thawing: Money,
    /// When that can be withdrawn, Unix seconds; zero if there is none.
    pub thaw_end: u64,
}

/// A ticket of a prover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketStanding {
    /// Number of the place in the list of tickets.
    pub ticket: u32,
    /// In rounds that are sealed earlier it is vacant, Unix seconds.
    pub valid_from: u64,
}

/// A prover with its tickets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProverTickets {
    /// Account of the prover that holds it.
    #[serde(flatten)]
    pub standing: ProverStanding,
    /// Its tickets, by place.
    pub places: Vec<TicketStanding>,
    /// Places of the array, among which rounds draw.
    pub total_tickets: u32,
}

/// What a deployment of the contracts has fixed about tickets.
///
/// # Errors
/// Network failure.
pub async fn config(chain: &Chain) -> Result<TicketSettings> {
    let kept = chain.read(chain.provers(), ProverRegistry::configCall {}).await?;
    Ok(TicketSettings {
        ticket_price: chain.currency(kept.stakeCurrency.into()).await?.units(kept.ticketPrice),
        warm_up: kept.warmUp.to(),
        alive_period: kept.alivePeriod.to(),
        thaw_period: kept.thawPeriod.to(),
    })
}

/// Every prover that ever announced itself and has tickets or thawing stake.
///
/// # Errors
/// Network failure.
pub async fn list(chain: &Chain) -> Result<Vec<ProverStanding>> {
    let now = chain.rpc().now().await?;
    let mut provers = Vec::new();
    for (account, inbox) in announced(chain, None).await? {
        let standing = standing(chain, account, inbox, now).await?;
        if standing.tickets > 0 || !standing.thawing.is_zero() {
            provers.push(standing);
        }
    }
    Ok(provers)
}

/// One prover with its tickets.
///
/// # Errors
/// Network failure, or it never joined.
pub async fn show(chain: &Chain, prover: EthAddress) -> Result<ProverTickets> {
    let account = Address::from(prover);
    let inbox = announced(chain, Some(account)).await?.remove(&account).ok_or_else(|| {
        fail(
            format!("{prover} has never been a prover"),
            "`oml prover join` makes it one",
            FailureKind::Failed,
        )
    })?;
    let now = chain.rpc().now().await?;
    let total_tickets = total(chain).await?;
    let places = held(chain, account).await?;
    let standing = standing(chain, account, inbox, now).await?;
    Ok(ProverTickets { standing, places, total_tickets })
}

/// Places of the array.
pub(super) async fn total(chain: &Chain) -> Result<u32> {
    chain.read(chain.provers(), ProverRegistry::totalTicketsCall {}).await
}

/// A ticket as the contract keeps it.
pub(super) async fn ticket(chain: &Chain, place: u32) -> Result<ProverRegistry::Ticket> {
    chain.read(chain.provers(), ProverRegistry::ticketCall { index: place }).await
}

/// Whether nothing has ended it.
pub(super) fn is_held(ticket: &ProverRegistry::Ticket) -> bool {
    // The largest `uint40` stands for a ticket that is held.
    ticket.validUntil.to::<u64>() == (1 << 40) - 1
}

/// Tickets that an account holds, by place.
pub(super) async fn held(chain: &Chain, account: Address) -> Result<Vec<TicketStanding>> {
    let of_prover = || {
        let topic = B256::left_padding_from(account.as_slice());
        let filter = Filter::new().address(chain.provers());
        (filter.clone().topic2(topic), filter.topic3(topic))
    };
    let (taken, moved) = of_prover();
    let what = ProverRegistry::TicketTaken::SIGNATURE;
    let taken = chain.events::<ProverRegistry::TicketTaken>(what, taken).await?;
    let what = ProverRegistry::TicketMoved::SIGNATURE;
    let moved = chain.events::<ProverRegistry::TicketMoved>(what, moved).await?;
    let mut places: BTreeSet<u32> = taken.iter().map(|(event, _)| event.ticket).collect();
    places.extend(moved.iter().map(|(event, _)| event.to));
    let total = total(chain).await?;
    let mut tickets = Vec::new();
    for place in places.into_iter().filter(|place| *place < total) {
        let kept = ticket(chain, place).await?;
        if kept.owner == account && is_held(&kept) {
            tickets.push(TicketStanding { ticket: place, valid_from: kept.validFrom.to() });
        }
    }
    Ok(tickets)
}

/// Accounts that announced themselves, each with its newest inbox.
async fn announced(chain: &Chain, prover: Option<Address>) -> Result<BTreeMap<Address, String>> {
    let mut filter = Filter::new().address(chain.provers());
    if let Some(prover) = prover {
        filter = filter.topic1(B256::left_padding_from(prover.as_slice()));
    }
    let what = ProverRegistry::ProverAnnounced::SIGNATURE;
    let events = chain.events::<ProverRegistry::ProverAnnounced>(what, filter).await?;
    // Events come in the order of the chain, so the newest is left.
    Ok(events.into_iter().map(|(event, _)| (event.prover, event.inbox)).collect())
}

async fn standing(
    chain: &Chain,
    account: Address,
    inbox: String,
    now: u64,
) -> Result<ProverStanding> {
    let kept = chain.read(chain.provers(), ProverRegistry::proverCall { account }).await?;
    let alive_until: u64 = kept.aliveUntil.to();
    let price = config(chain).await?.ticket_price;
    Ok(ProverStanding {
        prover: account.into(),
        tickets: kept.tickets,
        alive: alive_until >= now && kept.tickets > 0,
        alive_until,
        inbox,
        encryption_key: kept.encryptionKey,
        staked: price.with_units(price.units().saturating_mul(U256::from(kept.tickets))),
        thawing: price.with_units(kept.thawing),
        thaw_end: kept.thawEnd.to(),
    })
}
