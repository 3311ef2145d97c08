//! Reads logs of blocks and of ranges, and proves that they are all.

use super::bloom::{Filtered, WatchedContract, explains, filtered};
use super::receipts::logs_of_receipts;
use crate::chain::endpoint::{BlockHeader, block_header, block_headers};
use crate::chain::endpoints::Endpoint;
use crate::chain::error::ChainError;
use crate::chain::log_range::AfterRefusal;
use crate::chain::request::within;
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::Address;
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Reads logs of the contracts from endpoints.
#[derive(Debug)]
pub(crate) struct LogReader {
    watched: Vec<WatchedContract>,
    /// Whether it was said that blocks have no filter.
    said_unproven: AtomicBool,
}

/// Logs of a range of blocks, and the blocks.
#[derive(Debug)]
pub(crate) struct RangeOfLogs {
    /// The last block.
    pub(crate) end: BlockHeader,
    /// All logs of the contracts, in order.
    pub(crate) logs: Vec<Log>,
    /// Times of the blocks that have logs, by number.
    pub(crate) times: BTreeMap<u64, u64>,
}

/// How much is asked to prove that an answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// Receipts wherever the filter has an event of the contracts. For blocks near the head.
    AnyEvent,
    /// Receipts only where the filter has an event that did not come. For many blocks at once.
    MissingEvent,
}

impl LogReader {
    pub(crate) fn new(watched: Vec<WatchedContract>) -> Self {
        Self { watched, said_unproven: AtomicBool::new(false) }
    }

    /// Logs of one block near the head.
    ///
    /// # Errors
    /// The endpoint fails, or [`ChainError::LogsOmitted`].
    pub(crate) async fn of_block(
        &self,
        endpoint: &Endpoint,
        block: &BlockHeader,
    ) -> Result<Vec<Log>, ChainError> {
        let logs = self.ask(endpoint, Filter::new().at_block_hash(block.hash)).await?;
        self.prove(endpoint, block, logs, Care::AnyEvent).await
    }

    /// Logs of final blocks from `next`, as many as the endpoint answers at once, at most to
    /// `last`.
    ///
    /// # Errors
    /// As [`LogReader::of_block`].
    pub(crate) async fn of_range(
        &self,
        endpoint: &Endpoint,
        next: u64,
        last: u64,
    ) -> Result<RangeOfLogs, ChainError> {
        let (to, logs) = self.range(endpoint, next, last).await?;
        let headers = headers(endpoint, next, to).await?;
        let mut by_block: BTreeMap<u64, Vec<Log>> = BTreeMap::new();
        for log in logs {
            by_block.entry(log.block_number.unwrap_or_default()).or_default().push(log);
        }
        let (mut proven, mut times) = (Vec::new(), BTreeMap::new());
        for header in &headers {
            let came = by_block.remove(&header.number).unwrap_or_default();
            let logs = self.prove(endpoint, header, came, Care::MissingEvent).await?;
            if !logs.is_empty() {
                times.insert(header.number, header.timestamp);
                proven.extend(logs);
            }
        }
        if let Some(number) = by_block.keys().next() {
            let what = format!("logs from block {next} to {to}");
            let cause =
                format!("the endpoint sent logs of block {number}, which was not asked for");
            return Err(ChainError::unexpected(what, cause));
        }
        let end = headers.last().copied().ok_or_else(|| missing(to))?;
        Ok(RangeOfLogs { end, logs: proven, times })
    }

    /// Logs of the blocks from `next` to the number that is returned with them, at most to `last`.
    async fn range(
        &self,
        endpoint: &Endpoint,
        next: u64,
        last: u64,
    ) -> Result<(u64, Vec<Log>), ChainError> {
        loop {
            let to = last.min(next.saturating_add(endpoint.range().blocks() - 1));
            let asked = to - next + 1;
            let answer = self.ask(endpoint, Filter::new().from_block(next).to_block(to)).await;
            let mut range = endpoint.range();
            let error = match answer {
                Ok(logs) => {
                    range.answered(asked, Instant::now());
                    return Ok((to, logs));
                }
                Err(error) => error,
            };
            if error.may_have_asked_too_much() {
                range.failed(asked);
            }
            if !error.is_refusal() || range.refused(asked, Instant::now()) == AfterRefusal::Wait {
                return Err(error);
            }
            let (endpoint, blocks) = (endpoint.shown(), range.blocks());
            tracing::warn!(endpoint, %error, asked, blocks, "a log query was refused; asking for less");
        }
    }

    async fn ask(&self, endpoint: &Endpoint, filter: Filter) -> Result<Vec<Log>, ChainError> {
        let addresses: Vec<Address> = self.watched.iter().map(|one| one.address).collect();
        let filter = filter.address(addresses);
        let mut logs = within("logs", endpoint.provider().get_logs(&filter)).await?;
        logs.retain(|log| !log.removed);
        Ok(logs)
    }

    /// The logs of a block, where its filter, or else its receipts, show that they are all.
    async fn prove(
        &self,
        endpoint: &Endpoint,
        block: &BlockHeader,
        logs: Vec<Log>,
        care: Care,
    ) -> Result<Vec<Log>, ChainError> {
        let Some(bloom) = block.logs_bloom else {
            self.say_unproven(endpoint, "headers have no logsBloom");
            return Ok(logs);
        };
        match filtered(&bloom, &self.watched, &logs) {
            Filtered::Complete if logs.is_empty() || care == Care::MissingEvent => return Ok(logs),
            Filtered::Excludes if bloom.is_zero() => {
                self.say_unproven(endpoint, "the logsBloom of headers is always zero");
                return Ok(logs);
            }
            Filtered::Complete | Filtered::MayLack | Filtered::Excludes => {}
        }
        let all = logs_of_receipts(endpoint, block).await?;
        let omits = |shown_by: &'static str| {
            let (name, number) = (endpoint.shown().to_owned(), block.number);
            let error = ChainError::LogsOmitted { endpoint: name, number, shown_by };
            metrics::counter!("oml_logs_omitted_total").increment(1);
            endpoint.omitted(error.clone());
            error
        };
        if !explains(&bloom, &all) {
            return Err(omits("its receipts do not have all that the header's logsBloom has"));
        }
        let ours: Vec<Log> = all.into_iter().filter(|log| self.is_watched(log)).collect();
        if logs.iter().any(|log| !ours.iter().any(|other| same(log, other))) {
            return Err(omits("its receipts do not have a log that it returned"));
        }
        if ours.len() > logs.len() {
            // The receipts have them all, so nothing is lost.
            omits("its receipts have logs that eth_getLogs did not return");
        }
        Ok(ours)
    }

    fn is_watched(&self, log: &Log) -> bool {
        self.watched.iter().any(|contract| contract.address == log.address())
    }

    fn say_unproven(&self, endpoint: &Endpoint, reason: &str) {
        if !self.said_unproven.swap(true, Ordering::Relaxed) {
            let endpoint = endpoint.shown();
            tracing::warn!(
                endpoint,
                reason,
                "it can't be proven that the endpoint leaves out no logs"
            );
        }
    }
}

fn same(one: &Log, other: &Log) -> bool {
    one.log_index == other.log_index && one.inner == other.inner
}

/// Headers of the blocks from `first` to `last`, in batches, each the parent of the next.
async fn headers(
    endpoint: &Endpoint,
    first: u64,
    last: u64,
) -> Result<Vec<BlockHeader>, ChainError> {
    let mut headers: Vec<BlockHeader> = Vec::new();
    let mut next = first;
    while next <= last {
        let to = last.min(next + endpoint.batch().blocks() - 1);
        let asked = to - next + 1;
        let found = if asked == 1 {
            let tag = BlockNumberOrTag::Number(next);
            let block = within("header", block_header(endpoint.provider(), tag)).await?;
            block.into_iter().collect()
        } else {
            match within("headers", block_headers(endpoint.provider(), next..=to)).await {
                Ok(found) => found,
                Err(error) => {
                    let mut batch = endpoint.batch();
                    if error.is_refusal() {
                        if batch.refused(asked, Instant::now()) == AfterRefusal::Wait {
                            return Err(error);
                        }
                    } else if error.may_have_asked_too_much() {
                        batch.failed(asked);
                    } else {
                        return Err(error);
                    }
                    tracing::debug!(%error, asked, "a batch of requests failed; asking for less");
                    continue;
                }
            }
        };
        if found.is_empty() {
            return Err(missing(next));
        }
        endpoint.batch().answered(asked, Instant::now());
        for header in found {
            let linked = headers.last().is_none_or(|before| before.hash == header.parent_hash);
            if header.number != next || !linked {
                // The chain changed between two requests.
                return Err(missing(next));
            }
            headers.push(header);
            next += 1;
        }
    }
    Ok(headers)
}

fn missing(number: u64) -> ChainError {
    ChainError::Missing { what: format!("block {number}") }
}
