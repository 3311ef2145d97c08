//! What the configured roles need of this room, started.

use super::delivery::DeliveryService;
use super::downloads;
use super::receive::{CopyReports, ReceiveService};
use super::service::{LicenseService, status_router};
use crate::context::{NodeContext, RoleError, RoleParts};

/// Starts what the configured roles need.
///
/// # Errors
/// [`RoleError`] if an owner has no signer.
pub(crate) fn wire(context: &NodeContext) -> Result<RoleParts, RoleError> {
    let mut parts = RoleParts::default();
    let copies = receive_copies(context)?;
    let (chain, store) = (context.chain.clone(), context.store.clone());
    parts.routers.push(status_router(chain, store, context.heads.clone(), copies));
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

/// Starts to receive copies if the host's configuration says so, and returns how far they are.
fn receive_copies(context: &NodeContext) -> Result<CopyReports, RoleError> {
    let Some(config) = context.config.host.as_ref().and_then(|host| host.receive.clone()) else {
        return Ok(CopyReports::default());
    };
    let sender = context.require_sender("host")?;
    let (chain, store) = (context.chain.clone(), context.store.clone());
    let service = ReceiveService::new(chain, store, sender, context.tasks.clone(), config);
    let reports = service.reports();
    let (heads, cancel) = (context.heads.clone(), context.tasks.cancel_token());
    context.tasks.spawn_critical("received copies", service.run(heads, cancel));
    Ok(reports)
}
