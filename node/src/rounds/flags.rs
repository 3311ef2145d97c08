//! Deployments that a round found to serve a license's copy without being registered.

use crate::api::ApiError;
use crate::context::NodeContext;
use crate::store::{EventRow, Store};
use axum::Json;
use axum::extract::{Query, State};
use oml_contracts::{DeploymentHash, EthAddress, LicenseId, ModelId, RoundId};
use serde::{Deserialize, Serialize};

/// What flags are asked for; all of them if nothing is named.
#[derive(Deserialize)]
pub(super) struct FlagsQuery {
    model: Option<ModelId>,
    license: Option<LicenseId>,
}

/// A deployment that was found to serve a copy that is not its own. Its address is with whoever
/// tested it; the chain has the hash.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlaggedDeployment {
    deployment: DeploymentHash,
    /// The license whose copy it serves.
    license_id: LicenseId,
    model_id: ModelId,
    /// Who bought that copy; whether it also runs the deployment is not known.
    host: EthAddress,
    round_id: RoundId,
    block: u64,
    timestamp: u64,
}

/// `GET /v1/flags?model=0x…&license=0x…`, oldest first.
pub(super) async fn flags(
    State(node): State<NodeContext>,
    Query(query): Query<FlagsQuery>,
) -> Result<Json<Vec<FlaggedDeployment>>, ApiError> {
    let mut flags = Vec::new();
    for row in node.store.events_called("DeploymentFlagged").await? {
        let Some(flag) = read(&node.store, &row).await? else { continue };
        if query.model.is_none_or(|model| model == flag.model_id)
            && query.license.is_none_or(|license| license == flag.license_id)
        {
            flags.push(flag);
        }
    }
    Ok(Json(flags))
}

/// `None` while the license is not indexed, which only a log of another contract's could be about.
async fn read(store: &Store, row: &EventRow) -> Result<Option<FlaggedDeployment>, ApiError> {
    let &[deployment, license, round] = row.topics.as_slice() else { return Ok(None) };
    let license_id = LicenseId::from(license);
    let Some((offer, license)) = store.license_ref(license_id).await? else { return Ok(None) };
    Ok(Some(FlaggedDeployment {
        deployment: deployment.into(),
        license_id,
        model_id: offer.model_id,
        host: license.host,
        round_id: round.into(),
        block: row.block,
        timestamp: row.timestamp,
    }))
}
