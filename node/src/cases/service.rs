//! Reads every open case after each head and does what the machine decides.
//!
//! Nothing is kept between heads but caches of what can't change, so any number of nodes and
//! restarts lead to the same steps.

use std::collections::HashMap;
use std::sync::Arc;

use oml_contracts::LicenseRef;
use oml_contracts::hash::keccak256;
use oml_contracts::{CaseId, Commitment, EthAddress};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use super::case_file::CaseFile;
use super::host::{RebuttalError, Rebuttals};
use super::machine::{self, Action, Actor, Phase, Role};
use super::owner::{OwnerActs, OwnerError, Universes};
use super::prover::{CheckOrder, commitment_of, secret_for};
use super::reading::{CaseReader, ReadError};
use crate::chain::beacon::RoundOrders;
use crate::chain::{ChainClient, Head, Sender, SubmitError, Submitted, submit_once};
use crate::store::{CaseRow, CaseScope, CaseSecret, Store, StoreError};

/// Seconds after which somebody who has no part in a case draws or resolves it.
const OUTSIDER_PATIENCE: u64 = 300;

/// Why a step of a case could not be done now. The next head tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The case can't be read now.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The transaction could not be submitted.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The owner's step failed.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The host's step failed.
    #[error(transparent)]
    Rebuttal(#[from] RebuttalError),
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
    rounds: RoundOrders,
    duties: Duties,
    owner: OwnerActs,
    rebuttals: Rebuttals,
    licenses: HashMap<CaseId, LicenseRef>,
}

impl CaseService {
    /// Prepares; starts nothing.
    #[must_use]
    pub fn new(
        reader: CaseReader,
        sender: Sender,
        rounds: RoundOrders,
        duties: Duties,
        universes: Arc<Universes>,
    ) -> Self {
        let (chain, store) = (reader.chain().clone(), reader.store().clone());
        let owner = OwnerActs {
            reader: reader.clone(),
            chain: chain.clone(),
            store: store.clone(),
            universes,
            decoys: duties.decoys,
        };
        let rebuttals = Rebuttals::new(reader.clone(), store.clone());
        let licenses = HashMap::new();
        Self { reader, chain, store, sender, rounds, duties, owner, rebuttals, licenses }
    }

    /// Acts after every head until cancelled. What fails is logged, counted and tried again at the
    /// next head.
    pub async fn run(mut self, mut heads: watch::Receiver<Head>, cancel: CancellationToken) {
        loop {
            let head = *heads.borrow_and_update();
            if head.number > 0
                && let Err(error) = self.act(&head).await
            {
                tracing::warn!(%error, block = head.number, "cases could not be read");
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = heads.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Does what is due in every open case at `head`.
    ///
    /// # Errors
    /// [`StepError`] if the list of cases can't be read; failures inside one case are logged.
    pub async fn act(&mut self, head: &Head) -> Result<(), StepError> {
        let mut least_margin: Option<u64> = None;
        for row in self.store.cases(CaseScope::Open).await? {
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
        self.rebuttals.forget(case);
    }

    /// What this account is in the case.
    async fn actors(&mut self, file: &CaseFile) -> Result<Vec<Actor>, StepError> {
        let address = self.sender.address();
        let patience = patience(address, self.duties.prover, file);
        let mut roles = Vec::new();
        if self.duties.owner && file.owner == address {
            let has_universe = self.owner.holds_universe_of(file);
            roles.push(Role::Owner { has_universe });
        }
        if self.duties.prover {
            let commitment = self.commitment(file, address).await?;
            roles.push(Role::Prover { commitment });
        }
        if self.duties.host && file.host == address {
            roles.push(Role::Host { paid: self.rebuttals.paid(file).await? });
        }
        if roles.is_empty() {
            roles.push(Role::Observer);
        }
        Ok(roles.into_iter().map(|role| Actor { address, role, patience }).collect())
    }

    /// Commitment to our stored tags, see [`secret_for`].
    async fn commitment(
        &self,
        file: &CaseFile,
        me: EthAddress,
    ) -> Result<Option<Commitment>, StepError> {
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
            Action::Bring => return Ok(self.rounds.order(file.case.seed_round).await?),
            Action::Draw => submit_once(&sender, &key, deadline, |key| calls.draw(key)).await?,
            Action::Resolve => submit_once(&sender, &key, None, |key| calls.resolve(key)).await?,
            Action::PostQuestions => {
                let set = self.owner.questions(file, head).await?;
                submit_once(&sender, &key, deadline, |key| {
                    calls.post_questions(key, set.hash(), set.count())
                })
                .await?
            }
            Action::CommitTags => {
                let Role::Prover { commitment: Some(tags) } = actor.role else { return Ok(()) };
                submit_once(&sender, &key, deadline, |key| Ok(calls.commit(key, tags))).await?
            }
            Action::RevealTags => {
                let secret = self.secret(file, actor.address).await?;
                let Some(secret) = secret else { return Ok(()) };
                submit_once(&sender, &key, deadline, |key| Ok(calls.reveal(key, &secret))).await?
            }
            Action::OpenLeaves => {
                let given = self.owner.opening(file).await?;
                submit_once(&sender, &key, deadline, |key| calls.open_leaves(key, given.clone()))
                    .await?
            }
            Action::Rebut(_) => return self.rebut(&calls, actor, deadline).await,
        };
        report(file, action, &submitted);
        Ok(())
    }

    async fn rebut(
        &mut self,
        calls: &Calls<'_>,
        actor: &Actor,
        deadline: Option<u64>,
    ) -> Result<(), StepError> {
        for rebuttal in self.rebuttals.due(calls.file, actor).await? {
            let action = Action::Rebut(rebuttal.paid);
            let key = action.key(calls.file, actor);
            let make = |key: &str| calls.rebut(key, &rebuttal);
            let submitted = submit_once(&self.sender, &key, deadline, make).await?;
            report(calls.file, action, &submitted);
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

/// Seconds to leave a shared step to others: parties first, then provers, who are paid by the case,
/// in an order of chance; outsiders only when nobody else moves.
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
