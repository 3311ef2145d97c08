//! Starts what cases need in the roles that are configured.

use std::path::Path;
use std::sync::Arc;

use super::owner::{Universes, load_universe, questions_router};
use super::pages;
use super::prover::CheckHandler;
use super::reading::CaseReader;
use super::seal::EncryptionKey;
use super::service::{CaseService, Duties};
use crate::config::{OwnerConfig, ProverConfig};
use crate::context::{NodeContext, RoleError, RoleParts};

/// Starts the service of cases, and returns the owner's endpoint and the prover's job.
///
/// # Errors
/// [`RoleError`] where a role lacks a signer, a universe file or a key file can't be opened, or
/// the chain can't be read.
pub(crate) async fn wire(context: &NodeContext) -> Result<RoleParts, RoleError> {
    let config = &context.config;
    let mut parts = RoleParts::default();
    parts.routers.push(pages::router(context.clone()));
    if config.owner.is_none() && config.prover.is_none() && config.host.is_none() {
        return Ok(parts);
    }
    let role = if config.owner.is_some() {
        "owner"
    } else if config.prover.is_some() {
        "prover"
    } else {
        "host"
    };
    let sender = context.require_sender(role)?;
    let rounds = context.require_rounds(role)?;
    let reader = CaseReader::new(context.store.clone(), context.chain.clone())
        .await
        .map_err(|error| RoleError::new(role, error))?;
    let universes = Arc::new(match &config.owner {
        Some(owner) => load_universes(context, owner).await?,
        None => Universes::new(),
    });

    if config.owner.is_some() {
        parts.routers.push(questions_router(
            reader.clone(),
            context.chain.clone(),
            context.store.clone(),
            context.heads.clone(),
            Arc::clone(&universes),
        ));
    }
    if let Some(prover) = &config.prover {
        parts.handlers.push(Arc::new(check_handler(context, prover)?));
    }
    let duties = Duties {
        owner: config.owner.is_some(),
        prover: config.prover.is_some(),
        host: config.host.is_some(),
        decoys: config.owner.as_ref().and_then(|owner| owner.decoys),
    };
    let service = CaseService::new(reader, sender, rounds, duties, universes);
    let (heads, cancel) = (context.heads.clone(), context.tasks.cancel_token());
    context.tasks.spawn_critical("cases", service.run(heads, cancel));
    Ok(parts)
}

async fn load_universes(
    context: &NodeContext,
    owner: &OwnerConfig,
) -> Result<Universes, RoleError> {
    let mut universes = Universes::new();
    for config in owner.universes.clone() {
        let place = (config.model, config.epoch);
        // Opening the file is slow by design (its key is stretched) and hashes every leaf.
        let loaded = context
            .tasks
            .spawn_blocking("universe file", move || load_universe(&config))
            .await
            .map_err(|e| RoleError::new("owner", e))?
            .map_err(|e| RoleError::new("owner", e))?;
        universes.insert(place, Arc::new(loaded));
    }
    Ok(universes)
}

fn check_handler(context: &NodeContext, config: &ProverConfig) -> Result<CheckHandler, RoleError> {
    let key = read_encryption_key(&config.encryption_key_file)?;
    CheckHandler::new(
        context.store.clone(),
        context.heads.clone(),
        config.clone(),
        key,
        context.config.chain.rpc_url.clone(),
    )
    .map_err(|e| RoleError::new("prover", e))
}

fn read_encryption_key(path: &Path) -> Result<EncryptionKey, RoleError> {
    let named = |cause: String| {
        RoleError::new("prover", format!("encryption key file {}: {cause}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|e| named(e.to_string()))?;
    let text = zeroize::Zeroizing::new(text);
    EncryptionKey::from_hex(&text).map_err(|e| named(e.to_string()))
}
