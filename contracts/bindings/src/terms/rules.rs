//! Which terms `publishOffer` accepts.

use super::offer::{MAX_LICENSE_AMOUNT, MAX_PARENTS, MAX_PERIOD, Terms, level};
use crate::amount::{Amount, Bps};
use crate::ledger::{RoundSize, RoundSizeError};

/// Most of a slash that reporter and owner may get together, in basis points: a fifth at least is
/// burned, so that whoever is both loses.
const MAX_SPLIT_BPS: u32 = 8_000;

/// A term that no code could enforce.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// Nobody is named as the owner.
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
        /// Its length in seconds.
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
    /// The host could reject its copy after the term.
    #[error("trialPeriod {trial} is longer than duration {duration}; it may last at most the term")]
    TrialTooLong {
        /// Trial period in seconds.
        trial: u64,
        /// Duration in seconds.
        duration: u64,
    },
    /// Unknown or missing evidence levels.
    #[error("evidenceLevels {0:#010b} is not a mix of bit 0 (proofs) and bit 2 (rounds)")]
    EvidenceLevels(u8),
    /// More than the contracts count.
    #[error(
        "{field} of {amount} is above {MAX_LICENSE_AMOUNT} (2^96 - 1), the most that the contracts count"
    )]
    TooLarge {
        /// Name of the term.
        field: &'static str,
        /// The amount that the terms ask for.
        amount: Amount,
    },
    /// More than one half.
    #[error(
        "reporterBps {0} is more than one half of a slash (5000), which would pay for false reports"
    )]
    ReporterShare(u16),
    /// More than four fifths.
    #[error(
        "slash.reporterBps and slash.ownerBps add up to {0}; at most {MAX_SPLIT_BPS} may be paid out, the rest is burned"
    )]
    SlashSplit(u32),
    /// Shares past the whole.
    #[error("{what} add up to {sum} basis points; 10,000 is the whole")]
    SharesAboveWhole {
        /// Names of the shares that are added up.
        what: &'static str,
        /// Their sum in basis points.
        sum: u32,
    },
    /// Too many parents.
    #[error("{0} royalty rows; a model has at most {MAX_PARENTS} parents")]
    TooManyRoyalties(usize),
    /// Rounds of a size that no contract judges.
    #[error("seats: {0}")]
    Seats(#[from] RoundSizeError),
    /// Seats where no round can be.
    #[error("seats is {0} although level 2 is not accepted; write 0, or accept it (bit 2)")]
    SeatsWithoutRounds(u8),
    /// Error rate of 1 or more.
    #[error("alphaInverse {0} bounds no error; it must be at least 2, 1,000,000,000,000 is usual")]
    AlphaInverse(u64),
    /// What has no price can't be used unpaid.
    #[error(
        "level 2 punishes use that was not paid, but nothing has a price; set pricePerRequest or pricePerThousandTokens, or accept level 0 only"
    )]
    NoPrice,
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
        if self.trial_period > self.duration {
            errors.push(TermsError::TrialTooLong {
                trial: self.trial_period,
                duration: self.duration,
            });
        }
        let levels = self.evidence_levels;
        if levels == 0 || levels & !(level::PROOF | level::ROUND) != 0 {
            errors.push(TermsError::EvidenceLevels(levels));
        }
        for (field, amount) in [("licenseFee", self.license_fee), ("collateral", self.collateral)] {
            if amount > MAX_LICENSE_AMOUNT {
                errors.push(TermsError::TooLarge { field, amount });
            }
        }
        if self.alpha_inverse < 2 {
            errors.push(TermsError::AlphaInverse(self.alpha_inverse));
        }
        errors.extend(self.broken_rounds());
        errors.extend(self.broken_shares());
        if errors.is_empty() { Ok(()) } else { Err(errors) }
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
        ];
        terms.into_iter().filter(|(_, zero)| *zero).map(|(name, _)| name).collect()
    }

    fn broken_rounds(&self) -> Vec<TermsError> {
        if !self.accepts_rounds() {
            return match self.seats {
                0 => Vec::new(),
                seats => vec![TermsError::SeatsWithoutRounds(seats)],
            };
        }
        let size = RoundSize::offered(self.seats).err().map(TermsError::from);
        let free = self.price_of(1, 1000).is_some_and(|price| price.is_zero());
        size.into_iter().chain(free.then_some(TermsError::NoPrice)).collect()
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
        let royalties: u32 =
            self.royalties.iter().map(|royalty| u32::from(royalty.bps.get())).sum();
        let split = u32::from(reporter) + u32::from(owner);
        if split > MAX_SPLIT_BPS {
            errors.push(TermsError::SlashSplit(split));
        }
        if royalties > u32::from(Bps::WHOLE.get()) {
            errors.push(TermsError::SharesAboveWhole { what: "royalties", sum: royalties });
        }
        if self.royalties.len() > MAX_PARENTS {
            errors.push(TermsError::TooManyRoyalties(self.royalties.len()));
        }
        errors
    }
}
