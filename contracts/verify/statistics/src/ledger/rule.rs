//! The rule that decides, and the same rule with one part broken.
//!
//! Whatever enumerates or simulates takes a [`Rule`], so that the checks can be shown to notice
//! what is missing.

use std::fmt;

use oml_contracts::evidence::{Log2, Multiplier};
use oml_contracts::ledger::{
    JudgedRound, LedgerRules, LicenseLedger, Premium, RoundBet, RoundIndex, RoundSize, SheetHits,
    kept_hits, ledger_threshold,
};

/// What can be wrong with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Rounds cost nothing.
    NoPremium,
    /// Only the first index costs.
    PremiumOnce,
    /// Indices that were drawn and never opened cost nothing.
    OnlyOpenedPay,
    /// No seat is struck.
    NoStrike,
    /// What is below zero is forgotten after each round.
    DebtsForgotten,
    /// A conviction does not spend the evidence.
    EvidenceKept,
    /// A conviction also forgives the premium of indices that may still be opened.
    DebtForgiven,
    /// The best of three bets counts, for a premium of 2 bits.
    Mixture,
    /// Nothing counts the deployments.
    DeploymentsFree,
    /// The deployments raise the threshold once, instead of the premium of each round.
    DeploymentsOnce,
    /// A beacon with a slot that can be skipped costs its bit once, not in each round.
    SlotsOnce,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NoPremium,
        Self::PremiumOnce,
        Self::OnlyOpenedPay,
        Self::NoStrike,
        Self::DebtsForgotten,
        Self::EvidenceKept,
        Self::DebtForgiven,
        Self::Mixture,
        Self::DeploymentsFree,
        Self::DeploymentsOnce,
        Self::SlotsOnce,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPremium => "no premium",
            Self::PremiumOnce => "premium only once",
            Self::OnlyOpenedPay => "only opened rounds pay",
            Self::NoStrike => "no strike",
            Self::DebtsForgotten => "log A never below 0",
            Self::EvidenceKept => "no reset after a conviction",
            Self::DebtForgiven => "reset to 0 with indices left open",
            Self::Mixture => "best of three bets",
            Self::DeploymentsFree => "deployments not counted",
            Self::DeploymentsOnce => "deployments counted once",
            Self::SlotsOnce => "a skippable slot costs a bit once",
        })
    }
}

/// The rule of a license's rounds, whole or with a fault.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    rules: LedgerRules,
    fault: Option<Fault>,
}

/// What a license with so many deployments is judged by, at an error of one in `alpha_inverse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// How many innocent licenses stand against one that is convicted: 1/α.
    pub alpha_inverse: u64,
    /// Deployments that may be accused.
    pub deployments: u32,
    /// Slots of the beacon that somebody may skip in every round.
    pub skippable_slots: u8,
}

impl Stand {
    /// One deployment, and a beacon of which nobody can skip a slot.
    #[must_use]
    pub const fn plain(alpha_inverse: u64) -> Self {
        Self { alpha_inverse, deployments: 1, skippable_slots: 0 }
    }

    /// The same license with several deployments.
    #[must_use]
    pub const fn with_deployments(self, deployments: u32) -> Self {
        Self { deployments, ..self }
    }
}

/// The bets of the mixture: tuned to hit rates of 0.2, 0.4 and 0.75.
const MIXTURE: [f64; 3] = [0.2, 0.4, 0.75];

impl Rule {
    /// The rule with the bet of rounds.
    #[must_use]
    pub fn new(stand: Stand, fault: Option<Fault>) -> Self {
        Self::with_bet(stand, RoundBet::of_rounds(), fault)
    }

    /// The rule with another bet.
    #[must_use]
    pub fn with_bet(stand: Stand, bet: RoundBet, fault: Option<Fault>) -> Self {
        let Stand { alpha_inverse, deployments, skippable_slots } = stand;
        let mut rules = LedgerRules {
            bet,
            premium: Premium::for_choices(skippable_slots, deployments),
            threshold: ledger_threshold(alpha_inverse, 1),
        };
        match fault {
            Some(Fault::SlotsOnce) => {
                rules.premium = Premium::for_choices(0, deployments);
                let raised = rules.threshold.raw() + (i64::from(skippable_slots) << 32);
                rules.threshold = Log2::new(raised);
            }
            Some(Fault::DeploymentsFree) => {
                rules.premium = Premium::for_choices(skippable_slots, 1);
            }
            Some(Fault::DeploymentsOnce) => {
                rules.premium = Premium::for_choices(skippable_slots, 1);
                rules.threshold = ledger_threshold(alpha_inverse, deployments);
            }
            // log2(3 bets + nothing).
            Some(Fault::Mixture) => rules.premium = Premium::for_choices(1, 1),
            _ => {}
        }
        Self { rules, fault }
    }

    /// What the bindings are given.
    #[must_use]
    pub const fn rules(&self) -> &LedgerRules {
        &self.rules
    }

    /// What a round adds, from the hits of its seats.
    #[must_use]
    pub fn gain_of_sheets(&self, size: RoundSize, sheets: &[SheetHits]) -> Log2 {
        if self.fault == Some(Fault::NoStrike) {
            let hits = sheets.iter().map(|sheet| u16::from(sheet.get())).sum();
            return self.gain(hits, size.leaves());
        }
        self.gain(kept_hits(size, sheets), size.kept_leaves())
    }

    /// What so many hits among the leaves that decide add.
    #[must_use]
    pub fn gain(&self, hits: u16, leaves: u16) -> Log2 {
        if self.fault != Some(Fault::Mixture) {
            return self.rules.bet.gain(hits, leaves);
        }
        let bet = |rate: f64| {
            let hit = Multiplier::from_f64_floor(rate * 16.0)?;
            let miss = Multiplier::from_f64_floor((1.0 - rate) * 16.0 / 15.0)?;
            RoundBet::fair(hit, miss, 1, 16).ok()
        };
        let gains = MIXTURE.into_iter().filter_map(bet).map(|bet| bet.gain(hits, leaves));
        gains.max().unwrap_or_default()
    }

    /// The ledger after a round was opened.
    #[must_use]
    pub fn open(&self, ledger: LicenseLedger, index: RoundIndex, gain: Log2) -> JudgedRound {
        let given = match self.fault {
            Some(Fault::NoPremium) => LicenseLedger { charged: RoundIndex::COUNT, ..ledger },
            Some(Fault::PremiumOnce) if ledger.charged > 0 => {
                LicenseLedger { charged: RoundIndex::COUNT, ..ledger }
            }
            Some(Fault::OnlyOpenedPay) => LicenseLedger { charged: index.due() - 1, ..ledger },
            _ => ledger,
        };
        let mut judged = given.open(&self.rules, index, gain);
        match self.fault {
            Some(Fault::DebtsForgotten) => {
                judged.ledger.log_a = judged.ledger.log_a.max(Log2::new(0));
            }
            Some(Fault::EvidenceKept) if judged.convicted => {
                judged.ledger.log_a = self.rules.threshold;
            }
            Some(Fault::DebtForgiven) if judged.convicted => judged.ledger.log_a = Log2::new(0),
            _ => {}
        }
        judged
    }
}
