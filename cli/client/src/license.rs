//! Licenses: from purchase to the collateral's way out.

use crate::beacon::{Patience, bring};
pub use crate::bought::require as of_id;
use crate::chain::{Chain, Payment, TxRecord};
use crate::error::{ClientError, Result};
use crate::files::LicenseFile;
use crate::host;
use crate::money::Money;
use alloy::eips::BlockId;
use alloy::primitives::{Address, U256};
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi::{CollateralVault, LicenseRegistry, LicenseStatus};
use oml_contracts::{
    Amount, CasesRoot, CopyKey, EthAddress, LicenseId, SealedRoot, Seed, ServingKeys, Terms,
};
use serde::Serialize;
use std::time::Duration;

/// A license after an action.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedLicense {
    /// Id of the license, as the contracts compute it.
    pub license_id: LicenseId,
    /// What was sent, approvals included.
    pub transactions: Vec<TxRecord>,
}

/// What a buyer decides.
#[derive(Clone, Debug)]
pub struct AcquireLicense {
    /// Terms of the offer.
    pub terms: Terms,
    /// Address whose key will sign receipts.
    pub serving_key: EthAddress,
    /// X25519 public key to which the owner seals the copy.
    pub encryption_key: [u8; 32],
    /// The buyer's number for this license under this offer.
    pub nonce: u64,
}

/// A bought license.
#[derive(Clone, Debug)]
pub struct AcquiredLicense {
    /// What names it from now on.
    pub file: LicenseFile,
    /// What was sent for it; nothing if it was bought before.
    pub change: ChangedLicense,
}

/// A license as the registry keeps it.
#[derive(Clone, Debug)]
pub struct KeptLicense {
    status: LicenseStatus,
    /// Beacon round of the seed.
    seed_round: u64,
    /// Seed of the license's answers; zero until it is drawn.
    pub seed: Seed,
    /// Root of the sealed copy that the host accepted; zero before.
    pub sealed_root: SealedRoot,
    /// Hash of the copy's key while accepted, the key itself once it is delivered; zero before.
    pub copy_key: CopyKey,
    /// Until when the host can reject its copy, Unix seconds; 0 if no half of the fee is on trial.
    pub trial_end: u64,
    /// Whether a part of the fee waits for its owner.
    pub fee_due: bool,
    /// Root of the words with which rounds can be sealed; zero until it is committed.
    pub cases_root: CasesRoot,
    /// When that was, Unix seconds; rounds count only if they are sealed later.
    pub cases_at: u64,
    /// End of the term or of the current step, Unix seconds.
    pub deadline: u64,
}

impl KeptLicense {
    /// Its status in the contract's words.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self.status {
            LicenseStatus::Acquired => "acquired",
            LicenseStatus::Seeded => "seeded",
            LicenseStatus::Accepted => "accepted",
            LicenseStatus::Active => "active",
            LicenseStatus::Terminated => "terminated",
            LicenseStatus::Cancelled => "cancelled",
            _ => "none",
        }
    }

    /// Whether anybody has bought it.
    #[must_use]
    pub(crate) fn is_bought(&self) -> bool {
        self.status != LicenseStatus::None
    }

    /// Whether the owner's next step is to deliver a sealed copy.
    #[must_use]
    pub(crate) fn awaits_copy(&self) -> bool {
        self.status == LicenseStatus::Seeded
    }

    /// Whether the host has accepted a sealed copy and waits for its key.
    #[must_use]
    pub(crate) fn is_accepted(&self) -> bool {
        self.status == LicenseStatus::Accepted
    }

    /// Whether its host has cancelled it and got everything back.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.status == LicenseStatus::Cancelled
    }

    /// The key of the copy, if it was delivered.
    #[must_use]
    pub(crate) fn delivered_key(&self) -> Option<CopyKey> {
        let was = matches!(self.status, LicenseStatus::Active | LicenseStatus::Terminated);
        was.then_some(self.copy_key)
    }

    /// Whether its host may serve.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == LicenseStatus::Active
    }
}

/// A license and its collateral as the contracts keep them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LicenseStanding {
    /// Id of the license, as the contracts compute it.
    pub license_id: LicenseId,
    /// Its status in the contract's words.
    pub status: &'static str,
    /// Who bought it.
    pub host: EthAddress,
    /// Seed of the license's answers; zero until it is drawn.
    pub seed: Seed,
    /// Keys that sign receipts, by epoch.
    pub serving_keys: ServingKeys,
    /// Root of the sealed copy that the host accepted; zero before.
    pub sealed_root: SealedRoot,
    /// Until when the host can reject its copy, Unix seconds; 0 if no half of the fee is on trial.
    pub trial_end: u64,
    /// Whether a part of the fee waits for its owner.
    pub fee_due: bool,
    /// End of the term or of the current step, Unix seconds.
    pub deadline: u64,
    /// What is deposited.
    pub collateral: Money,
    /// Root of the words with which rounds can be sealed; zero until the owner commits to it.
    pub cases_root: CasesRoot,
    /// When the collateral can leave, Unix seconds; zero if it has not begun to.
    pub collateral_thaw_end: u64,
}

/// Draws the seed; waits until the beacon's round is out, and brings it if nobody else does.
/// Nothing is sent if the seed was drawn before.
///
/// # Errors
/// No signer, network failure, a refusal of the contract, a beacon that does not come in time.
pub async fn draw_seed(
    chain: &Chain,
    license: &LicenseFile,
    wait: Duration,
) -> Result<ChangedLicense> {
    let license_id = license.license_id;
    let patience = Patience::of(wait);
    let mut transactions = Vec::new();
    loop {
        let kept = kept(chain, license_id).await?;
        if !kept.seed.is_zero() {
            break;
        }
        // Without a license there is no round; the contract says so.
        if kept.status == LicenseStatus::Acquired {
            transactions.extend(bring(chain, kept.seed_round, &patience).await?);
        }
        if chain.is_dry_run() && !transactions.is_empty() {
            break;
        }
        let call = LicenseRegistry::drawLicenseSeedCall { licenseId: license_id.into() };
        match chain.send("draw license seed", chain.registry(), call, U256::ZERO).await {
            Ok(sent) => transactions.push(sent.record),
            Err(error) if is_passing(&error) && !patience.is_over() => {}
            Err(error) => return Err(error),
        }
        if chain.is_dry_run() {
            break;
        }
        patience.pause().await;
    }
    Ok(ChangedLicense { license_id, transactions })
}

/// Whether a draw was refused because of what somebody else or a reorg did in between.
fn is_passing(error: &ClientError) -> bool {
    error.is_revert::<LicenseRegistry::LicenseRegistry_SeedPending>()
        || error.is_revert::<LicenseRegistry::LicenseRegistry_AlreadySeeded>()
}

/// Pays the fee once more and adds a term to the running one.
///
/// # Errors
/// No signer, network failure, a refusal of the contracts.
pub async fn renew(chain: &Chain, license: &LicenseFile) -> Result<ChangedLicense> {
    let call = LicenseRegistry::renewCall { r#ref: license.sol_ref()? };
    let (currency, fee) = (license.terms.currency, license.terms.license_fee);
    let price = Payment::new(currency, chain.escrow(), "fee", fee);
    let paid = chain.send_paying("renew license", chain.registry(), call, &price).await?;
    Ok(ChangedLicense { license_id: license.license_id, transactions: paid.records })
}

/// Gets everything back for a copy that was not delivered in time.
///
/// # Errors
/// No signer, network failure, a refusal of the contracts.
pub async fn cancel(chain: &Chain, license: &LicenseFile) -> Result<ChangedLicense> {
    let call = LicenseRegistry::cancelCall { r#ref: license.sol_ref()? };
    one_call(chain, license, Step { name: "cancel license", to: chain.registry(), call }).await
}

/// Ends the license early.
///
/// # Errors
/// No signer, network failure, a refusal of the contracts.
pub async fn terminate(chain: &Chain, license: &LicenseFile) -> Result<ChangedLicense> {
    let call = LicenseRegistry::terminateCall { r#ref: license.sol_ref()? };
    one_call(chain, license, Step { name: "terminate license", to: chain.registry(), call }).await
}

/// Starts the collateral's way out of an ended license.
///
/// # Errors
/// No signer, network failure, a refusal of the contracts.
pub async fn thaw(chain: &Chain, license: &LicenseFile) -> Result<ChangedLicense> {
    let call = CollateralVault::startThawCall { r#ref: license.sol_ref()? };
    one_call(chain, license, Step { name: "thaw collateral", to: chain.vault(), call }).await
}

/// Withdraws thawed collateral.
///
/// # Errors
/// No signer, network failure, a refusal of the contracts.
pub async fn withdraw(chain: &Chain, license: &LicenseFile) -> Result<ChangedLicense> {
    let call = CollateralVault::withdrawCall { r#ref: license.sol_ref()? };
    one_call(chain, license, Step { name: "withdraw collateral", to: chain.vault(), call }).await
}

/// Adds collateral.
///
/// # Errors
/// No signer, network failure, a refusal of the contracts.
pub async fn top_up(
    chain: &Chain,
    license: &LicenseFile,
    amount: Amount,
) -> Result<ChangedLicense> {
    let call = CollateralVault::topUpCall { r#ref: license.sol_ref()?, amount: amount.get() };
    let price = Payment::new(license.terms.currency, chain.vault(), "collateral", amount);
    let paid = chain.send_paying("top up collateral", chain.vault(), call, &price).await?;
    Ok(ChangedLicense { license_id: license.license_id, transactions: paid.records })
}

/// A call that needs nothing but the license.
struct Step<C> {
    name: &'static str,
    to: Address,
    call: C,
}

async fn one_call<C: SolCall>(
    chain: &Chain,
    license: &LicenseFile,
    step: Step<C>,
) -> Result<ChangedLicense> {
    let sent = chain.send(step.name, step.to, step.call, U256::ZERO).await?;
    let transactions = vec![sent.record];
    Ok(ChangedLicense { license_id: license.license_id, transactions })
}

/// A license as the registry keeps it.
///
/// # Errors
/// Network failure.
pub async fn kept(chain: &Chain, id: LicenseId) -> Result<KeptLicense> {
    kept_in(chain, id, BlockId::latest()).await
}

/// A license as the registry kept it after a block.
pub(crate) async fn kept_at(chain: &Chain, id: LicenseId, block: u64) -> Result<KeptLicense> {
    kept_in(chain, id, BlockId::number(block)).await
}

async fn kept_in(chain: &Chain, id: LicenseId, block: BlockId) -> Result<KeptLicense> {
    let call = LicenseRegistry::licenseCall { licenseId: id.into() };
    let kept = chain.read_at(chain.registry(), call, block).await?;
    Ok(KeptLicense {
        status: kept.status,
        seed_round: kept.seedRound.to(),
        seed: kept.seed.into(),
        sealed_root: kept.sealedRoot.into(),
        copy_key: kept.copyKey.into(),
        trial_end: kept.trialEnd.to(),
        fee_due: kept.feeDue,
        cases_root: kept.casesRoot.into(),
        cases_at: kept.casesAt.to(),
        deadline: u64::try_from(kept.deadline).unwrap_or(u64::MAX),
    })
}

/// A license and its collateral as the contracts keep them.
///
/// # Errors
/// Network failure.
pub async fn standing(chain: &Chain, license: &LicenseFile) -> Result<LicenseStanding> {
    let kept = kept(chain, license.license_id).await?;
    let call = CollateralVault::collateralCall { r#ref: license.sol_ref()? };
    let collateral = chain.read(chain.vault(), call).await?;
    Ok(LicenseStanding {
        license_id: license.license_id,
        status: kept.status(),
        host: license.host,
        seed: kept.seed,
        serving_keys: host::serving_keys(chain, license.license_id).await?,
        sealed_root: kept.sealed_root,
        trial_end: kept.trial_end,
        fee_due: kept.fee_due,
        deadline: kept.deadline,
        collateral: chain.currency(license.terms.currency).await?.units(collateral.amount),
        cases_root: kept.cases_root,
        collateral_thaw_end: u64::try_from(collateral.thawEnd).unwrap_or(u64::MAX),
    })
}
