//! One endpoint: what may be asked of it, and what is known about it.

use super::transport::Watched;
use crate::chain::endpoint::{BlockHeader, block_header};
use crate::chain::error::ChainError;
use crate::chain::log_range::LogRange;
use crate::chain::request::within;
use crate::config::EndpointUrl;
use alloy::eips::BlockNumberOrTag;
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Most requests of one batch, before the endpoint refuses as many.
const MOST_IN_BATCH: u64 = 64;

/// One of the chain's endpoints.
#[derive(Debug)]
pub(crate) struct Endpoint {
    transport: Watched,
    provider: DynProvider,
    range: Mutex<LogRange>,
    batch: Mutex<LogRange>,
}

/// What is known about an endpoint, for whoever asks how the node is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EndpointState {
    /// Scheme, host and port of its URL.
    pub(crate) endpoint: String,
    /// Whether requests go to it at present.
    pub(crate) current: bool,
    /// Whether it may be asked.
    pub(crate) usable: bool,
    /// Newest block that it named.
    pub(crate) newest_block: Option<u64>,
    /// How many blocks that is behind the newest that any endpoint named.
    pub(crate) lag: Option<u64>,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Requests a second that it was found to allow; none while no limit is known.
    pub(crate) requests_per_second: Option<u64>,
    /// Blocks of its next log query.
    pub(crate) log_range: u64,
    /// What it did last instead of answering.
    pub(crate) last_failure: Option<String>,
    /// Why its view is of no use.
    pub(crate) fault: Option<String>,
}

impl Endpoint {
    pub(super) fn new(url: &EndpointUrl, max_log_range: u64) -> Self {
        let transport = Watched::new(url);
        let client = RpcClient::new(transport.clone(), false);
        let provider =
            ProviderBuilder::new().disable_recommended_fillers().connect_client(client).erased();
        let (range, batch) = (LogRange::new(max_log_range), LogRange::new(MOST_IN_BATCH));
        Self { transport, provider, range: Mutex::new(range), batch: Mutex::new(batch) }
    }

    /// Scheme, host and port of its URL.
    pub(crate) fn shown(&self) -> &str {
        self.transport.shown()
    }

    /// Sends requests to this endpoint alone.
    pub(crate) const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    pub(super) const fn transport(&self) -> &Watched {
        &self.transport
    }

    /// Range of its next log query.
    pub(crate) fn range(&self) -> MutexGuard<'_, LogRange> {
        self.range.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Size of the next batch of requests.
    pub(crate) fn batch(&self) -> MutexGuard<'_, LogRange> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block by number or tag; none if the endpoint does not have it.
    ///
    /// # Errors
    /// The endpoint fails.
    pub(crate) async fn block(
        &self,
        tag: BlockNumberOrTag,
    ) -> Result<Option<BlockHeader>, ChainError> {
        let block = within(format!("block {tag}"), block_header(&self.provider, tag)).await?;
        if let (BlockNumberOrTag::Latest, Some(block)) = (tag, &block) {
            self.transport.health().newest = Some(block.number);
        }
        Ok(block)
    }

    /// It does not have a block that it, or another endpoint, named.
    pub(crate) fn lacked(&self) {
        self.transport.health().lacked(Instant::now());
    }

    /// It had all that one look at the chain asked for.
    pub(crate) fn complete(&self) {
        self.transport.health().complete();
    }

    /// It left out a log, so it is not trusted for a while.
    pub(crate) fn omitted(&self, error: ChainError) {
        tracing::warn!(endpoint = self.shown(), %error, "the endpoint is not trusted for a while");
        self.transport.health().omitted(error, Instant::now());
    }

    /// Why its view is of no use: it shows another chain or fork.
    pub(crate) fn fault(&self) -> Option<ChainError> {
        self.transport.health().fault.clone()
    }

    /// Sets why its view is of no use, or that nothing is wrong with it; says so where that is new.
    pub(super) fn set_fault(&self, fault: Option<ChainError>) {
        let text = fault.as_ref().map(ToString::to_string);
        let mut health = self.transport.health();
        let before = health.fault.as_ref().map(ToString::to_string);
        health.fault = fault;
        drop(health);
        let endpoint = self.shown();
        match text {
            Some(fault) if before.as_deref() != Some(fault.as_str()) => {
                tracing::warn!(endpoint, fault, "the endpoint is not used");
            }
            None if before.is_some() => tracing::info!(endpoint, "the endpoint is used again"),
            _ => {}
        }
    }

    pub(super) fn is_usable(&self, now: Instant) -> bool {
        self.transport.health().is_usable(now)
    }

    pub(super) fn newest(&self) -> Option<u64> {
        self.transport.health().newest
    }

    /// What is known about it, where `best` is the newest block of all endpoints.
    pub(super) fn state(&self, current: bool, best: Option<u64>) -> EndpointState {
        let (now, log_range) = (Instant::now(), self.range().blocks());
        let requests_per_second = self.transport.rate().per_second();
        let health = self.transport.health();
        EndpointState {
            endpoint: self.shown().to_owned(),
            current,
            usable: health.is_usable(now),
            newest_block: health.newest,
            lag: health.newest.and_then(|newest| Some(best?.saturating_sub(newest))),
            failures: health.failures(),
            requests_per_second,
            log_range,
            last_failure: health.last_failure.clone(),
            fault: health.fault(now).map(|fault| fault.to_string()),
        }
    }
}
