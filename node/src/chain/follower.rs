//! Follows the head: what is final in ranges, the rest block by block, every block chained to the
//! one before.
//!
//! A reorg is recognised by comparing stored hashes with the chain, never by notifications, so that
//! one that happened while the node was down is found as well. Rows are unwound and written in
//! transactions; the head is announced only after its rows are committed.

use super::client::ChainClient;
use super::endpoint::BlockHeader;
use super::error::ChainError;
use super::finality::depth_decides;
use super::head::Head;
use super::index::Sources;
use super::log_range::{AfterRefusal, LogRange};
use super::request::within;
use crate::config::ChainConfig;
use crate::metrics::as_f64;
use crate::store::{BlockRef, ChainBatch, Store, StoreError};
use alloy::eips::BlockNumberOrTag;
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Why the follower could not go on.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The endpoint failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The store is at the chain's head.
    AtHead,
    /// Blocks were added; there may be more.
    Advanced,
    /// Blocks were unwound.
    Unwound {
        /// How many numbers the store went back.
        depth: u64,
    },
}

/// Longest pause between tries while the endpoint fails.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Pause after which the endpoint is asked again which chain it serves, although nothing failed.
const IDENTITY_CHECK: Duration = Duration::from_secs(60);
/// Failures in a row that an endpoint with several servers behind it has all the time.
const USUAL_FAILURES: u32 = 3;
/// Pause after which an unchanged head is announced again.
const REMIND: Duration = Duration::from_secs(10);
/// Blocks near the head that one step adds.
const STEP_BLOCKS: u64 = 64;

/// Keeps the store equal to the chain.
#[derive(Debug)]
pub struct Follower {
    client: ChainClient,
    store: Store,
    sources: Sources,
    config: ChainConfig,
    start: u64,
    range: LogRange,
    heads: watch::Sender<Head>,
    announced: Instant,
    /// When the endpoint last said which chain it serves; none after a failure, since another
    /// server may answer from then on.
    identified: Option<Instant>,
}

impl Follower {
    /// A follower and the channel on which it announces heads. The first value is the stored head,
    /// or all zero for an empty store.
    ///
    /// # Errors
    /// The store's error.
    pub async fn new(
        client: ChainClient,
        store: Store,
        config: &ChainConfig,
    ) -> Result<(Self, watch::Receiver<Head>), StoreError> {
        let stored = store.head().await?;
        let first = stored.map_or_else(Head::default, |block| Head {
            number: block.number,
            hash: block.hash,
            timestamp: block.timestamp,
            finalized: 0,
        });
        let (heads, receiver) = watch::channel(first);
        let start = config.start_block.unwrap_or(client.addresses().deployed_at_block);
        let sources = Sources::of(&client);
        let range = LogRange::new(config.max_log_range);
        Ok((
            Self {
                client,
                store,
                sources,
                config: config.clone(),
                start,
                range,
                heads,
                announced: Instant::now(),
                identified: Some(Instant::now()),
            },
            receiver,
        ))
    }

    /// Follows until cancelled. Failures of the endpoint and passing ones of the store are waited
    /// out.
    ///
    /// # Errors
    /// A failure of the store that does not pass.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), StoreError> {
        let poll = Duration::from_millis(self.config.poll_interval_ms);
        let mut failures = 0_u32;
        while !cancel.is_cancelled() {
            let step = tokio::select! {
                () = cancel.cancelled() => break,
                step = self.step() => step,
            };
            let pause = match step {
                Ok(Step::AtHead) => {
                    failures = 0;
                    poll
                }
                Ok(_) => {
                    failures = 0;
                    Duration::ZERO
                }
                Err(FollowError::Store(error)) if !error.is_transient() => return Err(error),
                Err(error) => {
                    failures = failures.saturating_add(1);
                    pause_after(&error, failures, poll)
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    /// One look at the chain: unwinds, or adds blocks, or finds nothing new.
    ///
    /// # Errors
    /// [`FollowError`]; the store then holds a whole prefix of the chain.
    pub async fn step(&mut self) -> Result<Step, FollowError> {
        let looked = self.look().await;
        match &looked {
            Ok(_) => self.client.note_view(None),
            Err(FollowError::Chain(error)) => {
                self.identified = None;
                if error.is_wrong_view() {
                    self.client.note_view(Some(error.clone()));
                }
            }
            Err(FollowError::Store(_)) => {}
        }
        looked
    }

    async fn look(&mut self) -> Result<Step, FollowError> {
        if self.identified.is_none_or(|at| at.elapsed() >= IDENTITY_CHECK) {
            self.identify().await?;
        }
        let latest = self.block(BlockNumberOrTag::Latest).await?.ok_or_else(|| missing("head"))?;
        let latest = block_ref(&latest);
        let finalized = self.finalized(latest.number).await?;
        let Some(stored) = self.store.head().await? else {
            return self.advance(None, latest, finalized).await;
        };
        if stored.hash == latest.hash {
            self.announce(latest, finalized);
            return Ok(Step::AtHead);
        }
        if latest.number < stored.number && self.lags(latest, stored).await? {
            return Ok(Step::AtHead);
        }
        if self.on_chain(stored, latest).await? {
            return self.advance(Some(stored), latest, finalized).await;
        }
        // Another chain than the one that is stored looks like a reorg of everything.
        self.identify().await?;
        self.unwind(stored, latest).await
    }

    async fn identify(&mut self) -> Result<(), ChainError> {
        self.client.check_identity().await?;
        self.identified = Some(Instant::now());
        Ok(())
    }

    /// Whether a chain that is shorter than the stored one is only what a server shows that has
    /// not caught up. It is a reorg only if it has another block where one is stored.
    async fn lags(&self, latest: BlockRef, stored: BlockRef) -> Result<bool, FollowError> {
        let window = self.store.window().await?;
        let Some(known) = window.into_iter().find(|block| block.number <= latest.number) else {
            return Err(ChainError::Behind { latest: latest.number, stored: stored.number }.into());
        };
        if known.number == latest.number {
            return Ok(known.hash == latest.hash);
        }
        Ok(self.on_chain(known, latest).await?)
    }

    /// Whether a stored block is on the endpoint's chain, which ends with `latest`. A block before
    /// its end that the endpoint does not have is no sign of a reorg: another server answered.
    async fn on_chain(&self, stored: BlockRef, latest: BlockRef) -> Result<bool, ChainError> {
        if stored.number > latest.number {
            return Ok(false);
        }
        let found = self.block(BlockNumberOrTag::Number(stored.number)).await?;
        let found = found.ok_or_else(|| missing(&format!("block {}", stored.number)))?;
        Ok(found.hash == stored.hash)
    }

    /// Goes back to the newest stored block that is still on the chain.
    async fn unwind(&mut self, stored: BlockRef, latest: BlockRef) -> Result<Step, FollowError> {
        for block in self.store.window().await? {
            if block.number == stored.number || !self.on_chain(block, latest).await? {
                continue;
            }
            let depth = stored.number - block.number;
            tracing::warn!(
                from = stored.number,
                to = block.number,
                depth,
                "the chain was reorganised"
            );
            self.store.unwind_to(block.number).await?;
            metrics::counter!("oml_reorgs_total").increment(1);
            metrics::histogram!("oml_reorg_depth").record(as_f64(depth));
            return Ok(Step::Unwound { depth });
        }
        let depth = stored.number.saturating_sub(self.start).saturating_add(1);
        tracing::error!(
            from = stored.number,
            start = self.start,
            "a reorg went deeper than the stored window; reading everything again"
        );
        self.store.forget_chain().await?;
        self.range = LogRange::new(self.config.max_log_range);
        metrics::counter!("oml_reorgs_total").increment(1);
        Ok(Step::Unwound { depth })
    }

    async fn advance(
        &mut self,
        stored: Option<BlockRef>,
        latest: BlockRef,
        finalized: u64,
    ) -> Result<Step, FollowError> {
        let next = stored.map_or(self.start, |block| block.number + 1);
        if next > latest.number {
            return Ok(Step::AtHead);
        }
        if next <= finalized {
            return self.backfill(next, latest, finalized).await;
        }
        let to = latest.number.min(next + STEP_BLOCKS - 1);
        let mut parent = stored;
        for number in next..=to {
            let Some(block) = self.block(BlockNumberOrTag::Number(number)).await? else {
                if number == next {
                    return Err(missing(&format!("block {number}")).into());
                }
                break;
            };
            if parent.is_some_and(|parent| parent.hash != block.parent_hash) {
                // The chain changed between two requests; the next step finds where.
                return Ok(Step::Advanced);
            }
            let added = block_ref(&block);
            let logs = self.logs(Filter::new().at_block_hash(added.hash)).await?;
            self.commit(&[added], &logs, &BTreeMap::from([(added.number, added.timestamp)]))
                .await?;
            parent = Some(added);
        }
        if to < latest.number {
            return Ok(Step::Advanced);
        }
        if let Some(head) = parent {
            self.announce(head, finalized);
        }
        Ok(Step::AtHead)
    }

    /// Reads final blocks in ranges that fit the endpoint.
    async fn backfill(
        &mut self,
        next: u64,
        latest: BlockRef,
        finalized: u64,
    ) -> Result<Step, FollowError> {
        let (to, logs) = self.range_of_logs(next, finalized).await?;
        let end = self
            .block(BlockNumberOrTag::Number(to))
            .await?
            .ok_or_else(|| missing("final block"))?;
        let times = self.times(&logs).await?;
        let end = block_ref(&end);
        self.commit(&[end], &logs, &times).await?;
        tracing::info!(block = to, head = latest.number, logs = logs.len(), "read final blocks");
        if end.number == latest.number {
            self.announce(end, finalized);
        }
        Ok(Step::Advanced)
    }

    /// Logs of the blocks from `next` to the number that is returned with them, at most to `last`.
    async fn range_of_logs(&mut self, next: u64, last: u64) -> Result<(u64, Vec<Log>), ChainError> {
        loop {
            let to = last.min(next.saturating_add(self.range.blocks() - 1));
            let asked = to - next + 1;
            let error = match self.logs(Filter::new().from_block(next).to_block(to)).await {
                Ok(logs) => {
                    self.range.answered(asked, Instant::now());
                    return Ok((to, logs));
                }
                Err(error) => error,
            };
            if error.may_have_asked_too_much() {
                self.range.failed(asked);
            }
            if !error.is_refusal()
                || self.range.refused(asked, Instant::now()) == AfterRefusal::Wait
            {
                return Err(error);
            }
            let blocks = self.range.blocks();
            tracing::warn!(%error, asked, blocks, "a log query was refused; asking for less");
        }
    }

    /// Block times of logs; many endpoints send them along.
    async fn times(&self, logs: &[Log]) -> Result<BTreeMap<u64, u64>, ChainError> {
        let mut times = BTreeMap::new();
        for log in logs {
            let Some(number) = log.block_number else { continue };
            if times.contains_key(&number) {
                continue;
            }
            let time = match log.block_timestamp {
                Some(time) => time,
                None => {
                    let block = self.block(BlockNumberOrTag::Number(number)).await?;
                    block.ok_or_else(|| missing("block of a log"))?.timestamp
                }
            };
            times.insert(number, time);
        }
        Ok(times)
    }

    async fn commit(
        &self,
        blocks: &[BlockRef],
        logs: &[Log],
        times: &BTreeMap<u64, u64>,
    ) -> Result<(), FollowError> {
        let mut events = Vec::with_capacity(logs.len());
        for log in logs.iter().filter(|log| !log.removed) {
            let time =
                log.block_number.and_then(|number| times.get(&number)).copied().unwrap_or_default();
            events.extend(self.sources.read(log, time)?);
        }
        let batch = ChainBatch { blocks: blocks.to_vec(), events, window: self.config.window };
        self.store.apply(&batch).await?;
        if let Some(last) = blocks.last() {
            metrics::gauge!("oml_head_block").set(as_f64(last.number));
        }
        Ok(())
    }

    async fn finalized(&self, latest: u64) -> Result<u64, ChainError> {
        let by_depth = latest.saturating_sub(self.config.finality_depth);
        // Chains without the tag answer with an error or with nothing. Any other error says nothing
        // about what is final.
        match self.block(BlockNumberOrTag::Finalized).await {
            Ok(Some(block)) => Ok(block.number.min(latest)),
            Ok(None) => Ok(by_depth),
            Err(error) if depth_decides(&error) => Ok(by_depth),
            Err(error) => Err(error),
        }
    }

    async fn block(&self, tag: BlockNumberOrTag) -> Result<Option<BlockHeader>, ChainError> {
        self.client.block(tag).await
    }

    async fn logs(&self, filter: Filter) -> Result<Vec<Log>, ChainError> {
        let filter = filter.address(self.sources.addresses());
        within("logs", self.client.provider().get_logs(&filter)).await
    }

    /// Tells the roles, and only where the store has caught up: nobody should act on the past. The
    /// same head is told again after a while, so that what failed is tried again on a chain that
    /// stands still.
    fn announce(&mut self, block: BlockRef, finalized: u64) {
        let head =
            Head { number: block.number, hash: block.hash, timestamp: block.timestamp, finalized };
        if *self.heads.borrow() != head || self.announced.elapsed() >= REMIND {
            self.heads.send_replace(head);
            self.announced = Instant::now();
        }
    }
}

/// Says that following failed, and how long to wait before the next try.
fn pause_after(error: &FollowError, failures: u32, poll: Duration) -> Duration {
    // Several servers behind one URL are never at the same block; asking again finds another one.
    if matches!(error, FollowError::Chain(ChainError::Missing { .. })) && failures <= USUAL_FAILURES
    {
        tracing::debug!(%error, failures, "the endpoint lacks a block that it named; asking again");
        return poll;
    }
    tracing::warn!(%error, failures, "following the chain failed; trying again");
    poll.saturating_mul(1 << failures.min(6)).min(MAX_PAUSE)
}

const fn block_ref(block: &BlockHeader) -> BlockRef {
    BlockRef { number: block.number, hash: block.hash, timestamp: block.timestamp }
}

fn missing(what: &str) -> ChainError {
    ChainError::Missing { what: what.to_owned() }
}
