//! What the parts of one gateway share.

use std::sync::Arc;

use oml_contracts::{Domain, LicenseId, ModelId};
use oml_payments::{TokenCounter, TokenLimits};
use tokio::sync::Semaphore;

use super::admission::RiskLimits;
use super::channels::Channels;
use super::source::LicenseSource;
use super::upstream::Upstream;
use crate::ledger::{LedgerReader, LedgerWriter};
use crate::signing::KeyRing;
use crate::tasks::Tasks;

/// State of one gateway.
#[derive(Debug)]
pub(super) struct GatewayState {
    pub(super) license_id: LicenseId,
    pub(super) model_id: ModelId,
    pub(super) escrow: Domain,
    pub(super) receipts: Domain,
    pub(super) tokens: TokenLimits,
    pub(super) risk: RiskLimits,
    pub(super) writer: Arc<dyn LedgerWriter>,
    pub(super) reader: Arc<dyn LedgerReader>,
    pub(super) source: Arc<dyn LicenseSource>,
    pub(super) keys: KeyRing,
    pub(super) counter: Arc<dyn TokenCounter>,
    pub(super) upstream: Upstream,
    pub(super) channels: Channels,
    pub(super) permits: Arc<Semaphore>,
    pub(super) tasks: Tasks,
}
