//! Tickets: bought, kept alive, given back, closed up; and the stake that comes back.

use super::standing::{self, config, held, is_held, ticket, total};
use crate::chain::{Call, Chain, Payment, Sent, TxRecord};
use crate::error::{FailureKind, Result, fail};
use alloy::primitives::{B256, U256};
use alloy::sol_types::SolCall;
use oml_contracts::EthAddress;
use oml_contracts::rpc::abi::ProverRegistry;

/// Most tickets that one call takes.
const BATCH: u32 = 64;

/// Longest inbox that the contract takes, in bytes.
const LONGEST_INBOX: usize = 256;

/// Which tickets are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TicketChoice {
    /// The tickets at these places.
    Places(Vec<u32>),
    /// As many of the signer's, from the last place on.
    Count(u32),
    /// All that there are: all of the signer's, or all that are dead.
    All,
}

/// Buys tickets for the signer, announces its key and inbox, and shows life; approves what the
/// contract pulls.
///
/// # Errors
/// No signer, an inbox that is no URL, no ticket wanted, network failure, a refusal of the
/// contract.
pub async fn join(chain: &Chain, count: u32, public: B256, inbox: &str) -> Result<Vec<TxRecord>> {
    check_inbox(inbox)?;
    if count == 0 {
        let hint = "say how many with --tickets";
        return Err(fail("0 tickets are none", hint, FailureKind::Failed));
    }
    let price = config(chain).await?.ticket_price;
    let cost = |count: u32| price.with_units(price.units().saturating_mul(U256::from(count)));
    let (currency, total) = (price.currency().address(), cost(count).amount()?);
    let mut calls = Vec::new();
    let mut left = count;
    while left > 0 {
        let now = left.min(BATCH);
        left -= now;
        let call =
            ProverRegistry::joinCall { count: now, encryptionKey: public, inbox: inbox.to_owned() };
        let value = chain.native_value(currency, cost(now).amount()?);
        calls.push(Call::new("join", chain.provers(), &call).with_value(value));
    }
    let payment = Payment::new(currency, chain.provers(), "tickets", total);
    Ok(chain.pay(calls, &payment, || Ok(())).await?.records)
}

/// Announces another key or inbox of the signer, and shows life.
///
/// # Errors
/// As [`join`].
pub async fn announce(chain: &Chain, public: B256, inbox: &str) -> Result<TxRecord> {
    check_inbox(inbox)?;
    let call = ProverRegistry::announceCall { encryptionKey: public, inbox: inbox.to_owned() };
    one_call(chain, "announce", call).await
}

/// Shows life for all tickets of the signer.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn stay_alive(chain: &Chain) -> Result<TxRecord> {
    one_call(chain, "stay alive", ProverRegistry::stayAliveCall {}).await
}

/// Gives tickets of the signer back; their stake thaws.
///
/// # Errors
/// No signer, fewer tickets than wanted, network failure, a refusal of the contract.
pub async fn leave(chain: &Chain, choice: &TicketChoice) -> Result<Vec<TxRecord>> {
    let places = own_places(chain, choice).await?;
    let mut records = Vec::new();
    for some in places.chunks(BATCH as usize) {
        let call = ProverRegistry::releaseCall { tickets: some.to_vec() };
        records.push(one_call(chain, "leave", call).await?);
    }
    Ok(records)
}

/// Does the same with tickets of provers that have shown no life.
///
/// # Errors
/// No signer, no such tickets, network failure, a refusal of the contract.
pub async fn evict(chain: &Chain, choice: &TicketChoice) -> Result<Vec<TxRecord>> {
    let places = match choice {
        TicketChoice::Places(places) => places.clone(),
        TicketChoice::Count(_) | TicketChoice::All => dead(chain).await?,
    };
    if places.is_empty() {
        let hint = "every prover that holds tickets has shown life; `oml prover list` shows them";
        return Err(fail("no ticket is dead", hint, FailureKind::Failed));
    }
    let mut records = Vec::new();
    for some in places.chunks(BATCH as usize) {
        let call = ProverRegistry::evictCall { tickets: some.to_vec() };
        records.push(one_call(chain, "evict", call).await?);
    }
    Ok(records)
}

/// Closes up to `steps` dead places of the array; anyone may.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn compact(chain: &Chain, steps: u32) -> Result<TxRecord> {
    one_call(chain, "compact", ProverRegistry::compactCall { steps }).await
}

/// Pays the signer's thawed stake to `to`, or to the signer.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn withdraw(chain: &Chain, to: Option<EthAddress>) -> Result<TxRecord> {
    let to = to.map_or_else(|| chain.sender(), |to| Ok(to.into()))?;
    one_call(chain, "withdraw stake", ProverRegistry::withdrawCall { to }).await
}

async fn one_call<C: SolCall>(chain: &Chain, step: &str, call: C) -> Result<TxRecord> {
    let sent: Sent = chain.send(step, chain.provers(), call, U256::ZERO).await?;
    Ok(sent.record)
}

/// The signer's places that a choice means.
async fn own_places(chain: &Chain, choice: &TicketChoice) -> Result<Vec<u32>> {
    if let TicketChoice::Places(places) = choice {
        return Ok(places.clone());
    }
    let mut places: Vec<u32> =
        held(chain, chain.sender()?).await?.iter().map(|ticket| ticket.ticket).collect();
    let have = places.len();
    let none = |message: String| {
        let hint = "`oml prover show` lists the tickets of an account";
        fail(message, hint, FailureKind::Failed)
    };
    match choice {
        TicketChoice::Count(count) if *count as usize > have => {
            Err(none(format!("the signer holds {have} tickets, {count} were to be given back")))
        }
        TicketChoice::All if have == 0 => Err(none("the signer holds no ticket".to_owned())),
        // The last places first, so that the array gets shorter.
        TicketChoice::Count(count) => Ok(places.split_off(have - *count as usize)),
        _ => Ok(places),
    }
}

/// Held places whose prover has shown no life.
async fn dead(chain: &Chain) -> Result<Vec<u32>> {
    let asleep: Vec<EthAddress> = standing::list(chain)
        .await?
        .into_iter()
        .filter(|prover| !prover.alive && prover.tickets > 0)
        .map(|prover| prover.prover)
        .collect();
    let mut places = Vec::new();
    if asleep.is_empty() {
        return Ok(places);
    }
    for place in 0..total(chain).await? {
        let kept = ticket(chain, place).await?;
        if is_held(&kept) && asleep.contains(&kept.owner.into()) {
            places.push(place);
        }
    }
    Ok(places)
}

fn check_inbox(inbox: &str) -> Result<()> {
    let bad = |why: &str| {
        fail(
            format!("inbox {inbox:?} {why}"),
            "give the public URL of the node's API, e.g. https://prover.example:8443",
            FailureKind::Failed,
        )
    };
    if inbox.len() > LONGEST_INBOX {
        return Err(bad("is longer than 256 bytes, the most that the contract takes"));
    }
    let rest = inbox.strip_prefix("https://").or_else(|| inbox.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(()),
        _ => Err(bad("is no http or https URL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inboxes_are_urls_that_fit() {
        for good in ["https://prover.example/oml", "http://127.0.0.1:8080"] {
            check_inbox(good).unwrap();
        }
        let long = format!("https://{}", "a".repeat(249));
        for bad in ["", "prover.example", "ftp://prover.example", "https://", "http:///x", &long] {
            let error = check_inbox(bad).unwrap_err().to_string();
            assert!(error.contains("inbox"), "{error}");
        }
    }
}
