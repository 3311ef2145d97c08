//! The terms of an offer, what they cost, and how `abi.encode` lays them out.

use crate::abi_encode::AbiWords;
use crate::address::EthAddress;
use crate::amount::{Amount, Bps};
use crate::evidence::EvidenceTerms;
use crate::ids::ModelId;

/// Most royalty rows of an offer: the most parents that a model can have.
pub const MAX_PARENTS: usize = 8;

/// Most seconds that the ABI holds (`uint40`).
pub const MAX_SECONDS: u64 = (1 << 40) - 1;

/// Longest period that `publishOffer` accepts, ten years in seconds: nothing locks for ever.
pub const MAX_PERIOD: u64 = 3_650 * 86_400;

/// Most of a license fee, of collateral, and of a channel's deposits: amounts are kept in 96 bits.
pub const MAX_LICENSE_AMOUNT: Amount = Amount::new((1 << 96) - 1);

/// Bits of [`Terms::evidence_levels`].
pub mod level {
    /// Proofs that the contract judges alone.
    pub const PROOF: u8 = 1 << 0;
    /// Sealed rounds of sampled testers.
    pub const ROUND: u8 = 1 << 2;
}

/// A parent's share of the owner's share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Royalty {
    /// Owner of the parent model when the child was registered.
    pub payee: EthAddress,
    /// Part of the owner's share.
    pub bps: Bps,
}

/// What a violation costs, as a part of the collateral, and who gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlashTerms {
    /// Two receipts of one number with different content.
    pub equivocation_bps: Bps,
    /// A receipt above what was settled.
    pub under_metering_bps: Bps,
    /// A receipt dated outside of the term.
    pub out_of_term_bps: Bps,
    /// Receipts over a model without a license for it.
    pub unlicensed_model_bps: Bps,
    /// Use without payment, found by rounds.
    pub unpaid_use_bps: Bps,
    /// The reporter's part of what is slashed; at most one half, at level 0 at most a tenth.
    pub reporter_bps: Bps,
    /// The owner's part of what is slashed; with the reporter's at most four fifths, the rest is
    /// burned.
    pub owner_bps: Bps,
}

/// Every term is enforced by code; the chain stores only their hash.
///
/// The JSON form has Solidity's field names, amounts as text, periods in seconds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// The licensed model.
    pub model_id: ModelId,
    /// Universe whose fingerprints are embedded.
    pub epoch: u32,
    /// Who licenses it out.
    pub owner: EthAddress,
    /// ERC-20 token, or zero for the chain's own currency.
    pub currency: EthAddress,
    /// Paid once, when the license is bought.
    pub license_fee: Amount,
    /// Price of a request.
    pub price_per_request: Amount,
    /// Price of 1,000 tokens.
    pub price_per_thousand_tokens: Amount,
    /// The owner's share of what users pay.
    pub owner_share_bps: Bps,
    /// What the host deposits.
    pub collateral: Amount,
    /// Smallest collateral per unsettled amount; may exceed the whole.
    pub min_collateral_ratio_bps: u16,
    /// Term, in seconds from activation.
    pub duration: u64,
    /// Seconds within which the owner delivers.
    pub delivery_period: u64,
    /// Seconds from the delivery of a copy's key, within which the host can reject the copy and get
    /// half of the fee back; 0 for none.
    pub trial_period: u64,
    /// Seconds within which the host settles what it served.
    pub settlement_period: u64,
    /// Seconds between the end of a license and the collateral's way out.
    pub thaw_period: u64,
    /// Deployments registered at a time.
    pub max_deployments: u16,
    /// Accepted levels of proof, see [`level`].
    pub evidence_levels: u8,
    /// Whether the host's collateral answers for its copy on a deployment that it did not register.
    pub leak_liability: bool,
    /// Seats of a round, 0 if level 2 is not accepted.
    pub seats: u8,
    /// 1/alpha: how many innocent licenses stand against one that is ever convicted.
    pub alpha_inverse: u64,
    /// Slash per violation and its split.
    pub slash: SlashTerms,
    /// Shares of parent models' owners.
    pub royalties: Vec<Royalty>,
}

impl Terms {
    /// What judges off chain go by under these terms.
    #[must_use]
    pub const fn evidence(&self) -> EvidenceTerms {
        EvidenceTerms::of(self.alpha_inverse)
    }

    /// Whether rounds may test the host's deployments.
    #[must_use]
    pub const fn accepts_rounds(&self) -> bool {
        self.evidence_levels & level::ROUND != 0
    }

    /// Least that a channel must have promised for these units, rounded as the escrow does; `None`
    /// past 2^128.
    #[must_use]
    pub fn price_of(&self, requests: u64, tokens: u64) -> Option<Amount> {
        let per_token = self.price_per_thousand_tokens.get();
        // amount = 1000·q + r keeps the product of price and tokens inside 128 bits where the sum
        // is.
        let whole = (per_token / 1000).checked_mul(tokens.into())?;
        let rest = (per_token % 1000) * u128::from(tokens) / 1000;
        let requests = self.price_per_request.checked_mul(requests.into())?;
        requests.checked_add(Amount::new(whole.checked_add(rest)?))
    }

    /// The terms as `abi.encode` lays out their tuple.
    pub(crate) fn abi_words(&self) -> AbiWords {
        let slash = &self.slash;
        let head = AbiWords::default()
            .bytes32(self.model_id)
            .uint(self.epoch)
            .address(self.owner)
            .address(self.currency)
            .uint(self.license_fee)
            .uint(self.price_per_request)
            .uint(self.price_per_thousand_tokens)
            .uint(self.owner_share_bps.get())
            .uint(self.collateral)
            .uint(self.min_collateral_ratio_bps)
            .uint(self.duration)
            .uint(self.delivery_period)
            .uint(self.trial_period)
            .uint(self.settlement_period)
            .uint(self.thaw_period)
            .uint(self.max_deployments)
            .uint(self.evidence_levels)
            .uint(u8::from(self.leak_liability))
            .uint(self.seats)
            .uint(self.alpha_inverse)
            .uint(slash.equivocation_bps.get())
            .uint(slash.under_metering_bps.get())
            .uint(slash.out_of_term_bps.get())
            .uint(slash.unlicensed_model_bps.get())
            .uint(slash.unpaid_use_bps.get())
            .uint(slash.reporter_bps.get())
            .uint(slash.owner_bps.get());
        // The one dynamic field: its place in the head holds its offset from the tuple's start.
        let offset = head.len() as u128 + 32;
        let rows = head.uint(offset).uint(self.royalties.len() as u128);
        self.royalties
            .iter()
            .fold(rows, |words, royalty| words.address(royalty.payee).uint(royalty.bps.get()))
    }
}
