//! Reads every open case after each head and does what the machine decides.
//!
//! Nothing is kept between heads but caches of what can't change, so any number of nodes and
//! restarts lead to the same steps.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use oml_contracts::case::keys_hash;
use oml_contracts::hash::{keccak256, plain_request_hash, request_hash};
use oml_contracts::rpc::abi::ChallengeManager::LeafOpening;
use oml_contracts::LicenseRef;
use oml_contracts::{CaseId, EthAddress, KeyHash, ModelId, QuestionsHash};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::case_file::{CaseFile, PaidRequest};
use super::machine::{self, Action, Actor, Phase, Role};
use super::opening::{OpeningError, tag_sheets};
use super::plan::Calls;
use super::questions::{QuestionSet, QuestionsError};
use super::reading::{CaseReader, ReadError};
use super::secrets::{commitment_of, secret_for};
use super::submit::{SubmitError, Submitted, submit_once};
use super::universe::{SecretUniverse, UniverseError};
use crate::chain::{CaseStatus, ChainClient, ChainError, Head, Sender};
use crate::checks::CheckOrder;
use crate::store::{CaseRow, CaseSecret, Store, StoreError, VoucherRow};

/// Seconds after which somebody who has no part in a case draws or resolves it.
const OUTSIDER_PATIENCE: u64 = 300;

/// Universes whose secrets the node holds.
pub type Universes = BTreeMap<(ModelId, u32), Arc<SecretUniverse>>;

/// Why a step of a case could not be done now. The next head tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sending failed.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The universe is not the committed one.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// No questions can be made.
    #[error(transparent)]
    Questions(#[from] QuestionsError),
    /// The leaves can't be opened.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// The questions on chain are not those that this universe gives.
    #[error(
        "the questions of case {0} on chain are not the ones that this node makes from its universe; were they posted by another version?"
    )]
    ForeignQuestions(CaseId),
}

/// What the service is told about this node.
#[derive(Debug, Clone)]
pub struct Duties {
    /// Whether to act for models that this account owns.
    pub owner: bool,
    /// Whether to act in committees.
    pub prover: bool,
    /// Whether to defend licenses that this account hosts.
    pub host: bool,
    /// Decoys per case; the contract's minimum if less or absent.
    pub decoys: Option<u16>,
}

/// Acts in cases.
#[derive(Debug)]
pub struct CaseService {
    reader: CaseReader,
    chain: ChainClient,
    store: Store,
    sender: Sender,
    duties: Duties,
    universes: Arc<Universes>,
    licenses: HashMap<CaseId, LicenseRef>,
    /// By questions too: a reorg can draw other bundles.
    opened: HashMap<(CaseId, QuestionsHash), Vec<KeyHash>>,
}

impl CaseService {
    /// Prepares; starts nothing.
    #[must_use]
    pub fn new(
        reader: CaseReader,
        chain: ChainClient,
        store: Store,
        sender: Sender,
        duties: Duties,
        universes: Arc<Universes>,
    ) -> Self {
        let (licenses, opened) = (HashMap::new(), HashMap::new());
        Self { reader, chain, store, sender, duties, universes, licenses, opened }
    }

    /// Acts after every head until cancelled. A case that fails is tried again at the next head.
    ///
    /// # Errors
    /// None: failures are logged and counted.
    pub async fn run(
        mut self,
        mut heads: watch::Receiver<Head>,
        cancel: CancellationToken,
    ) -> Result<(), StepError> {
        loop {
            let head = *heads.borrow_and_update();
            if head.number > 0
                && let Err(error) = self.act(&head).await
            {
                tracing::warn!(%error, block = head.number, "cases could not be read");
            }
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    /// Does what is due in every open case at `head`.
    ///
    /// # Errors
    /// [`StepError`] if the list of cases can't be read; failures inside one case are logged.
    pub async fn act(&mut self, head: &Head) -> Result<(), StepError> {
        let mut least_margin: Option<u64> = None;
        for row in self.store.cases(true).await? {
            match self.act_in(&row, head).await {
                Ok(margin) => {
                    least_margin = [least_margin, margin].into_iter().flatten().min();
                }
                Err(error) => {
                    metrics::counter!("oml_case_errors_total").increment(1);
                    tracing::warn!(case = %row.case_id, %error, "no step in this case for now");
                }
            }
        }
        // No deadline of ours is open: infinitely much time, in the words of Prometheus.
        let margin = least_margin.map_or(f64::INFINITY, |seconds| seconds as f64);
        metrics::gauge!("oml_deadline_margin_seconds").set(margin);
        Ok(())
    }

    async fn act_in(&mut self, row: &CaseRow, head: &Head) -> Result<Option<u64>, StepError> {
        let license = self.license_of(row).await?;
        let file = self.reader.read(row.case_id, &license, head).await?;
        if machine::phase(&file, head.timestamp) == Phase::Closed {
            self.forget(row.case_id);
            return Ok(None);
        }
        let mut margin = None;
        for actor in self.actors(&file).await? {
            margin = [margin, machine::margin(&file, &actor, head.timestamp)]
                .into_iter()
                .flatten()
                .min();
            let Some(action) = machine::next_action(&file, &actor, head.timestamp) else {
                continue;
            };
            self.perform(&file, &license, &actor, action, head).await?;
        }
        Ok(margin)
    }

    async fn license_of(&mut self, row: &CaseRow) -> Result<LicenseRef, StepError> {
        if let Some(license) = self.licenses.get(&row.case_id) {
            return Ok(license.clone());
        }
        let license = self.reader.license_ref(row.license_id).await?;
        self.licenses.insert(row.case_id, license.clone());
        Ok(license)
    }

    fn forget(&mut self, case: CaseId) {
        self.licenses.remove(&case);
        self.opened.retain(|(known, _), _| *known != case);
    }

    /// What this account is in the case.
    async fn actors(&mut self, file: &CaseFile) -> Result<Vec<Actor>, StepError> {
        let address = self.sender.address();
        let patience = patience(address, self.duties.prover, file);
        let mut roles = Vec::new();
        if self.duties.owner && file.owner == address {
            let has_universe = self.universes.contains_key(&(file.model, file.epoch));
            roles.push(Role::Owner { has_universe });
        }
        if self.duties.prover {
            roles.push(Role::Prover { answers: self.answers(file, address).await? });
        }
        if self.duties.host && file.host == address {
            roles.push(Role::Host { paid: self.paid(file).await? });
        }
        if roles.is_empty() {
            roles.push(Role::Observer);
        }
        Ok(roles.into_iter().map(|role| Actor { address, role, patience }).collect())
    }

    /// Commitment to our stored tags, see [`secret_for`].
    async fn answers(
        &self,
        file: &CaseFile,
        me: EthAddress,
    ) -> Result<Option<oml_contracts::Commitment>, StepError> {
        Ok(self.secret(file, me).await?.map(|secret| commitment_of(&secret)))
    }

    async fn secret(
        &self,
        file: &CaseFile,
        me: EthAddress,
    ) -> Result<Option<CaseSecret>, StepError> {
        if file.member(&me).is_none() {
            return Ok(None);
        }
        Ok(secret_for(&self.store, file.case.id, me, file.case.questions_hash).await?)
    }

    /// Opened fingerprints for which we keep a member's voucher.
    async fn paid(&mut self, file: &CaseFile) -> Result<Vec<PaidRequest>, StepError> {
        if file.case.status != CaseStatus::Rebuttal {
            return Ok(Vec::new());
        }
        let Some(keys) = self.opened_keys(file).await? else { return Ok(Vec::new()) };
        let mut paid = Vec::new();
        for (fingerprint, key) in (0_u16..).zip(&keys) {
            if !file.is_standing_hit(fingerprint) {
                continue;
            }
            for voucher in self.vouchers(file, *key).await? {
                let member = paying_member(file, &voucher);
                paid.extend(member.map(|member| PaidRequest { fingerprint, member }));
            }
        }
        Ok(paid)
    }

    async fn vouchers(&self, file: &CaseFile, key: KeyHash) -> Result<Vec<VoucherRow>, StepError> {
        let license = file.case.license_id;
        let asked = request_hash(file.model, key);
        let mut vouchers = self.store.voucher_for_request(license, asked).await?;
        let plain = plain_request_hash(file.model, key);
        vouchers.extend(self.store.voucher_for_request(license, plain).await?);
        Ok(vouchers)
    }

    async fn opened_keys(&mut self, file: &CaseFile) -> Result<Option<Vec<KeyHash>>, StepError> {
        let place = (file.case.id, file.case.questions_hash);
        if let Some(keys) = self.opened.get(&place) {
            return Ok(Some(keys.clone()));
        }
        let keys = self.reader.opened_keys(file.case.id).await?;
        // Of an opening that a reorg has undone, or through a contract that repeats other calls.
        let keys = keys.filter(|keys| keys_hash(keys) == file.case.keys_hash);
        if let Some(keys) = &keys {
            self.opened.insert(place, keys.clone());
        }
        Ok(keys)
    }

    async fn perform(
        &mut self,
        file: &CaseFile,
        license: &LicenseRef,
        actor: &Actor,
        action: Action,
        head: &Head,
    ) -> Result<(), StepError> {
        let manager = self.chain.addresses().challenge_manager.into();
        let calls = Calls { manager, file, license };
        let key = action.key(file, actor);
        let deadline = Some(machine::advanced(file, head.timestamp).1);
        let sender = self.sender.clone();
        let submitted = match action {
            Action::Ask => return self.order_check(file, actor, head).await,
            Action::Draw => submit_once(&sender, &key, deadline, |key| calls.draw(key)).await?,
            Action::Resolve => submit_once(&sender, &key, None, |key| calls.resolve(key)).await?,
            Action::PostQuestions => {
                let set = self.questions(file, head).await?;
                self.keep_plan(file, &set).await?;
                submit_once(&sender, &key, deadline, |key| {
                    calls.post_questions(key, set.hash(), set.count())
                })
                .await?
            }
            Action::CommitTags => {
                let Role::Prover { answers: Some(answers) } = actor.role else { return Ok(()) };
                submit_once(&sender, &key, deadline, |key| Ok(calls.commit(key, answers))).await?
            }
            Action::RevealTags => {
                let secret = self.secret(file, actor.address).await?;
                let Some(secret) = secret else { return Ok(()) };
                submit_once(&sender, &key, deadline, |key| Ok(calls.reveal(key, &secret))).await?
            }
            Action::OpenLeaves => self.open_leaves(file, &calls, &key, deadline).await?,
            Action::Rebut(_) => return self.rebut(file, &calls, actor, deadline).await,
        };
        report(file, action, &submitted);
        Ok(())
    }

    fn universe(&self, file: &CaseFile) -> Result<Arc<SecretUniverse>, StepError> {
        let found = self.universes.get(&(file.model, file.epoch)).cloned();
        found.ok_or(StepError::ForeignQuestions(file.case.id))
    }

    async fn questions(&self, file: &CaseFile, head: &Head) -> Result<QuestionSet, StepError> {
        let universe = self.universe(file)?;
        let on_chain = self.chain.reader().at(head.hash).universe(file.model, file.epoch).await?;
        universe.require_root(on_chain.root)?;
        let decoys = self.duties.decoys.unwrap_or(0).max(file.rules.min_decoys.into());
        Ok(universe.questions(file.case.id, &file.case.bundles, decoys.into())?)
    }

    /// Before anything is posted: what was chosen, so that a person can tell later.
    async fn keep_plan(&self, file: &CaseFile, set: &QuestionSet) -> Result<(), StepError> {
        let record = serde_json::json!(set.record(&file.case.bundles));
        if !self.store.put_case_plan(file.case.id, &record).await? {
            tracing::debug!(case = %file.case.id, "a plan of this case is kept already");
        }
        Ok(())
    }

    async fn open_leaves(
        &self,
        file: &CaseFile,
        calls: &Calls<'_>,
        key: &str,
        deadline: Option<u64>,
    ) -> Result<Submitted, StepError> {
        let universe = self.universe(file)?;
        let set = posted_questions(&universe, file)?;
        let bundles = universe.open(&file.case.bundles, &set)?;
        let revealed = self.reader.revealed_tags(file.case.id).await?;
        let (sheets, sheet_of) = tag_sheets(&file.members, &revealed)?;
        let given = LeafOpening {
            bundles,
            decoyHashes: set.decoy_hashes().into_iter().map(Into::into).collect(),
            sheets,
            sheetOf: sheet_of,
        };
        Ok(submit_once(&self.sender, key, deadline, |key| calls.open_leaves(key, given.clone()))
            .await?)
    }

    /// All rebuttals that are worth it: their window is short, and they do not depend on each other.
    async fn rebut(
        &mut self,
        file: &CaseFile,
        calls: &Calls<'_>,
        actor: &Actor,
        deadline: Option<u64>,
    ) -> Result<(), StepError> {
        let Some(keys) = self.opened_keys(file).await? else { return Ok(()) };
        for paid in machine::rebuttals(file, actor) {
            let Some(key_hash) = keys.get(usize::from(paid.fingerprint)) else { continue };
            let vouchers = self.vouchers(file, *key_hash).await?;
            let voucher = vouchers.iter().find(|v| paying_member(file, v) == Some(paid.member));
            let Some(voucher) = voucher else { continue };
            let action = Action::Rebut(paid);
            let submitted = submit_once(&self.sender, &action.key(file, actor), deadline, |key| {
                calls.rebut(key, paid.fingerprint, &keys, voucher)
            })
            .await?;
            report(file, action, &submitted);
        }
        Ok(())
    }

    async fn order_check(
        &self,
        file: &CaseFile,
        actor: &Actor,
        head: &Head,
    ) -> Result<(), StepError> {
        let order = CheckOrder::of(file, actor.address);
        if self.store.enqueue(&order.job()).await? {
            tracing::info!(case = %file.case.id, block = head.number, "asking the deployment");
        }
        Ok(())
    }
}

/// The questions that were posted: rebuilt, and held against the hash on chain.
///
/// # Errors
/// [`StepError::Questions`], [`StepError::ForeignQuestions`].
pub(super) fn posted_questions(
    universe: &SecretUniverse,
    file: &CaseFile,
) -> Result<QuestionSet, StepError> {
    let decoys = usize::from(file.case.question_count).saturating_sub(file.fingerprint_count());
    let set = universe.questions(file.case.id, &file.case.bundles, decoys)?;
    if set.hash() != file.case.questions_hash {
        return Err(StepError::ForeignQuestions(file.case.id));
    }
    Ok(set)
}

/// As the contract decides it: the first member that signed or paid.
fn paying_member(file: &CaseFile, voucher: &VoucherRow) -> Option<EthAddress> {
    let signer = if voucher.signer.is_zero() { voucher.payer } else { voucher.signer };
    let is_payer = |address: &EthAddress| *address == signer || *address == voucher.payer;
    file.members.iter().map(|member| member.address).find(is_payer)
}

/// Seconds to leave a shared step to others: parties first, then provers, who are paid by the case, in
/// an order of chance; outsiders only when nobody else moves.
fn patience(me: EthAddress, is_prover: bool, file: &CaseFile) -> u64 {
    if me == file.owner || me == file.host || me == file.case.reporter {
        return 0;
    }
    let [place, ..] = keccak256(&[me.as_bytes().as_slice(), file.case.id.as_bytes()].concat());
    let spread = u64::from(place % 8) * 3;
    let may_be_member = is_prover && (file.members.is_empty() || file.member(&me).is_some());
    if may_be_member { spread } else { OUTSIDER_PATIENCE + spread }
}

fn report(file: &CaseFile, action: Action, submitted: &Submitted) {
    let case = file.case.id;
    let step = action.name();
    match submitted {
        Submitted::Sent { key } => {
            metrics::counter!("oml_case_actions_total", "action" => step).increment(1);
            tracing::info!(%case, step, key, "sent");
        }
        Submitted::UnderWay => tracing::debug!(%case, step, "under way"),
        Submitted::NotNow { reason } => tracing::debug!(%case, step, reason, "would revert"),
        Submitted::GivenUp { reason } => {
            metrics::counter!("oml_case_given_up_total", "action" => step).increment(1);
            tracing::error!(%case, step, reason, "every try failed; a person must look at this case");
        }
    }
}
