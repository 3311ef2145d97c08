//! Gateways of a node's role `[host]`.

use std::sync::Arc;

use oml_contracts::{Amount, Domain, LicenseRef};
use oml_payments::{ByteEstimate, TokenCounter};

use super::meter::TokenizerCounter;
use super::server::{GatewayDeps, GatewayError, serve};
use super::source::ChainSource;
use crate::chain::load_key_bytes;
use crate::config::GatewayConfig;
use crate::context::{NodeContext, RoleError, RoleParts};
use crate::ledger::SharedWriter;
use crate::signing::RingConfig;
use crate::store::{LicenseRow, OfferRow, StoreError};

/// Section of the configuration that asks for gateways.
const ROLE: &str = "host.gateways";

/// Why a configured gateway does not serve.
#[derive(Debug, thiserror::Error)]
enum GatewayStop {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Starts every configured gateway. Each waits until its license has been seen on chain.
///
/// # Errors
/// [`RoleError`] if a key or tokenizer can't be read.
pub(crate) fn wire(context: &NodeContext) -> Result<RoleParts, RoleError> {
    let parts = RoleParts::default();
    let Some(host) = &context.config.host else { return Ok(parts) };
    for gateway in &host.gateways {
        if let Some(source) = &gateway.serving_key {
            // One that is configured and can't be read is a mistake to be told at once.
            load_key_bytes(source).map_err(|e| RoleError::new(ROLE, e))?;
        }
        let ring = RingConfig::of(host, gateway).map_err(|e| RoleError::new(ROLE, e))?;
        let counter: Arc<dyn TokenCounter> = match &gateway.tokenizer {
            Some(path) => {
                Arc::new(TokenizerCounter::read(path).map_err(|e| RoleError::new(ROLE, e))?)
            }
            None => Arc::new(ByteEstimate),
        };
        let max_unsettled = host.redeem.max_unclaimed.unwrap_or(Amount::MAX);
        let (context, gateway) = (context.clone(), gateway.clone());
        context.tasks.clone().spawn_critical("gateway", async move {
            run(context, gateway, ring, counter, max_unsettled).await
        });
    }
    Ok(parts)
}

async fn run(
    context: NodeContext,
    gateway: GatewayConfig,
    ring: RingConfig,
    counter: Arc<dyn TokenCounter>,
    max_unsettled: Amount,
) -> Result<(), GatewayStop> {
    let cancel = context.tasks.cancel_token();
    let Some((offer, license)) = license_of(&context, &gateway).await? else { return Ok(()) };
    let (chain_id, addresses) = (context.chain.chain_id(), context.chain.addresses());
    let domain = |contract| Domain { chain_id, verifying_contract: contract };
    let reader = context.chain.reader();
    let deps = GatewayDeps {
        model_id: offer.model_id,
        escrow: domain(addresses.payment_escrow),
        receipts: domain(addresses.proofs),
        writer: Arc::new(SharedWriter::start(context.store.clone(), &context.tasks)),
        reader: Arc::new(context.store.clone()),
        source: Arc::new(ChainSource::new(
            reader,
            context.heads.clone(),
            gateway.license,
            LicenseRef { terms: offer.terms, host: license.host, nonce: license.nonce },
        )),
        ring,
        counter,
        max_unsettled,
    };
    Ok(serve(gateway, deps, cancel).await?)
}

/// The license and its offer, once the follower has stored them; `None` if the node stops before.
async fn license_of(
    context: &NodeContext,
    gateway: &GatewayConfig,
) -> Result<Option<(OfferRow, LicenseRow)>, StoreError> {
    let mut heads = context.heads.clone();
    let cancel = context.tasks.cancel_token();
    loop {
        heads.borrow_and_update();
        if let Some(found) = context.store.license_ref(gateway.license).await? {
            return Ok(Some(found));
        }
        tracing::info!(license = %gateway.license, "gateway waits until its license is seen on chain");
        tokio::select! {
            () = cancel.cancelled() => return Ok(None),
            changed = heads.changed() => if changed.is_err() { return Ok(None) },
        }
    }
}
