//! The proofs of level 0 that are in a payer's receipts.

use oml_contracts::Amount;
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

/// A level-0 proof that `ChallengeManager` would accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "violation", rename_all = "camelCase")]
pub enum ReceiptProof {
    /// Two receipts with one number and different content.
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
    /// A receipt dated after the term.
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
    let signed: Vec<&SignedReceipt> =
        receipts.iter().filter(|r| signed_for(r, channel).is_ok()).collect();
    let equivocation = signed.iter().enumerate().find_map(|(i, a)| {
        let twin = |b: &&&SignedReceipt| b.seq == a.seq && b.receipt() != a.receipt();
        let b = signed[i + 1..].iter().find(twin)?;
        Some(ReceiptProof::Equivocation { a: Box::new((*a).clone()), b: Box::new((*b).clone()) })
    });
    let unsettled = signed.iter().find(|r| {
        at.now > r.served_at.saturating_add(at.settlement_period)
            && channel
                .price
                .of(r.cumulative_requests, r.cumulative_tokens)
                .is_none_or(|owed| owed > at.declared)
    });
    let late = signed.iter().find(|r| r.served_at > at.term_end);
    let mut found = Vec::new();
    found.extend(equivocation);
    found
        .extend(unsettled.map(|r| ReceiptProof::UnderMetering { receipt: Box::new((*r).clone()) }));
    found.extend(late.map(|r| ReceiptProof::OutOfTerm { receipt: Box::new((*r).clone()) }));
    found
}
