//! Starts what rounds need in the roles that are configured.

use std::path::Path;
use std::sync::Arc;

use super::inbox::prover_inbox;
use super::owner::{HandOutHandler, InboxReach, OwnerDuty, Universes, load_universe};
use super::pages;
use super::prover::{AskHandler, ProverDuty, SeatHabits};
use super::service::RoundService;
use super::words::RoundSecret;
use crate::chain::{AccountSigner, Sender};
use crate::config::{OwnerConfig, OwnerRoundsConfig, ProverConfig};
use crate::context::{NodeContext, RoleError, RoleParts};
use oml_prover::sealed_box::EncryptionKey;

/// Starts the service of rounds, and returns the prover's inbox and the jobs.
///
/// # Errors
/// [`RoleError`] where a role lacks a signer, a universe or key file can't be opened, or the chain
/// can't be read.
pub(crate) async fn wire(context: &NodeContext) -> Result<RoleParts, RoleError> {
    let config = &context.config;
    let mut parts = RoleParts::default();
    parts.routers.push(pages::router(context.clone()));
    let owner = match config.owner.as_ref().and_then(|owner| Some((owner, owner.rounds.as_ref()?)))
    {
        Some((owner, rounds)) => Some(wire_owner(context, owner, rounds, &mut parts).await?),
        None => None,
    };
    let prover = match &config.prover {
        Some(prover) => Some(wire_prover(context, prover, &mut parts).await?),
        None => None,
    };
    if owner.is_none() && prover.is_none() {
        return Ok(parts);
    }
    let role = if owner.is_some() { "owner" } else { "prover" };
    let service = RoundService::new(
        context.chain.clone(),
        context.store.clone(),
        context.require_rounds(role)?,
        owner,
        prover,
    );
    let (heads, cancel) = (context.heads.clone(), context.tasks.cancel_token());
    context.tasks.spawn_critical("rounds", service.run(heads, cancel));
    Ok(parts)
}

async fn wire_owner(
    context: &NodeContext,
    owner: &OwnerConfig,
    rounds: &OwnerRoundsConfig,
    parts: &mut RoleParts,
) -> Result<OwnerDuty, RoleError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| RoleError::new("owner", error);
    let sender = context.require_sender("owner")?;
    let secret = RoundSecret::load(&rounds.secret).map_err(|error| failed(error.into()))?;
    let payer = match &rounds.payer {
        Some(source) => {
            let key = AccountSigner::of_source(source).await;
            let key = key.map_err(|error| failed(error.into()))?;
            let (chain, store) = (context.chain.clone(), context.store.clone());
            let payer =
                Sender::new(chain, store, key, context.heads.clone(), &context.config.chain);
            let run = payer.clone().run(context.tasks.cancel_token());
            context.tasks.spawn_critical("payer of rounds", run);
            payer
        }
        None => sender.clone(),
    };
    let universes = Arc::new(load_universes(context, owner).await?);
    let handler = HandOutHandler::new(
        context.store.clone(),
        context.chain.clone(),
        context.heads.clone(),
        Arc::clone(&universes),
        secret.clone(),
        if rounds.allow_private_inboxes { InboxReach::Private } else { InboxReach::Public },
    );
    parts.handlers.push(Arc::new(handler.map_err(|error| failed(error.into()))?));
    let (chain, store) = (context.chain.clone(), context.store.clone());
    Ok(OwnerDuty::new(chain, store, sender, payer, universes, secret))
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

async fn wire_prover(
    context: &NodeContext,
    config: &ProverConfig,
    parts: &mut RoleParts,
) -> Result<ProverDuty, RoleError> {
    let sender = context.require_sender("prover")?;
    let key = read_encryption_key(&config.encryption_key_file)?;
    let domain = context.chain.addresses().round_domain();
    let (store, heads) = (context.store.clone(), context.heads.clone());
    let me = sender.address();
    let chain = context.chain.clone();
    let inbox = prover_inbox(store.clone(), chain, heads.clone(), me, key.clone(), domain);
    parts.routers.push(inbox);
    let told = &context.config.chain;
    // Whoever asks canaries speaks HTTP alone.
    let endpoints = [&told.rpc_url].into_iter().chain(&told.further_rpc_urls);
    let endpoints = endpoints.filter(|url| url.starts_with("http"));
    let canaries: Vec<String> = told.drand_endpoints.iter().chain(endpoints).cloned().collect();
    let handler = AskHandler::new(store.clone(), heads, config.clone(), key, domain, &canaries);
    parts.handlers.push(Arc::new(handler.map_err(|e| RoleError::new("prover", e))?));
    let rules = context.reader.round_rules().await.map_err(|e| RoleError::new("prover", e))?;
    let habits =
        SeatHabits { spread: config.ask_spread_s, withdraw_from_seats: config.withdraw_from_seats };
    Ok(ProverDuty::new(context.chain.clone(), store, sender, rules, habits))
}

fn read_encryption_key(path: &Path) -> Result<EncryptionKey, RoleError> {
    let named = |cause: String| {
        RoleError::new("prover", format!("encryption key file {}: {cause}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|e| named(e.to_string()))?;
    let text = zeroize::Zeroizing::new(text);
    EncryptionKey::from_hex(&text).map_err(|e| named(e.to_string()))
}
