//! One way for this room's transactions to the registry.

use alloy::primitives::Address;

use super::error::LicenseError;
use crate::chain::{ChainClient, Intent, Sender, Submitted, submit_once};

/// Submits the step that `key` names, once, unless it is past `deadline`, chain time in seconds.
pub(super) async fn submit(
    sender: &Sender,
    chain: &ChainClient,
    key: &str,
    deadline: Option<u64>,
    make: impl Fn(&str, Address) -> Intent,
) -> Result<(), LicenseError> {
    let registry: Address = chain.addresses().license_registry.into();
    match submit_once(sender, key, deadline, |key| Ok(make(key, registry))).await? {
        Submitted::Sent { key } => tracing::info!(key, "sent"),
        Submitted::UnderWay => {}
        Submitted::NotNow { reason } => tracing::debug!(key, reason, "not sent now"),
        Submitted::GivenUp { reason } => tracing::error!(key, reason, "can't be sent"),
    }
    Ok(())
}
