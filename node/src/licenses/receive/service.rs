//! Does at every head what is due for the copies of a host.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use alloy::primitives::B256;
use oml_contracts::rpc::abi::LicenseRegistry::acceptCopyCall;
use oml_contracts::{CopyKey, EthAddress, LicenseId, LicenseRef, ModelId, OfferId, SealedRoot};
use oml_prover::delivery::{CopyManifest, FETCH_PATIENCE, KnownManifest};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::copies::folder_of;
use super::super::error::LicenseError;
use super::super::key_step::CopyName;
use super::super::submit::submit;
use super::report::{CopyReport, CopyReports};
use super::step::{AcceptedBy, LocalCopy, ReceiveStep, receive_step};
use super::work::{CopyWork, WorkOutcome, opened_folder, work};
use crate::chain::{ChainClient, Head, Intent, Sender};
use crate::config::{CopySourceConfig, ReceiveConfig};
use crate::store::Store;
use crate::tasks::Tasks;

/// Copies of one owner's node on which is worked at the same time: an owner that sends slowly holds
/// up its own copies only.
const AT_ONCE: usize = 2;
/// Longest pause before what failed is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Receives the copies of the licenses that the node's account has bought.
#[derive(Debug)]
pub(in crate::licenses) struct ReceiveService {
    chain: ChainClient,
    store: Store,
    sender: Sender,
    tasks: Tasks,
    config: ReceiveConfig,
    reports: CopyReports,
    copies: HashMap<LicenseId, CopyState>,
    /// Nothing is left to do for these, unless the chain goes back.
    done: HashSet<LicenseId>,
    seen: Head,
    ended: mpsc::UnboundedSender<(LicenseId, WorkOutcome)>,
    endings: mpsc::UnboundedReceiver<(LicenseId, WorkOutcome)>,
}

/// What is known of one copy between two heads.
#[derive(Debug)]
struct CopyState {
    local: LocalCopy,
    url: String,
    running: Option<CancellationToken>,
    failures: u32,
    problem: Option<String>,
    /// Nothing is tried before.
    again_at: Option<Instant>,
}

impl ReceiveService {
    /// Prepares; starts nothing.
    pub(in crate::licenses) fn new(
        chain: ChainClient,
        store: Store,
        sender: Sender,
        tasks: Tasks,
        config: ReceiveConfig,
    ) -> Self {
        let (ended, endings) = mpsc::unbounded_channel();
        Self {
            chain,
            store,
            sender,
            tasks,
            config,
            reports: CopyReports::default(),
            copies: HashMap::new(),
            done: HashSet::new(),
            seen: Head::default(),
            ended,
            endings,
        }
    }

    /// How far each copy is.
    pub(in crate::licenses) fn reports(&self) -> CopyReports {
        self.reports.clone()
    }

    /// Acts after every head, and when work ends or may be tried again, until cancelled. What fails
    /// is logged, and the next head tries again.
    pub(in crate::licenses) async fn run(
        mut self,
        mut heads: watch::Receiver<Head>,
        cancel: CancellationToken,
    ) {
        loop {
            let head = *heads.borrow_and_update();
            if head.number > 0
                && let Err(error) = self.act(&head).await
            {
                tracing::warn!(%error, "copies can't be received for now");
            }
            let next = self.next_try();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                Some((license, outcome)) = self.endings.recv() => self.end(license, outcome),
                () = tokio::time::sleep_until(next) => {}
                changed = heads.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// When something that failed may be tried again.
    fn next_try(&self) -> Instant {
        let now = Instant::now();
        let waiting = self.copies.values().filter(|copy| copy.running.is_none());
        // What is past was tried, or waits for another copy's end.
        let next = waiting.filter_map(|copy| copy.again_at).filter(|at| *at > now).min();
        next.unwrap_or(now + LONGEST_PAUSE)
    }

    async fn act(&mut self, head: &Head) -> Result<(), LicenseError> {
        if head.number <= self.seen.number && head.hash != self.seen.hash {
            self.done.clear();
        }
        self.seen = *head;
        let mut failed = None;
        for row in self.store.licenses_of_host(self.sender.address()).await? {
            let id = row.license_id;
            if self.done.contains(&id) {
                continue;
            }
            let Some(offer) = self.store.offer(row.offer_id).await? else { continue };
            let sold = Sold { owner: offer.owner, model: offer.model_id, offer: offer.offer_id };
            let Some(source) = self.config.from.iter().find(|from| covers(from, &sold)) else {
                continue;
            };
            let url = source.url.clone();
            let license = LicenseRef { terms: offer.terms, host: row.host, nonce: row.nonce };
            // What fails for one license holds up no other.
            if let Err(error) = self.look_after(id, &license, url, head).await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn look_after(
        &mut self,
        id: LicenseId,
        license: &LicenseRef,
        url: String,
        head: &Head,
    ) -> Result<(), LicenseError> {
        let view = self.chain.reader().at(head.hash).license(id).await?;
        if !self.copies.contains_key(&id) {
            let copy = self.known(id, url).await?;
            self.copies.insert(id, copy);
        }
        let Some(copy) = self.copies.get_mut(&id) else { return Ok(()) };
        let by = if self.config.accept { AcceptedBy::Node } else { AcceptedBy::Person };
        let step = receive_step(&view, &copy.local, by, head.timestamp);
        if !matches!(step, ReceiveStep::Fetch { .. } | ReceiveStep::Open { .. }) {
            // Nobody needs any more what is still being fetched.
            if let Some(running) = &copy.running {
                running.cancel();
            }
        }
        self.say(id, &step);
        match step {
            ReceiveStep::Fetch { root } => self.start(id, root, None),
            ReceiveStep::Open { root, key } => self.start(id, Some(root), Some(key)),
            ReceiveStep::Accept(name) => self.accept(id, license, name, view.deadline).await?,
            ReceiveStep::Opened | ReceiveStep::Over | ReceiveStep::Elsewhere => {
                self.done.insert(id);
            }
            _ => {}
        }
        Ok(())
    }

    /// What the store and the folder say of a copy.
    async fn known(&self, id: LicenseId, url: String) -> Result<CopyState, LicenseError> {
        let dir = folder_of(&self.config.copies, id);
        let promised = self.store.kv_get(&promise_key(id)).await?;
        let local = LocalCopy {
            promised: promised.as_deref().and_then(CopyName::parse),
            here: CopyManifest::load(&dir, id).ok().map(|manifest| CopyName::of(&manifest)),
            checked: false,
            opened: opened_folder(&dir).is_dir(),
            rubbish: false,
        };
        let (running, problem, again_at) = (None, None, None);
        Ok(CopyState { local, url, running, failures: 0, problem, again_at })
    }

    fn say(&self, id: LicenseId, step: &ReceiveStep) {
        let Some(copy) = self.copies.get(&id) else { return };
        let dir = folder_of(&self.config.copies, id);
        let folder = if copy.local.opened { opened_folder(&dir) } else { dir };
        let report = CopyReport {
            state: step.state(),
            says: step.to_string(),
            folder,
            sealed_root: copy.local.here.map(|copy| copy.root),
            fetched: None,
            bytes: None,
            problem: copy.problem.clone(),
        };
        self.reports.put(id, step, report);
    }

    /// Starts to fetch, and to open if there is a key, unless it is being done, failed just now, or
    /// the same node sends enough.
    fn start(&mut self, id: LicenseId, root: Option<SealedRoot>, key: Option<CopyKey>) {
        let Some(copy) = self.copies.get(&id) else { return };
        let early = copy.again_at.is_some_and(|at| Instant::now() < at);
        let running = |other: &&CopyState| other.running.is_some() && other.url == copy.url;
        if copy.running.is_some()
            || early
            || self.copies.values().filter(running).count() >= AT_ONCE
        {
            return;
        }
        // The owner may have sealed the copy anew; once one is accepted, no other is taken.
        let renews = copy.failures > 0 && root.is_none();
        let order = CopyWork {
            license: id,
            url: copy.url.clone(),
            dir: folder_of(&self.config.copies, id),
            copy_keys: self.config.copy_keys.clone(),
            max_bytes: self.config.max_bytes,
            root,
            known_manifest: if renews { KnownManifest::Renew } else { KnownManifest::Keep },
            patience: FETCH_PATIENCE,
            key,
        };
        let cancel = self.tasks.cancel_token().child_token();
        let (stop, ended, reports) = (cancel.clone(), self.ended.clone(), self.reports.clone());
        let started = self.tasks.spawn_busy("copy of a license", async move {
            let outcome = tokio::select! {
                biased;
                () = stop.cancelled() => WorkOutcome::Stopped,
                outcome = work(&order, |now| reports.progress(id, now)) => outcome,
            };
            // A service that has stopped does not want to know.
            let _ = ended.send((id, outcome));
        });
        let Some(copy) = self.copies.get_mut(&id) else { return };
        match started {
            Ok(()) => copy.running = Some(cancel),
            Err(error) => copy.fail(id, error.to_string()),
        }
    }

    /// Takes what came of the work on a copy.
    fn end(&mut self, id: LicenseId, outcome: WorkOutcome) {
        let Some(copy) = self.copies.get_mut(&id) else { return };
        copy.running = None;
        match outcome {
            WorkOutcome::Checked(name) => {
                copy.succeed();
                (copy.local.here, copy.local.checked) = (Some(name), true);
            }
            WorkOutcome::Opened(name) => {
                copy.succeed();
                (copy.local.here, copy.local.checked) = (Some(name), true);
                copy.local.opened = true;
            }
            WorkOutcome::Rubbish { problem } => {
                copy.local.rubbish = true;
                copy.problem = Some(problem);
            }
            WorkOutcome::Failed { problem } => copy.fail(id, problem),
            WorkOutcome::Stopped => {}
        }
    }

    /// Accepts a copy once: which one is in the store before anything is sent, and never changes.
    async fn accept(
        &mut self,
        id: LicenseId,
        license: &LicenseRef,
        name: CopyName,
        deadline: u64,
    ) -> Result<(), LicenseError> {
        let key = promise_key(id);
        self.store.kv_put_new(&key, &name.to_string()).await?;
        let promised = self.store.kv_get(&key).await?.as_deref().and_then(CopyName::parse);
        if let Some(copy) = self.copies.get_mut(&id) {
            copy.local.promised = promised;
        }
        if promised != Some(name) {
            tracing::error!(license = %id, "another copy was about to be accepted before");
            return Ok(());
        }
        let call = acceptCopyCall {
            r#ref: license.try_into()?,
            sealedRoot: name.root.into(),
            keyHash: B256::from(name.key_hash),
        };
        let what = format!("acceptance of the copy of license {id}");
        submit(
            &self.sender,
            &self.chain,
            &format!("license/{id}/accept"),
            Some(deadline),
            |key, to| Intent::call(key, to, &call, what.as_str()),
        )
        .await
    }
}

impl CopyState {
    fn succeed(&mut self) {
        (self.failures, self.problem, self.again_at) = (0, None, None);
    }

    fn fail(&mut self, license: LicenseId, problem: String) {
        metrics::counter!("oml_copy_failures_total").increment(1);
        let pause = Duration::from_secs(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        tracing::warn!(%license, problem, again_in_s = pause.as_secs(), "a copy did not come");
        self.failures = self.failures.saturating_add(1);
        self.problem = Some(problem);
        self.again_at = Some(Instant::now() + pause);
    }
}

/// Where the store keeps which copy was about to be accepted.
fn promise_key(license: LicenseId) -> String {
    format!("license/{license}/promised-copy")
}

/// Which offer a license was sold under.
struct Sold {
    owner: EthAddress,
    model: ModelId,
    offer: OfferId,
}

/// Whether a license that was sold so is received from this node.
fn covers(from: &CopySourceConfig, sold: &Sold) -> bool {
    from.owner.is_none_or(|owner| owner == sold.owner)
        && from.model.is_none_or(|model| model == sold.model)
        && from.offer.is_none_or(|offer| offer == sold.offer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_license_is_received_only_where_all_that_is_given_applies() {
        let (owner, model) = (EthAddress::new([1; 20]), ModelId::new([2; 32]));
        let id = OfferId::new([3; 32]);
        let sold = Sold { owner, model, offer: id };
        let (stranger, other) = (EthAddress::new([9; 20]), ModelId::new([9; 32]));
        for (from, model_of, offer_of, expected) in [
            (Some(owner), None, None, true),
            (None, Some(model), None, true),
            (None, None, Some(id), true),
            (Some(owner), Some(model), Some(id), true),
            (Some(stranger), Some(model), Some(id), false),
            (Some(owner), Some(other), None, false),
            (Some(owner), None, Some(OfferId::new([9; 32])), false),
        ] {
            let url = "https://owner.example".to_owned();
            let source = CopySourceConfig { url, owner: from, model: model_of, offer: offer_of };
            assert_eq!(covers(&source, &sold), expected, "{source:?}");
        }
    }
}
