//! The terms under which an owner licenses a model: drafted, checked, published, withdrawn.

use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files;
use crate::money::Money;
use crate::round;
use alloy::primitives::U256;
use oml_contracts::ledger::plan::SeatPlan;
use oml_contracts::rpc::abi::{Beacon, LicenseRegistry};
use oml_contracts::terms::{SlashTerms, level};
use oml_contracts::{Amount, Bps, EthAddress, ModelId, OfferId, Terms};
use serde::Serialize;
use std::path::Path;

/// Deployments that a drafted offer allows.
const MAX_DEPLOYMENTS: u16 = 4;

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
    /// Seats of a round.
    pub seats: u8,
    /// 1/alpha: how many innocent licenses stand against one that is ever convicted.
    pub alpha_inverse: u64,
    /// Seconds within which the host settles what it served.
    pub settlement_period: u64,
    /// Seconds between the end of a license and the collateral's way out.
    pub thaw_period: u64,
    /// Seconds that a license lasts.
    pub duration: u64,
    /// Seconds within which the host can reject its copy and get half of the fee back; 0 for none.
    pub trial_period: u64,
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
            trial_period: self.trial_period,
            settlement_period: self.settlement_period,
            thaw_period: self.thaw_period,
            max_deployments: MAX_DEPLOYMENTS,
            evidence_levels: level::PROOF | level::ROUND,
            leak_liability: self.leak_liability,
            seats: self.seats,
            alpha_inverse: self.alpha_inverse,
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

/// How many seats rounds of an offer are to have, and on what that rests.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenSeats {
    /// Seats of a round.
    pub seats: u8,
    /// What was not known, in words; none if the plan had all it needs.
    pub note: Option<String>,
}

/// What the choice of seats rests on.
#[derive(Clone, Debug)]
pub struct SeatsWanted {
    /// What a conviction can take.
    pub collateral: Money,
    /// What a seat costs in that currency, where the chain does not say it.
    pub seat_fee: Option<Amount>,
    /// Share of hostile stake that the size must stand.
    pub hostile: Bps,
    /// How many innocent licenses stand against one that is ever convicted.
    pub alpha_inverse: u64,
}

/// Seats where neither chain nor owner say what one costs.
const USUAL_SEATS: u8 = 16;

/// The fewest seats that stand before a collateral, by the deployed seat fee where a chain is given
/// and counts in the same currency.
///
/// # Errors
/// No size stands, or network failure.
pub async fn choose_seats(chain: Option<&Chain>, wanted: &SeatsWanted) -> Result<ChosenSeats> {
    let deployed = match chain {
        Some(chain) => deployed_fee(chain, &wanted.collateral).await?,
        None => None,
    };
    let (fee, skippable_slots) = match (deployed, wanted.seat_fee) {
        (Some(deployed), _) => (deployed.fee, deployed.skippable_slots),
        (None, Some(fee)) => (fee, 0),
        (None, None) => {
            let note = format!(
                "{USUAL_SEATS} seats: no chain says what a seat costs in the collateral's currency; \
                 say it with --seat-fee, or choose with `oml round plan`"
            );
            return Ok(ChosenSeats { seats: USUAL_SEATS, note: Some(note) });
        }
    };
    let plan = SeatPlan {
        collateral: wanted.collateral.amount()?,
        seat_fee: fee,
        hostile: wanted.hostile,
        returned: Bps::new(8_000)?,
        alpha_inverse: wanted.alpha_inverse,
        deployments: MAX_DEPLOYMENTS.into(),
        skippable_slots,
    };
    let note = deployed.is_none().then(|| "the seat fee is the given one, no chain's".to_owned());
    round::seats_for(&plan).map(|seats| ChosenSeats { seats, note }).ok_or_else(|| {
        fail(
            format!(
                "no size of a round stands before a collateral of {} at a hostile share of {}: \
                 framing would pay",
                wanted.collateral, wanted.hostile
            ),
            "ask for less collateral, or choose with --seats all the same; `oml round plan` has the \
             figures",
            FailureKind::Failed,
        )
    })
}

/// What a deployment of the contracts makes of a seat.
#[derive(Clone, Copy)]
struct DeployedFee {
    fee: Amount,
    skippable_slots: u8,
}

/// The seat fee, if it is in the currency of the collateral.
async fn deployed_fee(chain: &Chain, collateral: &Money) -> Result<Option<DeployedFee>> {
    let settings = round::config(chain).await?;
    if settings.seat_fee.currency().address() != collateral.currency().address() {
        return Ok(None);
    }
    let beacon = chain.addresses().beacon.address.into();
    let skippable_slots = chain.read(beacon, Beacon::biasBitsCall {}).await?;
    Ok(Some(DeployedFee { fee: settings.seat_fee.amount()?, skippable_slots }))
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
