//! The terms under which an owner licenses a model: drafted, checked, published, withdrawn.

use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files;
use alloy::primitives::U256;
use oml_contracts::evidence::EvidenceTerms;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::terms::{SlashTerms, level};
use oml_contracts::{Amount, Bps, EthAddress, ModelId, OfferId, Terms};
use serde::Serialize;
use std::path::Path;

/// What an owner decides about an offer; the other terms have defaults that the contracts accept.
#[derive(Clone, Debug)]
pub struct OfferDraft {
    /// Model that is licensed.
    pub model_id: ModelId,
    /// Universe of the model whose fingerprints the copies carry.
    pub epoch: u32,
    /// Owner of the model, who is paid.
    pub owner: EthAddress,
    /// ERC-20 token in which everything is paid; zero is the chain's own currency.
    pub currency: EthAddress,
    /// Price of the license itself.
    pub license_fee: Amount,
    /// Price of a request.
    pub price_per_request: Amount,
    /// Price of 1,000 tokens.
    pub price_per_thousand_tokens: Amount,
    /// What the host deposits and can lose.
    pub collateral: Amount,
    /// What a reporter risks.
    pub report_bond: Amount,
    /// What each committee member is paid.
    pub prover_fee: Amount,
    /// Seconds within which the host settles what it served.
    pub settlement_period: u64,
    /// Seconds between the end of a license and the collateral's way out.
    pub thaw_period: u64,
    /// Seconds that a license lasts.
    pub duration: u64,
    /// Whether the collateral also answers for copies on deployments that are not registered.
    pub leak_liability: bool,
    /// Part of the collateral that answers for serving another license's copy.
    pub unlicensed_model_bps: Bps,
}

impl OfferDraft {
    /// The whole terms.
    ///
    /// # Errors
    /// None with the defaults of this version.
    pub fn terms(&self) -> Result<Terms> {
        Ok(Terms {
            model_id: self.model_id,
            epoch: self.epoch,
            owner: self.owner,
            currency: self.currency,
            license_fee: self.license_fee,
            price_per_request: self.price_per_request,
            price_per_thousand_tokens: self.price_per_thousand_tokens,
            owner_share_bps: Bps::new(3_000)?,
            collateral: self.collateral,
            min_collateral_ratio_bps: 10_000,
            duration: self.duration,
            delivery_period: 86_400,
            settlement_period: self.settlement_period,
            thaw_period: self.thaw_period,
            max_deployments: 4,
            evidence_levels: level::PROOF | level::COMMITTEE,
            leak_liability: self.leak_liability,
            report_bond: self.report_bond,
            prover_fee: self.prover_fee,
            evidence: default_evidence()?,
            slash: SlashTerms {
                equivocation_bps: Bps::WHOLE,
                under_metering_bps: Bps::new(5_000)?,
                out_of_term_bps: Bps::new(5_000)?,
                unlicensed_model_bps: self.unlicensed_model_bps,
                unpaid_use_bps: Bps::WHOLE,
                reporter_bps: Bps::new(4_000)?,
                owner_bps: Bps::new(4_000)?,
            },
            royalties: Vec::new(),
        })
    }
}

/// Tuned to copies that keep 60 % of the personal and 90 % of the shared answers; alpha = 1e-9.
/// Higher real rates decide as fast as multipliers tuned to them would, lower ones still decide.
fn default_evidence() -> Result<EvidenceTerms> {
    Ok(EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000_000)?)
}

/// An offer after a transaction.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedOffer {
    /// Hash of the terms.
    pub offer_id: OfferId,
    /// The transaction that published or withdrew it.
    pub transaction: TxRecord,
}

/// Whether new licenses can be bought under an offer.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfferStanding {
    /// Hash of the terms.
    pub offer_id: OfferId,
    /// Whether it is published and not withdrawn.
    pub open: bool,
}

/// Reads a terms file and checks every term.
///
/// # Errors
/// No terms file, or terms that the contracts would refuse.
pub fn load_terms(path: &Path) -> Result<Terms> {
    let terms: Terms = files::load(path, "a terms file", "`oml offer template` writes one")?;
    check(&terms)?;
    Ok(terms)
}

/// Refuses terms that the contracts would refuse.
///
/// # Errors
/// Names all that is wrong at once.
pub fn check(terms: &Terms) -> Result<()> {
    terms.validate().map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        fail(
            format!("the terms can't be published: {}", problems.join("; ")),
            "edit the named terms; a term that no code could enforce is refused",
            FailureKind::Failed,
        )
    })
}

/// Publishes an offer of the signer.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn publish(chain: &Chain, terms: &Terms) -> Result<ChangedOffer> {
    let call = LicenseRegistry::publishOfferCall { terms: terms.try_into()? };
    let sent = chain.send("publish offer", chain.registry(), call, U256::ZERO).await?;
    Ok(ChangedOffer { offer_id: chain.offer_id(terms), transaction: sent.record })
}

/// Withdraws an offer of the signer: no new licenses under it.
///
/// # Errors
/// As [`publish`].
pub async fn withdraw(chain: &Chain, terms: &Terms) -> Result<ChangedOffer> {
    let call = LicenseRegistry::withdrawOfferCall { terms: terms.try_into()? };
    let sent = chain.send("withdraw offer", chain.registry(), call, U256::ZERO).await?;
    Ok(ChangedOffer { offer_id: chain.offer_id(terms), transaction: sent.record })
}

/// Whether the offer of these terms is open.
///
/// # Errors
/// Network failure.
pub async fn standing(chain: &Chain, terms: &Terms) -> Result<OfferStanding> {
    let offer_id = chain.offer_id(terms);
    let call = LicenseRegistry::isOfferOpenCall { offerId: offer_id.into() };
    Ok(OfferStanding { offer_id, open: chain.read(chain.registry(), call).await? })
}
