//! From an intent to a stored, signed and broadcast transaction.

use super::account::AccountSigner;
use super::intent::{Intent, IntentStatus, SenderError};
use super::unsigned::{PlannedCall, Unsigned};
use crate::chain::client::ChainClient;
use crate::chain::endpoint::{EndpointFailure, FeesPerGas, estimate_fees, on_newest_state};
use crate::chain::error::ChainError;
use crate::chain::head::Head;
use crate::chain::request::within;
use crate::chain::reverts::revert_reason;
use crate::clock::unix_now;
use crate::config::ChainConfig;
use crate::store::{AttemptRow, IntentRow, IntentState, Store, StoreError};
use alloy::primitives::{Address, U256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use futures::future::join_all;
use oml_contracts::EthAddress;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// Sends transactions of one account. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sender {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) client: ChainClient,
    pub(super) store: Store,
    pub(super) key: AccountSigner,
    pub(super) heads: watch::Receiver<Head>,
    pub(super) resubmit_after: Duration,
    pub(super) max_fee: u128,
    /// Names this process in the lease of the account.
    pub(super) holder: String,
    /// Held from choosing a nonce to storing the intent, so that no two intents share one.
    pub(super) nonces: Mutex<()>,
}

impl Sender {
    /// A sender for the account of `key`. Nothing is settled until [`Sender::run`] runs.
    #[must_use]
    pub fn new(
        client: ChainClient,
        store: Store,
        key: impl Into<AccountSigner>,
        heads: watch::Receiver<Head>,
        config: &ChainConfig,
    ) -> Self {
        let holder = format!("{}:{:016x}", std::process::id(), rand::random::<u64>());
        let inner = Inner {
            client,
            store,
            key: key.into(),
            heads,
            resubmit_after: Duration::from_secs(config.resubmit_after_s),
            max_fee: config.max_fee_per_gas.into(),
            holder,
            nonces: Mutex::new(()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Account that sends.
    #[must_use]
    pub fn address(&self) -> EthAddress {
        self.inner.key.address()
    }

    pub(super) fn account(&self) -> Address {
        self.address().into()
    }

    /// Stores, signs and broadcasts an intent once. A known key returns where that intent stands.
    ///
    /// # Errors
    /// [`SenderError`]; unless it is [`SenderError::KeyTaken`], nothing was stored and the same
    /// intent may be submitted again.
    pub async fn submit(&self, intent: Intent) -> Result<IntentStatus, SenderError> {
        if let Some(known) = self.known(&intent).await? {
            return Ok(known);
        }
        self.inner.client.require_view()?;
        let now = self.inner.heads.borrow().timestamp;
        if let Some(deadline) = intent.deadline.filter(|deadline| *deadline < now) {
            return Err(SenderError::TooLate { describe: intent.describe, deadline, now });
        }
        let gas = self.simulate(&intent).await?;
        let fees = self.fees(self.inner.max_fee).await?;
        let guard = self.inner.nonces.lock().await;
        let nonce = self.next_nonce().await?;
        let call = PlannedCall {
            chain_id: self.inner.client.chain_id(),
            nonce,
            // What a call needs can grow between simulation and inclusion.
            gas_limit: gas.saturating_add(gas / 4).saturating_add(10_000),
            to: intent.to,
            value: intent.value,
            input: intent.calldata.clone(),
        };
        let tx = Unsigned::new(call, fees);
        let attempt = self.sign(&intent.key, tx, false).await?;
        let row = self.row(&intent, nonce)?;
        if !self.inner.store.put_intent(&row, &attempt).await? {
            drop(guard);
            return Ok(self.known(&intent).await?.unwrap_or(IntentStatus::Pending));
        }
        drop(guard);
        tracing::info!(key = intent.key, nonce, tx = %attempt.tx_hash, "sending: {}", intent.describe);
        // Stored, so a failed broadcast is only a delay.
        self.broadcast(&attempt).await;
        Ok(IntentStatus::Pending)
    }

    /// Where an intent stands; `None` if the key is unknown.
    ///
    /// # Errors
    /// The store's error.
    pub async fn status(&self, key: &str) -> Result<Option<IntentStatus>, StoreError> {
        Ok(self.inner.store.intent(key).await?.as_ref().map(IntentStatus::of))
    }

    /// Waits until an intent is in a block or given up, at most `timeout`; then returns where it
    /// stands.
    ///
    /// # Errors
    /// The store's error, or [`SenderError::Chain`] if the key is unknown.
    pub async fn wait(&self, key: &str, timeout: Duration) -> Result<IntentStatus, SenderError> {
        let until = tokio::time::Instant::now() + timeout;
        loop {
            let status = self.status(key).await?.ok_or_else(|| {
                ChainError::unexpected(format!("intent {key:?}"), "it was never submitted")
            })?;
            if status != IntentStatus::Pending || tokio::time::Instant::now() >= until {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn known(&self, intent: &Intent) -> Result<Option<IntentStatus>, SenderError> {
        let Some(row) = self.inner.store.intent(&intent.key).await? else { return Ok(None) };
        if row.to != intent.to
            || row.calldata != intent.calldata.as_ref()
            || U256::from(row.value) != intent.value
        {
            return Err(SenderError::KeyTaken { key: row.key, describe: row.describe });
        }
        Ok(Some(IntentStatus::of(&row)))
    }

    fn row(&self, intent: &Intent, nonce: u64) -> Result<IntentRow, SenderError> {
        let value = u128::try_from(intent.value).map_err(|_| SenderError::TooMuch(intent.value))?;
        Ok(IntentRow {
            key: intent.key.clone(),
            sender: self.account(),
            to: intent.to,
            calldata: intent.calldata.to_vec(),
            value,
            describe: intent.describe.clone(),
            deadline: intent.deadline,
            state: IntentState::Pending,
            nonce,
            tx_hash: None,
            block: None,
            succeeded: None,
            error: None,
            created_at: unix_now(),
        })
    }

    /// Gas that the call needs now; a revert becomes [`SenderError::WouldRevert`].
    async fn simulate(&self, intent: &Intent) -> Result<u64, SenderError> {
        let request = TransactionRequest::default()
            .from(self.account())
            .to(intent.to)
            .input(intent.calldata.clone().into())
            .value(intent.value);
        let provider = self.inner.client.provider();
        let estimate = on_newest_state(|block| provider.estimate_gas(request.clone()).block(block));
        let outcome = tokio::time::timeout(Duration::from_secs(15), estimate).await;
        let what = || format!("simulation of {}", intent.describe);
        match outcome {
            Ok(Ok(gas)) => Ok(gas),
            Ok(Err(error)) => match revert_reason(&error) {
                Some(revert) => {
                    Err(SenderError::WouldRevert { describe: intent.describe.clone(), revert })
                }
                None => Err(ChainError::rpc(what(), EndpointFailure::from(error)).into()),
            },
            Err(_) => Err(ChainError::NoAnswer { what: what(), seconds: 15 }.into()),
        }
    }

    /// Fees per gas as the chain suggests, not above `cap`.
    pub(super) async fn fees(&self, cap: u128) -> Result<FeesPerGas, ChainError> {
        let fees = within("fees", estimate_fees(self.inner.client.provider())).await?;
        let max_fee = fees.max_fee.min(cap).max(1);
        Ok(FeesPerGas { max_fee, tip: fees.tip.min(max_fee), ..fees })
    }

    /// After the account's own transactions and those that are stored but in no block.
    async fn next_nonce(&self) -> Result<u64, SenderError> {
        let open = self.inner.store.open_intents(self.account()).await?;
        let provider = self.inner.client.provider();
        let on_chain = within("nonce", provider.get_transaction_count(self.account())).await?;
        match open.iter().map(|intent| intent.nonce).max() {
            Some(highest) => Ok(on_chain.max(highest + 1)),
            // Nothing of ours is under way, so what the mempool holds is somebody else's with this
            // key.
            None => {
                let known = on_newest_state(|block| {
                    provider.get_transaction_count(self.account()).block_id(block)
                });
                Ok(on_chain.max(within("pending nonce", known).await?))
            }
        }
    }

    pub(super) async fn sign(
        &self,
        key: &str,
        tx: Unsigned,
        cancels: bool,
    ) -> Result<AttemptRow, SenderError> {
        let (max_fee, tip) = tx.fees();
        let signature =
            self.inner.key.sign_hash(&tx.signature_hash()).await.map_err(SenderError::Signing)?;
        let (tx_hash, raw) = tx.signed(signature);
        let (key, created_at) = (key.to_owned(), unix_now());
        Ok(AttemptRow { key, tx_hash, raw, max_fee, tip, cancels, created_at })
    }

    /// Sends signed bytes to every endpoint that may be asked: one of them may take a transaction
    /// and never pass it on. Whether they arrive is seen by settling, not by the answers: a node
    /// that knows the transaction refuses it as well.
    pub(super) async fn broadcast(&self, attempt: &AttemptRow) {
        let endpoints = self.inner.client.endpoints();
        let Ok(first) = endpoints.choose() else { return };
        let others = endpoints.others(&first);
        let sending = [first].into_iter().chain(others).map(|endpoint| async move {
            let sent = endpoint.provider().send_raw_transaction(&attempt.raw);
            (within("broadcast", sent).await.map(drop), endpoint)
        });
        for (sent, endpoint) in join_all(sending).await {
            let outcome = if sent.is_ok() { "accepted" } else { "refused" };
            metrics::counter!("oml_tx_broadcasts_total", "outcome" => outcome).increment(1);
            if let Err(error) = sent {
                // Too little money for gas is said nowhere else.
                let (key, tx, endpoint) = (&attempt.key, attempt.tx_hash, endpoint.shown());
                tracing::warn!(key, %tx, endpoint, %error, "broadcast refused");
            }
        }
    }
}
