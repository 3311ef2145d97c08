//! What there is, as the registry's events say: models, offers, deployments.

use crate::chain::Chain;
use crate::deployment::{self, DeploymentStanding};
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use crate::money::Money;
use crate::offer;
use alloy::primitives::{Address, B256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{EthAddress, ModelId, OfferId, Terms};
use serde::Serialize;

/// A model in a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedModel {
    /// Id of the model, as the contract computes it.
    pub model_id: ModelId,
    /// Account that registered it.
    pub owner: EthAddress,
    /// Hash of its weights.
    pub weights_hash: B256,
    /// Universes that were committed for it.
    pub universes: u32,
}

/// An offer in a list, with what it costs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedOffer {
    /// Hash of the terms.
    pub offer_id: OfferId,
    /// Model that is licensed.
    pub model_id: ModelId,
    /// Universe of the model.
    pub epoch: u32,
    /// Account that published it.
    pub owner: EthAddress,
    /// Whether it can be bought now.
    pub open: bool,
    /// What a license costs.
    pub license_fee: Money,
    /// What a host deposits.
    pub collateral: Money,
    /// What a request costs.
    pub price_per_request: Money,
    /// What 1,000 tokens cost.
    pub price_per_thousand_tokens: Money,
    /// Seconds that a license lasts.
    pub duration: u64,
}

/// Which offers are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfferFilter {
    /// Only those of this model.
    pub model: Option<ModelId>,
    /// Only those of this account.
    pub owner: Option<EthAddress>,
    /// Those that were withdrawn, too.
    pub closed: bool,
}

/// A deployment of a license in a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedDeployment {
    /// Base URL, as it was registered.
    pub uri: String,
    /// Where it stands.
    #[serde(flatten)]
    pub standing: DeploymentStanding,
}

/// Models, from the oldest; of one owner or of all.
///
/// # Errors
/// Network failure.
pub async fn models(chain: &Chain, owner: Option<EthAddress>) -> Result<Vec<ListedModel>> {
    let mut filter = Filter::new().address(chain.registry());
    if let Some(owner) = owner {
        filter = filter.topic2(topic(owner));
    }
    let what = LicenseRegistry::ModelRegistered::SIGNATURE;
    let mut found = Vec::new();
    for (event, _) in chain.events::<LicenseRegistry::ModelRegistered>(what, filter).await? {
        let call = LicenseRegistry::epochsCall { modelId: event.modelId };
        found.push(ListedModel {
            model_id: event.modelId.into(),
            owner: event.owner.into(),
            weights_hash: event.weightsHash,
            universes: chain.read(chain.registry(), call).await?,
        });
    }
    Ok(found)
}

/// Offers, from the oldest.
///
/// # Errors
/// Network failure, or an endpoint that does not tell the truth.
pub async fn offers(chain: &Chain, wanted: OfferFilter) -> Result<Vec<ListedOffer>> {
    let mut filter = Filter::new().address(chain.registry());
    if let Some(model) = wanted.model {
        filter = filter.topic2(B256::from(model));
    }
    if let Some(owner) = wanted.owner {
        filter = filter.topic3(topic(owner));
    }
    let mut found: Vec<ListedOffer> = Vec::new();
    for (offer_id, terms) in published(chain, filter).await? {
        let open = offer::standing(chain, &terms).await?.open;
        // An offer can be withdrawn and published again.
        let is_known = found.iter().any(|other| other.offer_id == offer_id);
        if (open || wanted.closed) && !is_known {
            found.push(listed(chain, offer_id, &terms, open).await?);
        }
    }
    Ok(found)
}

async fn listed(chain: &Chain, id: OfferId, terms: &Terms, open: bool) -> Result<ListedOffer> {
    let currency = chain.currency(terms.currency).await?;
    Ok(ListedOffer {
        offer_id: id,
        model_id: terms.model_id,
        epoch: terms.epoch,
        owner: terms.owner,
        open,
        license_fee: currency.of(terms.license_fee),
        collateral: currency.of(terms.collateral),
        price_per_request: currency.of(terms.price_per_request),
        price_per_thousand_tokens: currency.of(terms.price_per_thousand_tokens),
        duration: terms.duration,
    })
}

/// The terms of an offer, which hash to its id.
///
/// # Errors
/// Network failure, nobody published it, or an endpoint that does not tell the truth.
pub async fn terms(chain: &Chain, id: OfferId) -> Result<Terms> {
    let filter = Filter::new().address(chain.registry()).topic1(B256::from(id));
    let (_, terms) = published(chain, filter).await?.into_iter().next().ok_or_else(|| {
        fail(
            format!("there is no offer {id}"),
            "the endpoint must have every log since the contracts' deployment; `oml offer list` \
             shows what is open",
            FailureKind::Failed,
        )
    })?;
    Ok(terms)
}

async fn published(chain: &Chain, filter: Filter) -> Result<Vec<(OfferId, Terms)>> {
    let what = LicenseRegistry::OfferPublished::SIGNATURE;
    let mut found = Vec::new();
    for (event, _) in chain.events::<LicenseRegistry::OfferPublished>(what, filter).await? {
        let (said, terms) = (OfferId::from(event.offerId), Terms::try_from(event.terms)?);
        let hashed = chain.offer_id(&terms);
        if hashed != said {
            return Err(fail(
                format!("the events of offer {said} are those of {hashed}"),
                "the chain's endpoint does not tell the truth; give another --rpc-url",
                FailureKind::Network,
            ));
        }
        found.push((said, terms));
    }
    Ok(found)
}

/// Deployments that were ever declared under a license, from the oldest.
///
/// # Errors
/// Network failure.
pub async fn deployments(chain: &Chain, license: &LicenseFile) -> Result<Vec<ListedDeployment>> {
    let filter = Filter::new().address(chain.registry()).topic1(B256::from(license.license_id));
    let what = LicenseRegistry::DeploymentRegistered::SIGNATURE;
    let mut found: Vec<ListedDeployment> = Vec::new();
    for (event, _) in chain.events::<LicenseRegistry::DeploymentRegistered>(what, filter).await? {
        if found.iter().all(|other| other.uri != event.uri) {
            let standing = deployment::standing(chain, license, &event.uri).await?;
            found.push(ListedDeployment { uri: event.uri, standing });
        }
    }
    Ok(found)
}

fn topic(account: EthAddress) -> B256 {
    B256::left_padding_from(Address::from(account).as_slice())
}
