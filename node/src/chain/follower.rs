//! Follows the head: what is final in ranges, the rest block by block, every block chained to the
//! one before.
//!
//! A reorg is recognised by comparing stored hashes with the chain, never by notifications, so that
//! one that happened while the node was down is found as well. Rows are unwound and written in
//! transactions; the head is announced only after its rows are committed.

use super::client::ChainClient;
use super::endpoint::BlockHeader;
use super::endpoints::Endpoint;
use super::error::ChainError;
use super::finality::depth_decides;
use super::head::Head;
use super::index::Sources;
use super::logs::LogReader;
use crate::config::ChainConfig;
use crate::metrics::as_f64;
use crate::store::{BlockRef, ChainBatch, Store, StoreError};
use alloy::eips::BlockNumberOrTag;
use alloy::rpc::types::Log;
use std::collections::BTreeMap;
use std::sync::Arc;
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
/// Pause after which the endpoints are asked again which chain they serve, although nothing failed.
const SURVEY: Duration = Duration::from_secs(20);
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
    logs: LogReader,
    config: ChainConfig,
    start: u64,
    heads: watch::Sender<Head>,
    announced: Instant,
    /// When the endpoints last said which chain they serve; none after a failure, since another
    /// server may answer from then on.
    surveyed: Option<Instant>,
    /// Whether endpoints have been compared about a final block since the start.
    compared: bool,
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
        let logs = LogReader::new(sources.watched());
        // One endpoint has just said which chain it serves; several may contradict each other.
        let surveyed = (client.endpoints().all().len() == 1).then(Instant::now);
        Ok((
            Self {
                client,
                store,
                sources,
                logs,
                config: config.clone(),
                start,
                heads,
                announced: Instant::now(),
                surveyed,
                // One endpoint can't contradict itself.
                compared: surveyed.is_some(),
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
                // That another server behind the same URL lags says nothing about its chain.
                if !matches!(error, ChainError::Missing { .. }) {
                    self.surveyed = None;
                }
                if error.is_wrong_view() {
                    self.client.note_view(Some(error.clone()));
                }
            }
            Err(FollowError::Store(_)) => {}
        }
        looked
    }

    async fn look(&mut self) -> Result<Step, FollowError> {
        if self.surveyed.is_none_or(|at| at.elapsed() >= SURVEY) {
            let finalized = self.heads.borrow().finalized;
            self.survey(finalized).await?;
        }
        let mut endpoint = self.client.endpoints().choose()?;
        if !self.compared {
            // Before anybody acts on what this endpoint says.
            let latest = endpoint.block(BlockNumberOrTag::Latest).await?;
            let latest = latest.ok_or_else(|| missing("head"))?;
            let finalized = self.finalized(&endpoint, latest.number).await?;
            self.survey(finalized).await?;
            self.compared = true;
            endpoint = self.client.endpoints().choose()?;
        }
        let looked = self.look_at(&endpoint).await;
        match &looked {
            Ok(_) => endpoint.complete(),
            Err(FollowError::Chain(ChainError::Missing { .. } | ChainError::Behind { .. })) => {
                endpoint.lacked();
            }
            Err(_) => {}
        }
        looked
    }

    /// All requests of one look go to one endpoint, so that its answers belong together.
    async fn look_at(&mut self, endpoint: &Arc<Endpoint>) -> Result<Step, FollowError> {
        if let Some(fault) = endpoint.fault() {
            return Err(fault.into());
        }
        let latest = endpoint.block(BlockNumberOrTag::Latest).await?;
        let latest = block_ref(&latest.ok_or_else(|| missing("head"))?);
        let finalized = self.finalized(endpoint, latest.number).await?;
        let Some(stored) = self.store.head().await? else {
            return self.advance(endpoint, None, latest, finalized).await;
        };
        if stored.hash == latest.hash {
            self.announce(latest, finalized);
            return Ok(Step::AtHead);
        }
        if latest.number < stored.number && self.lags(endpoint, latest, stored).await? {
            return Ok(Step::AtHead);
        }
        if on_chain(endpoint, stored, latest).await? {
            return self.advance(endpoint, Some(stored), latest, finalized).await;
        }
        // Another chain than the one that is stored looks like a reorg of everything.
        let finalized = self.heads.borrow().finalized;
        self.survey(finalized).await?;
        if let Some(fault) = endpoint.fault() {
            return Err(fault.into());
        }
        self.unwind(endpoint, stored, latest).await
    }

    async fn survey(&mut self, finalized: u64) -> Result<(), ChainError> {
        self.client.survey(finalized).await?;
        if let Some(contradiction) = self.client.endpoints().contradiction() {
            return Err(contradiction);
        }
        self.surveyed = Some(Instant::now());
        Ok(())
    }

    /// Whether a chain that is shorter than the stored one is only what a server shows that has
    /// not caught up. It is a reorg only if it has another block where one is stored.
    async fn lags(
        &self,
        endpoint: &Endpoint,
        latest: BlockRef,
        stored: BlockRef,
    ) -> Result<bool, FollowError> {
        let window = self.store.window().await?;
        let Some(known) = window.into_iter().find(|block| block.number <= latest.number) else {
            return Err(ChainError::Behind { latest: latest.number, stored: stored.number }.into());
        };
        if known.number == latest.number {
            return Ok(known.hash == latest.hash);
        }
        Ok(on_chain(endpoint, known, latest).await?)
    }

    /// Goes back to the newest stored block that is still on the chain.
    async fn unwind(
        &mut self,
        endpoint: &Endpoint,
        stored: BlockRef,
        latest: BlockRef,
    ) -> Result<Step, FollowError> {
        for block in self.store.window().await? {
            if block.number == stored.number || !on_chain(endpoint, block, latest).await? {
                continue;
            }
            self.confirm_reorg(endpoint, block.number, latest).await?;
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
        self.confirm_reorg(endpoint, 0, latest).await?;
        let depth = stored.number.saturating_sub(self.start).saturating_add(1);
        tracing::error!(
            from = stored.number,
            start = self.start,
            "a reorg went deeper than the stored window; reading everything again"
        );
        self.store.forget_chain().await?;
        metrics::counter!("oml_reorgs_total").increment(1);
        Ok(Step::Unwound { depth })
    }

    /// Where several endpoints are configured, a single one does not take back what was final:
    /// another one has to show the same new block now. One that says nothing confirms nothing.
    async fn confirm_reorg(
        &self,
        endpoint: &Endpoint,
        to: u64,
        latest: BlockRef,
    ) -> Result<(), ChainError> {
        let finalized = self.heads.borrow().finalized;
        if to >= finalized {
            return Ok(());
        }
        let endpoints = self.client.endpoints();
        let height = finalized.min(latest.number);
        if endpoints.all().len() > 1 && !endpoints.is_shown_by_another(endpoint, height).await? {
            let endpoint = endpoint.shown().to_owned();
            return Err(ChainError::UnconfirmedReorg { endpoint, finalized });
        }
        // What was final on the chain before says nothing about this one.
        self.heads.send_if_modified(|head| {
            head.finalized = to;
            false
        });
        Ok(())
    }

    async fn advance(
        &mut self,
        endpoint: &Endpoint,
        stored: Option<BlockRef>,
        latest: BlockRef,
        finalized: u64,
    ) -> Result<Step, FollowError> {
        let next = stored.map_or(self.start, |block| block.number + 1);
        if next > latest.number {
            return Ok(Step::AtHead);
        }
        if next <= finalized {
            return self.backfill(endpoint, next, latest, finalized).await;
        }
        let to = latest.number.min(next + STEP_BLOCKS - 1);
        let mut parent = stored;
        for number in next..=to {
            let Some(block) = endpoint.block(BlockNumberOrTag::Number(number)).await? else {
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
            let logs = self.logs.of_block(endpoint, &block).await?;
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
        endpoint: &Endpoint,
        next: u64,
        latest: BlockRef,
        finalized: u64,
    ) -> Result<Step, FollowError> {
        let read = self.logs.of_range(endpoint, next, finalized).await?;
        let (end, logs) = (block_ref(&read.end), read.logs);
        self.commit(&[end], &logs, &read.times).await?;
        let (block, head) = (end.number, latest.number);
        tracing::info!(block, head, logs = logs.len(), "read final blocks");
        if end.number == latest.number {
            self.announce(end, finalized);
        }
        Ok(Step::Advanced)
    }

    async fn commit(
        &self,
        blocks: &[BlockRef],
        logs: &[Log],
        times: &BTreeMap<u64, u64>,
    ) -> Result<(), FollowError> {
        let mut events = Vec::with_capacity(logs.len());
        for log in logs {
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

    /// Newest final block of a chain that ends with block `latest`. It goes down only with a reorg:
    /// an endpoint that lags does not lower it.
    async fn finalized(&self, endpoint: &Endpoint, latest: u64) -> Result<u64, ChainError> {
        let found = self.finalized_now(endpoint, latest).await?;
        Ok(found.max(self.heads.borrow().finalized).min(latest))
    }

    async fn finalized_now(&self, endpoint: &Endpoint, latest: u64) -> Result<u64, ChainError> {
        let by_depth = latest.saturating_sub(self.config.finality_depth);
        // Chains without the tag answer with an error or with nothing. Any other error says nothing
        // about what is final.
        match endpoint.block(BlockNumberOrTag::Finalized).await {
            Ok(Some(block)) => Ok(block.number.min(latest)),
            Ok(None) => Ok(by_depth),
            Err(error) if depth_decides(&error) => Ok(by_depth),
            Err(error) => Err(error),
        }
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

/// Whether a stored block is on the endpoint's chain, which ends with `latest`. A block before its
/// end that the endpoint does not have is no sign of a reorg: another server answered.
async fn on_chain(
    endpoint: &Endpoint,
    stored: BlockRef,
    latest: BlockRef,
) -> Result<bool, ChainError> {
    if stored.number > latest.number {
        return Ok(false);
    }
    let found = endpoint.block(BlockNumberOrTag::Number(stored.number)).await?;
    let found = found.ok_or_else(|| missing(&format!("block {}", stored.number)))?;
    Ok(found.hash == stored.hash)
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
