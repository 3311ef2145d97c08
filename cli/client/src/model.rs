//! Models on chain: registered, and shown with their universes.

use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, HintExt, Result, fail};
use crate::local_model::weights_hash;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::{self, LicenseRegistry};
use oml_contracts::{Bps, ModelId};
use serde::Serialize;
use std::path::Path;

/// What is registered of a model.
#[derive(Clone, Debug, Default)]
pub struct NewModel {
    /// Hash of its weights, see [`crate::local_model::weights_hash`].
    pub weights_hash: B256,
    /// Its metadata, of which the hash is registered.
    pub metadata: Option<Vec<u8>>,
    /// Models that it descends from, with their parts of the owner's share.
    pub parents: Vec<(ModelId, Bps)>,
}

/// A registered model.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredModel {
    /// The id that the contract gave it.
    pub model_id: ModelId,
    /// Hash of the weights.
    pub weights_hash: B256,
    /// Hash of the metadata, zero if there are none.
    pub metadata_hash: B256,
    /// The transaction that registered it.
    pub transaction: TxRecord,
}

/// A model as the chain has it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelStanding {
    /// Id of the model.
    pub model_id: ModelId,
    /// Who owns it.
    pub owner: Address,
    /// Its universes by their epochs.
    pub universes: Vec<CommittedEpoch>,
}

/// A universe of a model as the chain has it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommittedEpoch {
    /// Number of the universe.
    pub epoch: u32,
    /// Root over its leaves.
    pub root: B256,
    /// Seed of the shared answers; zero until it is drawn.
    pub seed: B256,
    /// Fingerprints of the personal part.
    pub personal_count: u32,
    /// Fingerprints of the shared part.
    pub shared_count: u32,
    /// Licenses that were bought under it.
    pub licenses: u32,
    /// Bundles that a round or a proof has opened.
    pub burned_bundles: u32,
    /// All bundles of the personal part.
    pub bundles: u32,
}

/// Refuses a model whose weights are not those that are registered: a copy made of it would answer
/// like the model nowhere, and nobody could trace it.
///
/// # Errors
/// Other weights, no such model, or network failure.
pub async fn require_weights(chain: &Chain, id: ModelId, dir: &Path) -> Result<()> {
    let filter = Filter::new().address(chain.registry()).topic1(B256::from(id));
    let what = LicenseRegistry::ModelRegistered::SIGNATURE;
    let events = chain.events::<LicenseRegistry::ModelRegistered>(what, filter).await?;
    let registered = events.first().map(|(event, _)| event.weightsHash).ok_or_else(|| {
        fail(
            format!("there is no model {id} on this chain"),
            "the endpoint must have every log since the contracts' deployment",
            FailureKind::Failed,
        )
    })?;
    let found = weights_hash(dir)?;
    if found == registered {
        return Ok(());
    }
    Err(fail(
        format!(
            "{} has the weights {found}, but model {id} is registered with {registered}",
            dir.display()
        ),
        "give the directory of the registered model; a copy of another one can't be traced",
        FailureKind::Failed,
    ))
}

/// Registers a model of the signer.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn register(chain: &Chain, model: NewModel) -> Result<RegisteredModel> {
    let NewModel { weights_hash, metadata, parents } = model;
    let metadata_hash = metadata.map_or(B256::ZERO, keccak256);
    let parent = |(id, bps): (ModelId, Bps)| abi::Parent { modelId: id.into(), bps: bps.get() };
    let call = LicenseRegistry::registerModelCall {
        weightsHash: weights_hash,
        metadataHash: metadata_hash,
        parents: parents.into_iter().map(parent).collect(),
    };
    let sent = chain.send("register model", chain.registry(), call, U256::ZERO).await?;
    let model_id = match sent.event::<LicenseRegistry::ModelRegistered>() {
        Some(log) => log.modelId,
        None => B256::try_from(sent.returned.as_ref())
            .during("the simulation of a registration returned no model id")?,
    };
    let (model_id, transaction) = (model_id.into(), sent.record);
    Ok(RegisteredModel { model_id, weights_hash, metadata_hash, transaction })
}

/// A model and its universes, as the chain has them.
///
/// # Errors
/// Network failure, or the model is not registered.
pub async fn standing(chain: &Chain, model_id: ModelId) -> Result<ModelStanding> {
    let registry = chain.registry();
    let call = LicenseRegistry::modelOwnerCall { modelId: model_id.into() };
    let owner = chain.read(registry, call).await?;
    if owner.is_zero() {
        return Err(fail(
            format!("model {model_id} is not registered"),
            "check the id and the chain; `oml model register` prints it",
            FailureKind::Failed,
        ));
    }
    let call = LicenseRegistry::epochsCall { modelId: model_id.into() };
    let mut universes = Vec::new();
    for epoch in 0..chain.read(registry, call).await? {
        let call = LicenseRegistry::universeCall { modelId: model_id.into(), epoch };
        let kept = chain.read(registry, call).await?;
        universes.push(CommittedEpoch {
            epoch,
            root: kept.root,
            seed: kept.seed,
            personal_count: kept.personalCount,
            shared_count: kept.sharedCount,
            licenses: kept.licenses,
            burned_bundles: kept.burnedBundles,
            bundles: kept.personalCount / 16,
        });
    }
    Ok(ModelStanding { model_id, owner, universes })
}
