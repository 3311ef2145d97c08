//! The proofs of level 0 that are in a payer's receipts.

use oml_contracts::{Amount, ServingKey};
use serde::Serialize;

use crate::channel::PayerChannel;
use crate::payer::signed_for;
use crate::wire::SignedReceipt;

/// What the chain says about a channel and its license, as far as proofs need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofContext {
    /// What the host has declared on chain for the channel: claimed or reserved.
    pub declared: Amount,
    /// Seconds that the host has to settle.
    pub settlement_period: u64,
    /// End of the license's term, or time of its termination, Unix seconds.
    pub term_end: u64,
    /// Chain time, Unix seconds.
    pub now: u64,
}

/// A level-0 proof that `Proofs` would accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "violation", rename_all = "camelCase")]
pub enum ReceiptProof {
    /// Two receipts with one number of one epoch and different content.
    Equivocation {
        /// The one that came first.
        a: Box<SignedReceipt>,
        /// The one that came later.
        b: Box<SignedReceipt>,
    },
    /// A receipt above what was settled in time.
    UnderMetering {
        /// The receipt that proves it.
        receipt: Box<SignedReceipt>,
    },
    /// A receipt dated after the term, or by a key that was named after it.
    OutOfTerm {
        /// The receipt that proves it.
        receipt: Box<SignedReceipt>,
    },
}

/// Finds the proofs in a payer's receipts; at most one of each kind, since each is punished once.
#[must_use]
pub fn proofs(
    channel: &PayerChannel,
    receipts: &[SignedReceipt],
    at: &ProofContext,
) -> Vec<ReceiptProof> {
    // A key that was revoked long ago proves nothing any more.
    let admissible = |key: &ServingKey| {
        key.admissible_until(at.settlement_period).is_none_or(|until| at.now <= until)
    };
    let signed: Vec<(&SignedReceipt, &ServingKey)> = receipts
        .iter()
        .filter_map(|r| Some((r, signed_for(r, channel).ok()?)))
        .filter(|(_, key)| admissible(key))
        .collect();
    let equivocation = signed.iter().enumerate().find_map(|(i, (a, _))| {
        let twin = |(b, _): &&(&SignedReceipt, &ServingKey)| {
            b.number() == a.number() && b.receipt() != a.receipt()
        };
        let (b, _) = signed[i + 1..].iter().find(twin)?;
        Some(ReceiptProof::Equivocation { a: Box::new((*a).clone()), b: Box::new((*b).clone()) })
    });
    let unsettled = signed.iter().find(|(r, key)| {
        at.now > key.served_by(r.served_at).saturating_add(at.settlement_period)
            && channel
                .price
                .of(r.cumulative_requests, r.cumulative_tokens)
                .is_none_or(|owed| owed > at.declared)
    });
    let late = signed.iter().find(|(r, key)| key.served_from(r.served_at) > at.term_end);
    let mut found = Vec::new();
    found.extend(equivocation);
    found.extend(
        unsettled.map(|(r, _)| ReceiptProof::UnderMetering { receipt: Box::new((*r).clone()) }),
    );
    found.extend(late.map(|(r, _)| ReceiptProof::OutOfTerm { receipt: Box::new((*r).clone()) }));
    found
}
