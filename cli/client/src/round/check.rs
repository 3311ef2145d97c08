//! Whether a seal is worth its fees: what an owner says in a seal file, against the chain.

use super::config::{RoundsSettings, config};
use super::outcome::ledger_standing;
use super::seal_file::SealFile;
use super::watch::kept;
use crate::bought;
use crate::chain::Chain;
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use crate::license::{self, KeptLicense};
use crate::money::Money;
use crate::{deployment, universe};
use alloy::primitives::B256;
use oml_contracts::ledger::{Premium, RoundBet, RoundIndex, RoundSize, ledger_threshold};
use oml_contracts::round::{CaseWords, WordIndex, deployment_commitment, round_word};
use oml_contracts::rpc::abi::Rounds::RoundStatus;
use oml_contracts::rpc::abi::{Beacon, CollateralVault, LicenseRegistry, ProverRegistry};
use oml_contracts::terms::level;
use oml_contracts::{AccessHash, EthAddress, LicenseId, RoundId, Signable as _, hash};
use oml_node::rounds::Access;
use serde::Serialize;

/// What a reporter gets if the round convicts, in the license's currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReporterGain {
    /// What a conviction takes.
    pub slashed: Money,
    /// The reporter's share of it by the terms.
    pub share: Money,
    /// What the owner promises of its own share.
    pub promised: Money,
}

/// What a checked seal offers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SealOffer {
    /// The round that it would seal.
    pub round_id: RoundId,
    /// The license that is tried.
    pub license_id: LicenseId,
    /// Who must open the round.
    pub owner: EthAddress,
    /// What is tested.
    pub uri: String,
    /// Whether it is about a deployment that nobody registered.
    pub leak: bool,
    /// Seats, each of which costs the fee.
    pub seats: u8,
    /// What the round costs; it never comes back.
    pub fees: Money,
    /// What a conviction brings.
    pub gain: ReporterGain,
    /// log2 of the evidence before the round, with the premiums that its index makes due.
    pub evidence_log2: f64,
    /// The most that the round can add.
    pub best_gain_log2: f64,
    /// What the evidence must reach.
    pub threshold_log2: f64,
    /// What speaks against paying, though the contract would take it.
    pub warnings: Vec<String>,
}

/// Checks a seal file for the account `payer` that reported `uri`, with `access`, to the owner.
///
/// # Errors
/// Network failure, or the first thing in which the seal is not what the chain, the reporter or the
/// contracts' rules say.
pub(crate) async fn check_seal(
    chain: &Chain,
    seal: &SealFile,
    payer: EthAddress,
    uri: &str,
    access: Option<&Access>,
) -> Result<SealOffer> {
    check_commitment(seal, uri, access)?;
    check_signature(chain, seal, payer)?;
    let file = bought::require(chain, seal.license_id).await?;
    let kept = license::kept(chain, seal.license_id).await?;
    check_license(&file, &kept, seal)?;
    check_word(chain, seal, &kept).await?;
    let rounds = config(chain).await?;
    check_deployment(chain, seal, &file, &rounds).await?;
    let fees = rounds.fees(seal.seats);
    let evidence = evidence(chain, seal, &file).await?;
    let gain = gain(chain, seal, &file).await?;
    let mut warnings = warnings(chain, seal, &file).await?;
    warnings.extend(evidence.warning());
    if gain.slashed.is_zero() {
        warnings.push("a conviction would pay the reporter nothing".to_owned());
    }
    Ok(SealOffer {
        round_id: seal.round_id(),
        license_id: seal.license_id,
        owner: file.terms.owner,
        uri: seal.uri.clone(),
        leak: seal.kind().is_leak(),
        seats: seal.seats,
        fees,
        gain,
        evidence_log2: evidence.before,
        best_gain_log2: evidence.best,
        threshold_log2: evidence.threshold,
        warnings,
    })
}

/// A seal that must not be paid for.
fn refuse(message: impl Into<String>) -> crate::ClientError {
    fail(
        message,
        "do not pay for this seal; ask the owner for one that is right",
        FailureKind::Failed,
    )
}

/// It is about what was reported.
fn check_commitment(seal: &SealFile, uri: &str, access: Option<&Access>) -> Result<()> {
    if seal.uri != uri {
        return Err(refuse(format!("the seal is about {:?}, not {uri:?}", seal.uri)));
    }
    let access_hash = access.map_or(AccessHash::ZERO, Access::hash);
    if seal.access_hash != access_hash {
        return Err(refuse(format!(
            "the seal's access has the hash {}, what was given has {access_hash}",
            seal.access_hash
        )));
    }
    let committed =
        deployment_commitment(hash::deployment_hash(uri), seal.access_hash, &seal.deployment_salt);
    if seal.deployment != committed {
        return Err(refuse(format!(
            "the seal commits to {}, but the address gives {committed}",
            seal.deployment
        )));
    }
    Ok(())
}

/// The account of the word has signed it for this payer.
fn check_signature(chain: &Chain, seal: &SealFile, payer: EthAddress) -> Result<()> {
    if seal.payer != payer {
        return Err(refuse(format!("the seal is for payer {}, not {payer}", seal.payer)));
    }
    let signer = seal.signed().seal.signer(&chain.addresses().round_domain(), &seal.signature)?;
    if signer != seal.account {
        return Err(refuse(format!("the seal is signed by {signer}, not by {}", seal.account)));
    }
    Ok(())
}

/// The license can be tried with a round of this size.
fn check_license(file: &LicenseFile, kept: &KeptLicense, seal: &SealFile) -> Result<()> {
    let terms = &file.terms;
    if terms.evidence_levels & level::ROUND == 0 {
        return Err(refuse(format!("the terms of license {} know no rounds", seal.license_id)));
    }
    if terms.seats != seal.seats {
        return Err(refuse(format!(
            "the seal has {} seats, the terms {}; the contract would not open it",
            seal.seats, terms.seats
        )));
    }
    if !matches!(kept.status(), "active" | "terminated") {
        return Err(refuse(format!("license {} is {}", seal.license_id, kept.status())));
    }
    Ok(())
}

/// The word is one of the license's, committed to before, and unused.
async fn check_word(chain: &Chain, seal: &SealFile, kept_license: &KeptLicense) -> Result<()> {
    let index = WordIndex::new(seal.index)
        .ok_or_else(|| refuse(format!("no license has a word {}", seal.index)))?;
    let word = round_word(seal.license_id, index, seal.account, &seal.word_salt);
    if word != seal.word {
        return Err(refuse(format!("the seal's word is {}, its parts give {word}", seal.word)));
    }
    let siblings: Vec<[u8; 32]> = seal.proof.iter().map(|sibling| sibling.0).collect();
    let siblings = <[[u8; 32]; 7]>::try_from(siblings)
        .map_err(|given| refuse(format!("the word's proof has {} siblings, not 7", given.len())))?;
    if !CaseWords::verify(kept_license.cases_root, word, index, &siblings) {
        return Err(refuse(format!(
            "the proof does not show that the word is one of license {}, whose root on chain is {}",
            seal.license_id, kept_license.cases_root
        )));
    }
    let now = chain.rpc().now().await?;
    if kept_license.cases_at > now {
        return Err(refuse("the words were committed to later than now"));
    }
    if kept(chain, seal.round_id()).await?.status != RoundStatus::None {
        return Err(refuse(format!("round {} was sealed before", seal.round_id())));
    }
    let ledger = ledger_standing(chain, seal.license_id, seal.kind()).await?;
    if ledger.opened >> (seal.index % RoundIndex::COUNT) & 1 == 1 {
        return Err(refuse(format!("a round of index {} was opened before", seal.index)));
    }
    Ok(())
}

/// The deployment is of the kind that the word is for, and its host will still answer for it.
async fn check_deployment(
    chain: &Chain,
    seal: &SealFile,
    file: &LicenseFile,
    rounds: &RoundsSettings,
) -> Result<()> {
    let standing = deployment::standing(chain, file, &seal.uri).await?;
    let now = chain.rpc().now().await?;
    // A place that its host has ceased to answer for is like any other.
    let registered = standing.registered_at.is_some() && now <= standing.liable_until;
    if registered == seal.kind().is_leak() {
        let is = if registered { "is registered" } else { "is not registered" };
        return Err(refuse(format!(
            "{} {is}, but index {} is for the other kind",
            seal.uri, seal.index
        )));
    }
    let last = now + rounds.answer_window + rounds.open_window;
    if registered && standing.liable_until < last {
        return Err(refuse(format!(
            "the host answers for {} until {} only, and the round can be opened until {last}",
            seal.uri, standing.liable_until
        )));
    }
    Ok(())
}

/// Where the ledger stands, and where the round can bring it.
struct Evidence {
    before: f64,
    best: f64,
    threshold: f64,
}

impl Evidence {
    fn warning(&self) -> Option<String> {
        (self.before + self.best < self.threshold).then(|| {
            "not even hits alone would convict in this round; it takes more of them".to_owned()
        })
    }
}

async fn evidence(chain: &Chain, seal: &SealFile, file: &LicenseFile) -> Result<Evidence> {
    let (terms, leak) = (&file.terms, seal.kind().is_leak());
    let ledger = ledger_standing(chain, seal.license_id, seal.kind()).await?;
    let beacon = chain.addresses().beacon.address.into();
    let bits = chain.read(beacon, Beacon::biasBitsCall {}).await?;
    let deployments = if leak { 1 } else { u32::from(terms.max_deployments) };
    let premium = Premium::for_choices(bits, deployments).bits().to_f64();
    let due = (seal.index % RoundIndex::COUNT + 1).saturating_sub(ledger.charged);
    let licenses = if leak { licenses(chain, file).await? } else { 1 };
    let size = RoundSize::offered(seal.seats).map_err(|error| refuse(error.to_string()))?;
    let best = RoundBet::of_rounds().gain(size.kept_leaves(), size.kept_leaves());
    Ok(Evidence {
        before: ledger.evidence_log2 - f64::from(due) * premium,
        best: best.to_f64(),
        threshold: ledger_threshold(terms.alpha_inverse, licenses).to_f64(),
    })
}

async fn licenses(chain: &Chain, file: &LicenseFile) -> Result<u32> {
    let (model, epoch) = (B256::from(file.terms.model_id), file.terms.epoch);
    let call = LicenseRegistry::universeCall { modelId: model, epoch };
    Ok(chain.read(chain.registry(), call).await?.licenses)
}

/// What the slash would pay the reporter.
async fn gain(chain: &Chain, seal: &SealFile, file: &LicenseFile) -> Result<ReporterGain> {
    let terms = &file.terms;
    let call = CollateralVault::collateralCall { r#ref: file.sol_ref()? };
    let left = chain.read(chain.vault(), call).await?.amount;
    let pays = !seal.kind().is_leak() || terms.leak_liability;
    let slashed = if pays { part(left, terms.slash.unpaid_use_bps.get()) } else { 0 };
    // As the contract rounds: the promise is a whole number of basis points.
    let promised =
        u32::from(terms.slash.owner_bps.get()) * u32::from(seal.promise_bps.get()) / 10_000;
    let promised = u16::try_from(promised).unwrap_or(u16::MAX);
    let currency = chain.currency(terms.currency).await?;
    Ok(ReporterGain {
        slashed: currency.units(slashed),
        share: currency.units(part(slashed, terms.slash.reporter_bps.get())),
        promised: currency.units(part(slashed, promised)),
    })
}

fn part(amount: u128, bps: u16) -> u128 {
    // Collateral has at most 96 bits.
    amount.saturating_mul(bps.into()) / 10_000
}

/// What the contract does not mind, but a reporter should know.
async fn warnings(chain: &Chain, seal: &SealFile, file: &LicenseFile) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let tickets = chain.read(chain.provers(), ProverRegistry::totalTicketsCall {}).await?;
    if tickets < u32::from(seal.seats) {
        warnings.push(format!(
            "only {tickets} tickets for {} seats: few provers decide all of it",
            seal.seats
        ));
    }
    let left = universe::bundles_left(chain, &file.terms).await?;
    let needed = u32::from(seal.seats) / 2;
    if left < needed {
        warnings.push(format!(
            "the universe has {left} unburned bundles for {needed}: the rest counts as misses"
        ));
    }
    if seal.kind().is_leak() && !file.terms.leak_liability {
        warnings.push("the terms carry no leak liability: a conviction only flags".to_owned());
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_down() {
        assert_eq!(part(999, 5_000), 499);
        assert_eq!(part(0, 10_000), 0);
        assert_eq!(part((1 << 96) - 1, 10_000), (1 << 96) - 1);
    }

    #[test]
    fn a_round_that_cannot_convict_is_said() {
        let weak = Evidence { before: -3.0, best: 20.0, threshold: 30.0 };
        assert!(weak.warning().is_some());
        assert!(Evidence { best: 64.0, ..weak }.warning().is_none());
    }
}
