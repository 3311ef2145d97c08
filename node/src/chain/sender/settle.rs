//! What becomes of stored transactions: seen in blocks, taken out by reorgs, sent again, given up.

use super::intent::SenderError;
use super::submit::Sender;
use super::unsigned::Unsigned;
use crate::causes::with_causes;
use crate::chain::error::ChainError;
use crate::chain::head::Head;
use crate::chain::request::within;
use crate::chain::reverts::revert_reason;
use crate::clock::unix_now;
use crate::metrics::as_f64;
use crate::store::{AttemptRow, IntentRow, IntentState};
use alloy::eips::BlockId;
use alloy::primitives::{Bytes, U256};
use alloy::providers::Provider;
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use std::collections::HashSet;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pause between two looks when no head arrives.
const TICK: Duration = Duration::from_secs(2);
/// How long the account stays taken after its node vanished.
const LEASE_S: u64 = 30;

impl Sender {
    /// Settles intents until cancelled. Failures of the endpoint are waited out.
    ///
    /// # Errors
    /// [`SenderError::AccountInUse`], or the store's error.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), SenderError> {
        self.take_account(&cancel).await?;
        let mut heads = self.inner.heads.clone();
        let mut sent = HashSet::new();
        loop {
            match self.look(&mut sent).await {
                Ok(()) => {}
                Err(SenderError::Chain(error)) => {
                    tracing::warn!(%error, "settling transactions failed; trying again");
                }
                // Who holds the key may be away for a while, as an endpoint may.
                Err(SenderError::Signing(error)) => {
                    let error = with_causes(&error);
                    tracing::warn!(error, "settling transactions failed; trying again");
                }
                Err(SenderError::Store(error)) if error.is_transient() => {
                    tracing::warn!(%error, "settling transactions failed; trying again");
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                changed = heads.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
                () = tokio::time::sleep(TICK) => {}
            }
        }
        self.inner.store.drop_lease(&self.lease_name(), &self.inner.holder).await?;
        Ok(())
    }

    async fn look(&self, sent: &mut HashSet<String>) -> Result<(), SenderError> {
        let now = unix_now();
        let (store, holder) = (&self.inner.store, &self.inner.holder);
        if !store.take_lease(&self.lease_name(), holder, now, now + LEASE_S).await? {
            return Err(SenderError::AccountInUse { account: self.address().to_string() });
        }
        self.inner.client.require_view()?;
        self.settle(sent).await
    }

    fn lease_name(&self) -> String {
        format!("account:{}:{}", self.inner.client.chain_id(), self.address())
    }

    /// Waits for the lease of the account: a node that was killed still holds it for a while.
    async fn take_account(&self, cancel: &CancellationToken) -> Result<(), SenderError> {
        for _ in 0..=LEASE_S {
            let now = unix_now();
            if self
                .inner
                .store
                .take_lease(&self.lease_name(), &self.inner.holder, now, now + LEASE_S)
                .await?
            {
                return Ok(());
            }
            if let Some(gone) = self.vanished_holder().await? {
                self.inner.store.drop_lease(&self.lease_name(), &gone).await?;
                continue;
            }
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
        Err(SenderError::AccountInUse { account: self.address().to_string() })
    }

    /// The holder of the lease, if it was a process of this machine that no longer runs.
    async fn vanished_holder(&self) -> Result<Option<String>, SenderError> {
        // A shared database can be used from other machines, whose processes can't be seen here.
        if self.inner.store.engine() != "sqlite" || !std::path::Path::new("/proc/self").exists() {
            return Ok(None);
        }
        let Some(holder) = self.inner.store.lease_holder(&self.lease_name()).await? else {
            return Ok(None);
        };
        let runs = holder
            .split_once(':')
            .is_some_and(|(pid, _)| std::path::Path::new("/proc").join(pid).exists());
        let is_self = holder.split(':').next() == Some(std::process::id().to_string().as_str());
        Ok((!runs && !is_self).then_some(holder))
    }

    /// One look at every open intent. `sent` remembers what this process has broadcast.
    pub(crate) async fn settle(&self, sent: &mut HashSet<String>) -> Result<(), SenderError> {
        let open = self.inner.store.open_intents(self.account()).await?;
        metrics::gauge!("oml_tx_pending").set(as_f64(open.len() as u64));
        if open.is_empty() {
            return Ok(());
        }
        let head = *self.inner.heads.borrow();
        let provider = self.inner.client.provider();
        let used = within("nonce", provider.get_transaction_count(self.account())).await?;
        for intent in open {
            if intent.nonce >= used {
                self.settle_unmined(&intent, head, sent).await?;
            } else {
                self.settle_used(&intent, head).await?;
            }
        }
        Ok(())
    }

    /// The nonce is used at the head: by one of our transactions, or by a stranger's with our key.
    async fn settle_used(&self, intent: &IntentRow, head: Head) -> Result<(), SenderError> {
        let provider = self.inner.client.provider();
        for attempt in self.inner.store.attempts(&intent.key).await? {
            let receipt =
                within("receipt", provider.get_transaction_receipt(attempt.tx_hash)).await?;
            if let Some(receipt) = receipt.filter(|receipt| receipt.block_number.is_some()) {
                return self.settle_mined(intent, &attempt, &receipt, head).await;
            }
        }
        let final_block = BlockId::number(head.finalized);
        let finally_used = within(
            "final nonce",
            provider.get_transaction_count(self.account()).block_id(final_block),
        )
        .await?;
        if intent.nonce < finally_used {
            let reason = "another transaction of this account used its nonce";
            tracing::warn!(
                key = intent.key,
                nonce = intent.nonce,
                reason,
                "gave up: {}",
                intent.describe
            );
            self.inner
                .store
                .set_intent(&intent.key, IntentState::Dropped, None, Some(reason))
                .await?;
        }
        Ok(())
    }

    async fn settle_mined(
        &self,
        intent: &IntentRow,
        attempt: &AttemptRow,
        receipt: &TransactionReceipt,
        head: Head,
    ) -> Result<(), SenderError> {
        let block = receipt.block_number.unwrap_or_default();
        let succeeded = receipt.status();
        let mined = Some((attempt.tx_hash, block, succeeded));
        let is_final = block <= head.finalized;
        let known = intent.state == IntentState::Mined
            && intent.block == Some(block)
            && intent.tx_hash == Some(attempt.tx_hash);
        if known && !is_final {
            return Ok(());
        }
        let (state, reason) = if !is_final {
            (IntentState::Mined, None)
        } else if attempt.cancels {
            (IntentState::Dropped, Some("its deadline passed before it was mined".to_owned()))
        } else if succeeded {
            (IntentState::Done, None)
        } else {
            (IntentState::Reverted, Some(self.reason_of_revert(intent, block).await))
        };
        if !succeeded {
            tracing::warn!(key = intent.key, tx = %attempt.tx_hash, block, "reverted: {}", intent.describe);
        }
        // A mined cancellation is no success of what was meant.
        let mined = if attempt.cancels {
            mined.map(|(hash, block, _)| (hash, block, false))
        } else {
            mined
        };
        self.inner.store.set_intent(&intent.key, state, mined, reason.as_deref()).await?;
        if !known {
            metrics::counter!("oml_tx_mined_total", "succeeded" => if succeeded { "yes" } else { "no" }).increment(1);
            tracing::info!(key = intent.key, tx = %attempt.tx_hash, block, "mined: {}", intent.describe);
        }
        Ok(())
    }

    /// Repeats the call on the block before; the reason is for people, so a guess is better than
    /// none.
    async fn reason_of_revert(&self, intent: &IntentRow, block: u64) -> String {
        let request = TransactionRequest::default()
            .from(self.account())
            .to(intent.to)
            .input(Bytes::copy_from_slice(&intent.calldata).into())
            .value(U256::from(intent.value));
        let before = BlockId::number(block.saturating_sub(1));
        match self.inner.client.provider().call(request).block(before).await {
            Ok(_) => "the call works on the block before; an earlier transaction of its block got in the way".to_owned(),
            Err(error) => revert_reason(&error).unwrap_or_else(|| "the endpoint can't tell the reason".to_owned()),
        }
    }

    async fn settle_unmined(
        &self,
        intent: &IntentRow,
        head: Head,
        sent: &mut HashSet<String>,
    ) -> Result<(), SenderError> {
        let attempts = self.inner.store.attempts(&intent.key).await?;
        let Some(newest) = attempts.first() else {
            return Err(ChainError::unexpected(
                format!("intent {:?}", intent.key),
                "it has no signed transaction; the store is damaged",
            )
            .into());
        };
        let fell_out = intent.state == IntentState::Mined;
        if fell_out {
            tracing::warn!(
                key = intent.key,
                "a reorg removed it, sending again: {}",
                intent.describe
            );
            self.inner.store.set_intent(&intent.key, IntentState::Pending, None, None).await?;
        }
        let too_late = intent.deadline.is_some_and(|deadline| head.timestamp > deadline);
        if too_late && !newest.cancels {
            return self.cancel(intent, newest).await;
        }
        let age = unix_now().saturating_sub(newest.created_at);
        if age >= self.inner.resubmit_after.as_secs().max(1) {
            return self.bump(intent, newest, head).await;
        }
        // Once per process: a node that was stopped before its broadcast must not wait for the
        // bump.
        if sent.insert(intent.key.clone()) || fell_out {
            self.broadcast(newest).await;
        }
        Ok(())
    }

    /// The same transaction with fees that replace the one before; at the cap, the same bytes
    /// again.
    async fn bump(
        &self,
        intent: &IntentRow,
        newest: &AttemptRow,
        head: Head,
    ) -> Result<(), SenderError> {
        let hurry = intent.deadline.is_some_and(|deadline| {
            deadline.saturating_sub(head.timestamp) < 5 * self.inner.resubmit_after.as_secs()
        });
        let cap = if hurry { self.inner.max_fee.saturating_mul(2) } else { self.inner.max_fee };
        let mut tx = Unsigned::of(newest)?;
        if tx.raise_fees(newest, self.fees(cap).await?) > cap {
            self.broadcast(newest).await;
            return Ok(());
        }
        metrics::counter!("oml_tx_bumps_total").increment(1);
        self.replace(intent, tx, newest.cancels).await
    }

    /// Frees the nonce of an intent that is useless by now; later nonces wait for it.
    async fn cancel(&self, intent: &IntentRow, newest: &AttemptRow) -> Result<(), SenderError> {
        tracing::warn!(
            key = intent.key,
            "its deadline passed, freeing its nonce: {}",
            intent.describe
        );
        let mut tx = Unsigned::of(newest)?;
        tx.cancel(self.account());
        tx.raise_fees(newest, self.fees(u128::MAX).await?);
        self.replace(intent, tx, true).await
    }

    async fn replace(
        &self,
        intent: &IntentRow,
        tx: Unsigned,
        cancels: bool,
    ) -> Result<(), SenderError> {
        let attempt = self.sign(&intent.key, tx, cancels).await?;
        self.inner.store.put_attempt(&attempt).await?;
        self.broadcast(&attempt).await;
        Ok(())
    }
}
