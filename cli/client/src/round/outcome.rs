//! What the opening of a round found, and a license's ledger.

use crate::bought;
use crate::chain::Chain;
use crate::error::Result;
use crate::money::{Currency, Money};
use alloy::primitives::B256;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::evidence::Log2;
use oml_contracts::round::RoundKind;
use oml_contracts::rpc::abi::Rounds;
use oml_contracts::{DeploymentHash, EthAddress, LicenseId, RoundId};
use serde::Serialize;

/// What the opening of a round found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundOutcome {
    /// The license that was tried.
    pub license_id: LicenseId,
    /// The deployment that was asked.
    pub deployment_hash: DeploymentHash,
    /// Index of the word that sealed it; from 64 on it was about an unregistered deployment.
    pub index: u8,
    /// Whether it was about an unregistered deployment.
    pub leak: bool,
    /// Hits of the seats that were not struck.
    pub kept_hits: u16,
    /// log2 of what the round added, before its premium.
    pub gain_log2: f64,
    /// log2 of the license's evidence after the round.
    pub evidence_log2: f64,
    /// What that had to reach.
    pub threshold_log2: f64,
    /// Whether it was reached.
    pub convicted: bool,
    /// Taken from the collateral.
    pub slashed: Money,
    /// Who paid for the round and gets the reporter's part; none if nothing was slashed.
    pub reporter: Option<EthAddress>,
    /// Of what was slashed, the reporter's.
    pub to_reporter: Money,
    /// Of what was slashed, the owner's.
    pub to_owner: Money,
    /// Hits by seat.
    #[serde(skip)]
    pub(super) hits: [u8; 32],
}

/// Evidence against a license.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerStanding {
    /// log2 of the evidence.
    pub evidence_log2: f64,
    /// Indices whose premium was taken: one more than the largest that was opened.
    pub charged: u8,
    /// Bit k: the round of index k was opened.
    pub opened: u64,
}

impl LedgerStanding {
    /// How many rounds were opened.
    #[must_use]
    pub const fn rounds(&self) -> u32 {
        self.opened.count_ones()
    }
}

/// Evidence against a license, of one kind: with `leak` of its unregistered deployments.
///
/// # Errors
/// Network failure.
pub(crate) async fn ledger_standing(
    chain: &Chain,
    license: LicenseId,
    kind: RoundKind,
) -> Result<LedgerStanding> {
    let call = Rounds::ledgerCall { licenseId: license.into(), leak: kind.is_leak() };
    let kept = chain.read(chain.rounds(), call).await?;
    Ok(LedgerStanding {
        evidence_log2: Log2::new(kept.logA).to_f64(),
        charged: kept.charged,
        opened: kept.opened,
    })
}

/// What the opening of a round found; none if it was not opened.
pub(super) async fn read(chain: &Chain, id: RoundId) -> Result<Option<RoundOutcome>> {
    let round = || Filter::new().address(chain.rounds());
    let what = Rounds::RoundOpened::SIGNATURE;
    let opened = chain.events::<Rounds::RoundOpened>(what, round().topic1(B256::from(id))).await?;
    let Some((event, _)) = opened.into_iter().next() else { return Ok(None) };
    let license = bought::require(chain, event.licenseId.into()).await?;
    let currency = chain.currency(license.terms.currency).await?;
    let mut outcome = RoundOutcome::of(&event, &currency);
    if outcome.convicted {
        let what = Rounds::LicenseConvicted::SIGNATURE;
        let of_round = round().topic1(B256::from(id));
        let convicted = chain.events::<Rounds::LicenseConvicted>(what, of_round).await?;
        if let Some((event, _)) = convicted.into_iter().next() {
            outcome.slashed = currency.units(event.slashed);
            outcome.reporter = Some(event.reporter.into());
            outcome.to_reporter = currency.units(event.toReporter);
            outcome.to_owner = currency.units(event.toOwner);
        }
    }
    Ok(Some(outcome))
}

impl RoundOutcome {
    /// What an opening says by itself; only a conviction takes money.
    fn of(event: &Rounds::RoundOpened, currency: &Currency) -> Self {
        let nothing = currency.units(0_u128);
        Self {
            license_id: event.licenseId.into(),
            deployment_hash: event.deploymentHash.into(),
            index: event.index,
            leak: RoundKind::of_index(event.index).is_leak(),
            kept_hits: event.kept,
            gain_log2: Log2::new(event.gain).to_f64(),
            evidence_log2: Log2::new(event.logA).to_f64(),
            threshold_log2: Log2::new(event.threshold).to_f64(),
            convicted: event.convicted,
            slashed: nothing.clone(),
            reporter: None,
            to_reporter: nothing.clone(),
            to_owner: nothing,
            hits: event.hits.0,
        }
    }
}
