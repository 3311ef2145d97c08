//! What a deployment fixes for ever, with the sets that the program offers.

use super::abi::ChallengeManager::Config;
use super::convert::{ConvertError, seconds};
use crate::address::EthAddress;
use crate::amount::Amount;
use crate::beacon::BeaconSource;
use crate::chains::local_randao;

/// What a deployment fixes for ever.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeployParams {
    /// Where randomness comes from.
    pub beacon: BeaconSource,
    /// Windows, committee and penalties of cases.
    pub cases: CaseParams,
    /// Currency of the provers' stake; zero for the chain's own.
    pub stake_currency: EthAddress,
    /// Least stake of a prover, in `stake_currency`.
    pub min_stake: Amount,
    /// Seconds until a leaving prover gets its stake.
    pub prover_thaw: u64,
}

/// Windows in seconds, penalties in the provers' stake currency.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseParams {
    /// Between committing to a report and making it.
    pub report_delay: u64,
    /// For the owner to post the questions.
    pub questions_window: u64,
    /// For members to commit.
    pub commit_window: u64,
    /// For members to reveal.
    pub reveal_window: u64,
    /// For the owner to open the leaves.
    pub opening_window: u64,
    /// For the accused to rebut.
    pub rebuttal_window: u64,
    /// Between a slash and its payout.
    pub payout_delay: u64,
    /// Members of a committee.
    pub committee_size: u8,
    /// Bundles of 16 personal fingerprints per case.
    pub bundles_per_case: u8,
    /// Bundles of the shared part that a case opens besides, as long as the universe has them.
    pub shared_bundles_per_case: u8,
    /// Least number of decoys among the questions.
    pub min_decoys: u8,
    /// For not committing or not revealing.
    pub non_reveal_penalty: Amount,
    /// For a dissenting reveal.
    pub dissent_penalty: Amount,
}

const HOUR: u64 = 3_600;

impl DeployParams {
    /// For a public network: windows of hours, committees of 7, penalties of a fifth and a tenth of
    /// the smallest stake.
    #[must_use]
    pub const fn public(
        stake_currency: EthAddress,
        min_stake: Amount,
        beacon: BeaconSource,
    ) -> Self {
        Self {
            beacon,
            cases: CaseParams {
                report_delay: 60,
                questions_window: 12 * HOUR,
                commit_window: 12 * HOUR,
                reveal_window: 6 * HOUR,
                opening_window: 12 * HOUR,
                rebuttal_window: 48 * HOUR,
                payout_delay: 72 * HOUR,
                committee_size: 7,
                bundles_per_case: 2,
                shared_bundles_per_case: 1,
                min_decoys: 16,
                non_reveal_penalty: Amount::new(min_stake.get() / 5),
                dissent_penalty: Amount::new(min_stake.get() / 10),
            },
            stake_currency,
            min_stake,
            prover_thaw: 14 * 24 * HOUR,
        }
    }

    /// For a local chain: windows of seconds to minutes, committees of 3, RANDAO.
    #[must_use]
    pub const fn local(stake_currency: EthAddress, min_stake: Amount) -> Self {
        let public = Self::public(stake_currency, min_stake, local_randao());
        Self {
            cases: CaseParams {
                report_delay: 1,
                questions_window: 120,
                commit_window: 120,
                reveal_window: 60,
                opening_window: 120,
                rebuttal_window: 60,
                payout_delay: 30,
                committee_size: 3,
                min_decoys: 8,
                ..public.cases
            },
            prover_thaw: 60,
            ..public
        }
    }
}

impl TryFrom<&CaseParams> for Config {
    type Error = ConvertError;

    fn try_from(cases: &CaseParams) -> Result<Self, Self::Error> {
        Ok(Self {
            reportDelay: seconds(cases.report_delay)?,
            questionsWindow: seconds(cases.questions_window)?,
            commitWindow: seconds(cases.commit_window)?,
            revealWindow: seconds(cases.reveal_window)?,
            openingWindow: seconds(cases.opening_window)?,
            rebuttalWindow: seconds(cases.rebuttal_window)?,
            payoutDelay: seconds(cases.payout_delay)?,
            committeeSize: cases.committee_size,
            bundlesPerCase: cases.bundles_per_case,
            sharedBundlesPerCase: cases.shared_bundles_per_case,
            minDecoys: cases.min_decoys,
            nonRevealPenalty: cases.non_reveal_penalty.get(),
            dissentPenalty: cases.dissent_penalty.get(),
        })
    }
}
