//! Delivers the keys of accepted copies for an owner, and fetches its fees.
//!
//! The owner puts sealed copies, as `oml license seal` makes them, into one folder: `<license
//! id>/`. Everything else follows from the chain.

use std::collections::HashMap;
use std::path::PathBuf;

use oml_contracts::rpc::abi::LicenseRegistry::{deliverKeyCall, releaseFeeCall};
use oml_contracts::{LicenseId, LicenseRef, chains};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::copies::{folder_of, own_copy};
use super::error::LicenseError;
use super::key_step::{Acceptance, HostAnswer, KeyStep, key_step};
use super::submit::submit;
use crate::chain::{ChainClient, Head, Intent, LicenseStatus, LicenseView, Reader, Sender};
use crate::clock::unix_now;
use crate::store::Store;

/// Puts keys on chain and fetches fees.
#[derive(Debug)]
pub(crate) struct DeliveryService {
    chain: ChainClient,
    store: Store,
    sender: Sender,
    copies: PathBuf,
    /// Nothing is to be done for these until this chain time, Unix seconds; forgotten when the
    /// chain goes back.
    quiet_until: HashMap<LicenseId, u64>,
    seen: Head,
}

impl DeliveryService {
    /// Prepares; starts nothing. `copies` holds the sealed copies.
    pub(crate) fn new(chain: ChainClient, store: Store, sender: Sender, copies: PathBuf) -> Self {
        let (quiet_until, seen) = (HashMap::new(), Head::default());
        Self { chain, store, sender, copies, quiet_until, seen }
    }

    /// Acts after every head until cancelled. What fails is logged, and the next head tries again.
    pub(crate) async fn run(mut self, mut heads: watch::Receiver<Head>, cancel: CancellationToken) {
        loop {
            let head = *heads.borrow_and_update();
            if head.number > 0
                && let Err(error) = self.act(&head).await
            {
                tracing::warn!(%error, "copies can't be looked after for now");
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                changed = heads.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn act(&mut self, head: &Head) -> Result<(), LicenseError> {
        if head.number < self.seen.number {
            self.quiet_until.clear();
        }
        self.seen = *head;
        let me = self.sender.address();
        let mut failed = None;
        for row in self.store.licenses().await? {
            let id = row.license_id;
            if self.quiet_until.get(&id).is_some_and(|until| head.timestamp <= *until) {
                continue;
            }
            let Some(offer) = self.store.offer(row.offer_id).await?.filter(|o| o.owner == me)
            else {
                continue;
            };
            let license = LicenseRef { terms: offer.terms, host: row.host, nonce: row.nonce };
            // What fails for one license holds up no other.
            if let Err(error) = self.look_after(id, &license, head).await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn look_after(
        &mut self,
        id: LicenseId,
        license: &LicenseRef,
        head: &Head,
    ) -> Result<(), LicenseError> {
        let view = &self.chain.reader().at(head.hash).license(id).await?;
        match view.status {
            LicenseStatus::Accepted => self.deliver(id, license, view, head).await,
            LicenseStatus::Active | LicenseStatus::Terminated => {
                let trial_over = view.trial_end != 0 && head.timestamp > view.trial_end;
                if view.fee_due || trial_over {
                    return self.release(id, license, view).await;
                }
                let until = if view.trial_end == 0 { u64::MAX } else { view.trial_end };
                self.quiet_until.insert(id, until);
                Ok(())
            }
            LicenseStatus::Cancelled => {
                self.quiet_until.insert(id, u64::MAX);
                Ok(())
            }
            LicenseStatus::None | LicenseStatus::Acquired | LicenseStatus::Seeded => Ok(()),
        }
    }

    async fn deliver(
        &self,
        id: LicenseId,
        license: &LicenseRef,
        view: &LicenseView,
        head: &Head,
    ) -> Result<(), LicenseError> {
        // A manifest has 32 bytes per MiB of the copy, so no thread of its own.
        let (own, secrets) = match own_copy(&folder_of(&self.copies, id), id) {
            Ok(own) => own,
            Err(error) => {
                tracing::error!(license = %id, %error, "the host waits for a key that is not here");
                return Ok(());
            }
        };
        // A development node's blocks are never taken back.
        let local = chains::is_local(self.chain.addresses().chain_id);
        let is_final = local || {
            let then = self.chain.reader().at_number(head.finalized).license(id).await?;
            then.status == view.status && then.sealed_root == view.sealed_root
        };
        let answer = HostAnswer::Accepted(Acceptance {
            root: view.sealed_root,
            key_hash: *view.copy_key.as_bytes(),
            deadline: view.deadline,
            is_final,
        });
        // An endpoint that has stopped says an early time for ever.
        match key_step(&answer, &own, head.timestamp.max(unix_now())) {
            KeyStep::Send => {}
            step if step.is_final() => {
                tracing::error!(license = %id, "the key of the copy is not sent: {step}");
                return Ok(());
            }
            _ => return Ok(()),
        }
        if !self.is_confirmed(id, view, head).await? {
            return Ok(());
        }
        let call = deliverKeyCall { r#ref: license.try_into()?, key: secrets.copy_key().into() };
        let key = format!("license/{id}/key");
        let what = format!("key of license {id}");
        // Fees rise before it, and past it no key is shown for the first time.
        let deadline = Some(view.deadline);
        submit(&self.sender, &self.chain, &key, deadline, |key, to| {
            Intent::call(key, to, &call, what.as_str())
        })
        .await
    }

    /// Whether two endpoints show what pays for the key, where two can be asked: whoever sees the
    /// key has it, so one endpoint's word is not enough.
    async fn is_confirmed(
        &self,
        id: LicenseId,
        view: &LicenseView,
        head: &Head,
    ) -> Result<bool, LicenseError> {
        let what = format!("the accepted copy of license {id}");
        let read = |reader: Reader| async move { reader.license(id).await };
        Ok(self.chain.confirmed(&what, head.hash, read).await? == *view)
    }

    async fn release(
        &self,
        id: LicenseId,
        license: &LicenseRef,
        view: &LicenseView,
    ) -> Result<(), LicenseError> {
        let call = releaseFeeCall { r#ref: license.try_into()? };
        // Two parts at most: what is due now, and what the trial held.
        let part = if view.fee_due { "first" } else { "trial" };
        let key = format!("license/{id}/fee/{part}");
        let what = format!("fee of license {id}");
        submit(&self.sender, &self.chain, &key, None, |key, to| {
            Intent::call(key, to, &call, what.as_str())
        })
        .await
    }
}
