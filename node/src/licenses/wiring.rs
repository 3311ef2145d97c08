//! What the configured roles need of this room, started.

use super::delivery::DeliveryService;
use super::downloads;
use super::service::{LicenseService, status_router};
use crate::context::{NodeContext, RoleError, RoleParts};

/// Starts what the configured roles need.
///
/// # Errors
/// [`RoleError`] if an owner has no signer.
pub(crate) fn wire(context: &NodeContext) -> Result<RoleParts, RoleError> {
    let mut parts = RoleParts::default();
    let (chain, store) = (context.chain.clone(), context.store.clone());
    parts.routers.push(status_router(chain, store, context.heads.clone()));
    if let Some(owner) = &context.config.owner {
        let sender = context.require_sender("owner")?;
        let universes = owner.universes.iter().map(|u| (u.model, u.epoch)).collect();
        let rounds = context.require_rounds("owner")?;
        let (chain, store) = (context.chain.clone(), context.store.clone());
        let service = LicenseService::new(chain, store, sender.clone(), rounds, universes);
        let (heads, cancel) = (context.heads.clone(), context.tasks.cancel_token());
        context.tasks.spawn_critical("licenses", service.run(heads, cancel));
        if let Some(copies) = &owner.copies {
            parts.routers.push(downloads::router(copies.clone()));
            let (chain, store) = (context.chain.clone(), context.store.clone());
            let service = DeliveryService::new(chain, store, sender, copies.clone());
            let (heads, cancel) = (context.heads.clone(), context.tasks.cancel_token());
            context.tasks.spawn_critical("deliveries", service.run(heads, cancel));
        }
    }
    Ok(parts)
}
