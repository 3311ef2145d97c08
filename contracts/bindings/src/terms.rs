//! The published terms of an offer.

use crate::abi_encode::Words;
use crate::evidence::{EvidenceError, EvidenceTerms};
use crate::hash;
use crate::ids::{LicenseId, ModelId};
use crate::money::{Amount, Bps, EthAddress, LicenseNonce};

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
    /// Cases that a blind committee decides.
    pub const COMMITTEE: u8 = 1 << 2;
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
    /// Use without payment, decided by a case.
    pub unpaid_use_bps: Bps,
    /// The reporter's part of what is slashed; at most one half.
    pub reporter_bps: Bps,
    /// The owner's part of what is slashed; the rest is burned.
    pub owner_bps: Bps,
}

/// Ways in which a host can break a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Violation {
    /// Two receipts of one number with different content.
    Equivocation = 0,
    /// A receipt above what was settled.
    UnderMetering = 1,
    /// A receipt dated outside of the term.
    OutOfTerm = 2,
    /// Receipts over a model without a license for it.
    UnlicensedModel = 3,
    /// Use without payment, decided by a case.
    UnpaidUse = 4,
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
    /// Paid once.
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
    /// What a reporter risks.
    pub report_bond: Amount,
    /// Paid to each committee member.
    pub prover_fee: Amount,
    /// Multipliers and error rate.
    pub evidence: EvidenceTerms,
    /// Slash per violation and its split.
    pub slash: SlashTerms,
    /// Shares of parent models' owners.
    pub royalties: Vec<Royalty>,
}

/// Names a license and proves its terms; what most calls take.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LicenseRef {
    /// Terms of the offer under which it was bought.
    pub terms: Terms,
    /// Who bought it.
    pub host: EthAddress,
    /// Chosen by the host.
    pub nonce: LicenseNonce,
}

impl LicenseRef {
    /// Id of the license under a registry.
    #[must_use]
    pub fn license_id(&self, chain_id: u64, registry: EthAddress) -> LicenseId {
        let offer = hash::offer_id(chain_id, registry, &self.terms);
        hash::license_id(offer, self.host, self.nonce)
    }
}

/// A term that no code could enforce.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// No owner.
    #[error("owner is the zero address; name the account that owns the model")]
    NoOwner,
    /// A term that must not be zero.
    #[error("{0} is 0; it must be at least 1")]
    Zero(&'static str),
    /// Longer than ten years.
    #[error("{field} of {seconds} seconds is longer than ten years, {MAX_PERIOD} seconds")]
    TooLong {
        /// Name of the term.
        field: &'static str,
        /// Its value.
        seconds: u64,
    },
    /// Collateral could leave before unsettled use comes to light.
    #[error(
        "thawPeriod {thaw} is not longer than settlementPeriod {settlement}; collateral would leave before under-metering can be proven"
    )]
    ThawTooShort {
        /// Thaw period in seconds.
        thaw: u64,
        /// Settlement period in seconds.
        settlement: u64,
    },
    /// Unknown or missing evidence levels.
    #[error("evidenceLevels {0:#010b} is not a mix of bit 0 (proofs) and bit 2 (committee)")]
    EvidenceLevels(u8),
    /// More than the contracts count.
    #[error(
        "{field} of {amount} is above {MAX_LICENSE_AMOUNT} (2^96 - 1), the most that the contracts count"
    )]
    TooLarge {
        /// Name of the term.
        field: &'static str,
        /// Its value.
        amount: Amount,
    },
    /// More than one half.
    #[error(
        "reporterBps {0} is more than one half of a slash (5000), which would pay for false reports"
    )]
    ReporterShare(u16),
    /// Shares past the whole.
    #[error("{what} add up to {sum} basis points; 10,000 is the whole")]
    SharesAboveWhole {
        /// Which shares.
        what: &'static str,
        /// Their sum.
        sum: u32,
    },
    /// Too many parents.
    #[error("{0} royalty rows; a model has at most {MAX_PARENTS} parents")]
    TooManyRoyalties(usize),
    /// Multipliers or error rate.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl Terms {
    /// All the rules that need no chain, as `publishOffer` checks them.
    ///
    /// # Errors
    /// Every broken rule, in the order of the terms.
    pub fn validate(&self) -> Result<(), Vec<TermsError>> {
        let mut errors = Vec::new();
        if self.owner.is_zero() {
            errors.push(TermsError::NoOwner);
        }
        errors.extend(self.zero_terms().into_iter().map(TermsError::Zero));
        errors.extend(self.long_periods());
        if self.thaw_period <= self.settlement_period {
            errors.push(TermsError::ThawTooShort {
                thaw: self.thaw_period,
                settlement: self.settlement_period,
            });
        }
        let levels = self.evidence_levels;
        if levels == 0 || levels & !(level::PROOF | level::COMMITTEE) != 0 {
            errors.push(TermsError::EvidenceLevels(levels));
        }
        for (field, amount) in [("licenseFee", self.license_fee), ("collateral", self.collateral)] {
            if amount > MAX_LICENSE_AMOUNT {
                errors.push(TermsError::TooLarge { field, amount });
            }
        }
        errors.extend(self.evidence.validate().err().map(TermsError::from));
        errors.extend(self.broken_shares());
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Least that a channel must have promised for these units, rounded as the escrow does; `None`
    /// past 2^128.
    #[must_use]
    pub fn price_of(&self, requests: u64, tokens: u64) -> Option<Amount> {
        let per_token = self.price_per_thousand_tokens.get();
        // amount = 1000·q + r keeps the product of price and tokens inside 128 bits where the sum is.
        let whole = (per_token / 1000).checked_mul(tokens.into())?;
        let rest = (per_token % 1000) * u128::from(tokens) / 1000;
        let requests = self.price_per_request.checked_mul(requests.into())?;
        requests.checked_add(Amount::new(whole.checked_add(rest)?))
    }

    fn zero_terms(&self) -> Vec<&'static str> {
        let slash = &self.slash;
        let terms = [
            ("collateral", self.collateral.is_zero()),
            ("minCollateralRatioBps", self.min_collateral_ratio_bps == 0),
            ("duration", self.duration == 0),
            ("deliveryPeriod", self.delivery_period == 0),
            ("settlementPeriod", self.settlement_period == 0),
            ("maxDeployments", self.max_deployments == 0),
            ("slash.equivocationBps", slash.equivocation_bps == Bps::ZERO),
            ("slash.underMeteringBps", slash.under_metering_bps == Bps::ZERO),
            ("slash.outOfTermBps", slash.out_of_term_bps == Bps::ZERO),
            ("slash.unpaidUseBps", slash.unpaid_use_bps == Bps::ZERO),
            (
                "reportBond",
                self.evidence_levels & level::COMMITTEE != 0 && self.report_bond.is_zero(),
            ),
        ];
        terms.into_iter().filter(|(_, zero)| *zero).map(|(name, _)| name).collect()
    }

    fn long_periods(&self) -> impl Iterator<Item = TermsError> {
        [
            ("duration", self.duration),
            ("deliveryPeriod", self.delivery_period),
            ("settlementPeriod", self.settlement_period),
            ("thawPeriod", self.thaw_period),
        ]
        .into_iter()
        .filter(|(_, seconds)| *seconds > MAX_PERIOD)
        .map(|(field, seconds)| TermsError::TooLong { field, seconds })
    }

    fn broken_shares(&self) -> Vec<TermsError> {
        let mut errors = Vec::new();
        let (reporter, owner) = (self.slash.reporter_bps.get(), self.slash.owner_bps.get());
        if reporter > Bps::WHOLE.get() / 2 {
            errors.push(TermsError::ReporterShare(reporter));
        }
        let royalties = self.royalties.iter().map(|royalty| u32::from(royalty.bps.get())).sum();
        for (what, sum) in [
            ("slash.reporterBps and slash.ownerBps", u32::from(reporter) + u32::from(owner)),
            ("royalties", royalties),
        ] {
            if sum > u32::from(Bps::WHOLE.get()) {
                errors.push(TermsError::SharesAboveWhole { what, sum });
            }
        }
        if self.royalties.len() > MAX_PARENTS {
            errors.push(TermsError::TooManyRoyalties(self.royalties.len()));
        }
        errors
    }

    /// The terms as `abi.encode` lays out their tuple.
    pub(crate) fn abi_words(&self) -> Words {
        let (evidence, slash) = (&self.evidence, &self.slash);
        let head = Words::default()
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
            .uint(self.settlement_period)
            .uint(self.thaw_period)
            .uint(self.max_deployments)
            .uint(self.evidence_levels)
            .uint(u8::from(self.leak_liability))
            .uint(self.report_bond)
            .uint(self.prover_fee)
            .uint(evidence.personal_hit.raw())
            .uint(evidence.personal_miss.raw())
            .uint(evidence.shared_hit.raw())
            .uint(evidence.shared_miss.raw())
            .uint(evidence.assignment_p)
            .uint(evidence.alpha_inverse)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Terms that every test may start from.
    fn terms() -> Terms {
        let bps = |bps| Bps::new(bps).unwrap();
        Terms {
            model_id: ModelId::new([1; 32]),
            epoch: 0,
            owner: EthAddress::new([2; 20]),
            currency: EthAddress::ZERO,
            license_fee: Amount::new(100),
            price_per_request: Amount::new(3),
            price_per_thousand_tokens: Amount::new(2_500),
            owner_share_bps: bps(3_000),
            collateral: Amount::new(1_000_000),
            min_collateral_ratio_bps: 10_000,
            duration: 86_400,
            delivery_period: 3_600,
            settlement_period: 3_600,
            thaw_period: 7_200,
            max_deployments: 2,
            evidence_levels: level::PROOF | level::COMMITTEE,
            leak_liability: false,
            report_bond: Amount::new(50),
            prover_fee: Amount::new(5),
            evidence: EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000_000).unwrap(),
            slash: SlashTerms {
                equivocation_bps: bps(10_000),
                under_metering_bps: bps(10_000),
                out_of_term_bps: bps(10_000),
                unlicensed_model_bps: Bps::ZERO,
                unpaid_use_bps: bps(5_000),
                reporter_bps: bps(3_000),
                owner_bps: bps(4_000),
            },
            royalties: vec![Royalty { payee: EthAddress::new([7; 20]), bps: bps(500) }],
        }
    }

    #[test]
    fn good_terms_pass_and_survive_json() {
        assert_eq!(terms().validate(), Ok(()));
        let json = serde_json::to_string(&terms()).unwrap();
        assert!(json.contains("\"pricePerThousandTokens\":\"2500\""), "{json}");
        assert_eq!(serde_json::from_str::<Terms>(&json).unwrap(), terms());
        let typo = json.replace("licenseFee", "licenseFe");
        assert!(serde_json::from_str::<Terms>(&typo).is_err());
        let share = json.replace("\"ownerShareBps\":3000", "\"ownerShareBps\":10001");
        let refused = serde_json::from_str::<Terms>(&share).unwrap_err();
        assert!(refused.to_string().contains("10001"), "{refused}");
    }

    #[test]
    fn every_broken_rule_is_named() {
        let mut bad = terms();
        bad.owner = EthAddress::ZERO;
        bad.collateral = Amount::ZERO;
        bad.duration = MAX_PERIOD + 1;
        bad.thaw_period = bad.settlement_period;
        bad.evidence_levels = 0b10;
        bad.leak_liability = true;
        bad.license_fee = Amount::new(1 << 96);
        bad.evidence.alpha_inverse = 1;
        bad.slash.reporter_bps = Bps::new(6_001).unwrap();
        bad.royalties = vec![Royalty { payee: EthAddress::ZERO, bps: Bps::WHOLE }; 9];
        let errors = bad.validate().unwrap_err();
        assert_eq!(errors.len(), 11, "{errors:#?}");
        assert!(errors.contains(&TermsError::Zero("collateral")));
        assert!(errors.contains(&TermsError::Evidence(EvidenceError::AlphaInverse(1))));
    }

    #[test]
    fn prices_round_down_once() {
        assert_eq!(terms().price_of(0, 1), Some(Amount::new(2)));
        assert_eq!(terms().price_of(2, 3), Some(Amount::new(6 + 7)));
        let dear = Terms { price_per_thousand_tokens: Amount::MAX, ..terms() };
        assert_eq!(dear.price_of(0, 1_000), Some(Amount::MAX));
        assert_eq!(dear.price_of(0, 1_001), None);
    }
}
