//! Reads every open round after each head and does what is due.
//!
//! Nothing is kept between heads but caches of what can't change, so any number of nodes and
//! restarts lead to the same steps.

use oml_contracts::hash::keccak256;
use oml_contracts::{EthAddress, RoundId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::file::RoundFile;
use super::machine::{Phase, phase};
use super::owner::{OwnerDuty, OwnerError};
use super::prover::{ProverDuty, SeatError};
use crate::chain::beacon::RoundOrders;
use crate::chain::{ChainClient, ChainError, Head};
use crate::store::{RoundRow, Store, StoreError};

/// Why a step of a round could not be done now. The next head tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The owner's step failed.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The prover's step failed.
    #[error(transparent)]
    Seat(#[from] SeatError),
}

/// Acts in rounds.
#[derive(Debug)]
pub struct RoundService {
    chain: ChainClient,
    store: Store,
    beacon: RoundOrders,
    owner: Option<OwnerDuty>,
    prover: Option<ProverDuty>,
}

impl RoundService {
    /// Prepares; starts nothing.
    #[must_use]
    pub const fn new(
        chain: ChainClient,
        store: Store,
        beacon: RoundOrders,
        owner: Option<OwnerDuty>,
        prover: Option<ProverDuty>,
    ) -> Self {
        Self { chain, store, beacon, owner, prover }
    }

    /// Acts after every head until cancelled. What fails is logged, counted and tried again at the
    /// next head.
    pub async fn run(mut self, mut heads: watch::Receiver<Head>, cancel: CancellationToken) {
        loop {
            let head = *heads.borrow_and_update();
            if head.number > 0
                && let Err(error) = self.act(&head).await
            {
                tracing::warn!(%error, block = head.number, "rounds could not be read");
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = heads.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Does what is due at `head`.
    ///
    /// # Errors
    /// [`StepError`] if the list of rounds can't be read; failures inside one round are logged.
    pub async fn act(&mut self, head: &Head) -> Result<(), StepError> {
        if let Some(owner) = &mut self.owner
            && let Err(error) = owner.prepare(head).await
        {
            tracing::warn!(%error, "rounds can't be sealed for now");
        }
        let mut least_margin: Option<u64> = None;
        for row in self.store.open_rounds(head.timestamp).await? {
            let id = row.round_id;
            match self.act_in(row, head).await {
                Ok(margin) => {
                    least_margin = [least_margin, margin].into_iter().flatten().min();
                }
                Err(error) => {
                    metrics::counter!("oml_round_errors_total").increment(1);
                    tracing::warn!(round = %id, %error, "no step in this round for now");
                }
            }
        }
        // No deadline of ours is open: infinitely much time, in the words of Prometheus.
        let margin = least_margin.map_or(f64::INFINITY, |seconds| seconds as f64);
        metrics::gauge!("oml_deadline_margin_seconds").set(margin);
        if let Some(prover) = &self.prover {
            prover.collect(head).await?;
            prover.stay_alive(head).await?;
        }
        Ok(())
    }

    /// Acts in one round; returns the seconds to a deadline of ours.
    async fn act_in(&mut self, row: RoundRow, head: &Head) -> Result<Option<u64>, StepError> {
        let reader = self.chain.reader().at(head.hash);
        let Some(file) = RoundFile::read(&reader, row, head).await? else { return Ok(None) };
        let (answer_until, open_until) = (file.row.answer_until, file.row.open_until);
        let now = head.timestamp;
        let phase = phase(file.view.status, file.step, answer_until, open_until, now);
        let own = match &mut self.owner {
            Some(owner) => owner.owns(file.id()).await?,
            None => None,
        };
        match phase {
            Phase::Ended | Phase::AwaitBeacon => return Ok(None),
            Phase::Bring => {
                let patience = own.map_or_else(|| self.patience(file.id()), |_| 0);
                if self.is_out_since(&file, head, patience) {
                    self.beacon.order(file.view.beacon_round).await.map_err(StepError::Store)?;
                }
                return Ok(own.map(|_| open_until.saturating_sub(now)));
            }
            Phase::Answers | Phase::Opening => {}
        }
        if let (Some(owner), Some((license, index))) = (&mut self.owner, own) {
            if phase == Phase::Answers {
                owner.hand_out(license, index, &file, head).await?;
            } else {
                owner.open(license, index, &file, head).await?;
            }
        }
        if let Some(prover) = &self.prover {
            prover.sit(&file, phase, head).await?;
        }
        Ok(own.map(|_| open_until.saturating_sub(now)))
    }

    /// Seconds to leave the beacon to others, in an order of chance: every prover could bring it,
    /// and one is enough.
    fn patience(&self, round: RoundId) -> u64 {
        let me = self.prover.as_ref().map_or(EthAddress::ZERO, ProverDuty::account);
        let [place, ..] = keccak256(&[me.as_bytes().as_slice(), round.as_bytes()].concat());
        u64::from(place % 8) * 3
    }

    /// Whether the beacon's round is out for so many seconds; by the seal where its time is not
    /// known, as of a block.
    fn is_out_since(&self, file: &RoundFile, head: &Head, patience: u64) -> bool {
        let source = &self.chain.addresses().beacon.source;
        let out = source.time_of(file.view.beacon_round).unwrap_or(file.view.sealed_at);
        head.timestamp >= out.saturating_add(patience)
    }
}
