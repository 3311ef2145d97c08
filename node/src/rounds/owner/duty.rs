//! What the owner's node does after every head.

use std::collections::HashMap;
use std::sync::Arc;

use alloy::primitives::{Address, B256};
use oml_contracts::hash::deployment_hash;
use oml_contracts::round::{WordIndex, draw_bundles};
use oml_contracts::rpc::abi::LicenseRegistry::commitCasesCall;
use oml_contracts::rpc::abi::ProverRegistry::ProverAnnounced;
use oml_contracts::{DeploymentHash, EthAddress, LicenseId, LicenseRef, RoundId};

use super::delivery::HandOutOrder;
use super::opening::opening_call;
use super::{OpenableUniverse, OwnerError, TestedDeployment, Universes};
use crate::chain::{
    ChainClient, Head, Intent, LicenseStatus, Reader, Sender, Submitted, submit_once,
};
use crate::rounds::access::Access;
use crate::rounds::file::RoundFile;
use crate::rounds::words::{LicenseWords, RoundSecret};
use crate::store::{SealOrderRow, Store};
use alloy::sol_types::SolEvent as _;

/// Acts for the owner of models.
#[derive(Debug)]
pub struct OwnerDuty {
    pub(super) chain: ChainClient,
    pub(super) store: Store,
    /// Of the owner's account: commits and opens.
    pub(super) sender: Sender,
    /// Of whoever pays for seals.
    pub(super) payer: Sender,
    pub(super) universes: Arc<Universes>,
    pub(super) secret: RoundSecret,
    words: HashMap<LicenseId, Arc<LicenseWords>>,
}

/// A license of ours with its words.
#[derive(Debug, Clone)]
pub(super) struct OwnLicense {
    pub id: LicenseId,
    pub reference: LicenseRef,
    pub words: Arc<LicenseWords>,
}

impl OwnerDuty {
    /// Prepares; starts nothing.
    #[must_use]
    pub fn new(
        chain: ChainClient,
        store: Store,
        sender: Sender,
        payer: Sender,
        universes: Arc<Universes>,
        secret: RoundSecret,
    ) -> Self {
        Self { chain, store, sender, payer, universes, secret, words: HashMap::new() }
    }

    /// Licenses of our models that accept rounds.
    pub(super) async fn licenses(&mut self) -> Result<Vec<OwnLicense>, OwnerError> {
        let me = self.sender.address();
        let mut own = Vec::new();
        for row in self.store.licenses().await? {
            let Some(offer) = self.store.offer(row.offer_id).await? else { continue };
            if offer.owner != me || !offer.terms.accepts_rounds() {
                continue;
            }
            let secret = &self.secret;
            let words = self
                .words
                .entry(row.license_id)
                .or_insert_with(|| Arc::new(LicenseWords::new(secret, row.license_id)));
            own.push(OwnLicense {
                id: row.license_id,
                reference: LicenseRef { terms: offer.terms, host: row.host, nonce: row.nonce },
                words: Arc::clone(words),
            });
        }
        Ok(own)
    }

    /// Commits to the words of new licenses, and seals what was ordered.
    ///
    /// # Errors
    /// [`OwnerError`] if nothing can be read; failures of one license or order are logged.
    pub async fn prepare(&mut self, head: &Head) -> Result<(), OwnerError> {
        let reader = self.chain.reader().at(head.hash);
        let licenses = self.licenses().await?;
        for license in &licenses {
            self.commit_words(&reader, license).await?;
        }
        for order in self.store.seal_orders().await? {
            let Some(license) = licenses.iter().find(|l| l.id == order.license_id) else {
                continue;
            };
            if let Err(error) = self.seal(&reader, license, &order).await {
                tracing::warn!(order = order.order_id, %error, "this round is not sealed for now");
            }
        }
        Ok(())
    }

    async fn commit_words(&self, reader: &Reader, license: &OwnLicense) -> Result<(), OwnerError> {
        let view = reader.license(license.id).await?;
        let alive = matches!(
            view.status,
            LicenseStatus::Acquired | LicenseStatus::Seeded | LicenseStatus::Active
        );
        let root = license.words.words().root();
        if !view.cases_root.is_zero() {
            if view.cases_root != root {
                tracing::error!(
                    license = %license.id,
                    "the words on chain are not those of this rounds secret; no round can be opened with it"
                );
            }
            return Ok(());
        }
        if !alive {
            return Ok(());
        }
        let call =
            commitCasesCall { r#ref: (&license.reference).try_into()?, casesRoot: root.into() };
        let to: Address = self.chain.addresses().license_registry.into();
        let key = format!("license/{}/words/{root}", license.id);
        let what = format!("words of license {}", license.id);
        let make = |key: &str| Ok(Intent::call(key, to, &call, what.as_str()));
        report(&submit_once(&self.sender, &key, None, make).await?, &what);
        Ok(())
    }

    /// Whose round it is, if it is one of ours.
    pub(crate) async fn owns(
        &mut self,
        round: RoundId,
    ) -> Result<Option<(LicenseId, WordIndex)>, OwnerError> {
        let licenses = self.licenses().await?;
        let found = licenses
            .iter()
            .find_map(|license| license.words.index_of(round).map(|index| (license.id, index)));
        Ok(found)
    }

    async fn own_license(&mut self, id: LicenseId) -> Result<Option<OwnLicense>, OwnerError> {
        Ok(self.licenses().await?.into_iter().find(|license| license.id == id))
    }

    /// What a round was sealed for: by its order, or else by trying what the host has registered.
    pub(super) async fn tested(
        &self,
        license: LicenseId,
        index: WordIndex,
        file: &RoundFile,
    ) -> Result<TestedDeployment, OwnerError> {
        let salt = self.secret.deployment_salt(license, index);
        let orders = self.store.seal_orders().await?;
        let order = orders
            .into_iter()
            .find(|order| order.license_id == license && order.index == Some(index.get()));
        if let Some(order) = order {
            return Ok(TestedDeployment {
                uri: order.uri.clone(),
                salt,
                access: access_of(&order)?,
            });
        }
        for row in self.store.deployments(license).await? {
            let tested = TestedDeployment { uri: row.uri, salt, access: None };
            if tested.commitment() == file.view.deployment {
                return Ok(tested);
            }
        }
        Err(OwnerError::UnknownDeployment(file.id()))
    }

    pub(super) fn universe(
        &self,
        license: &LicenseRef,
    ) -> Result<Arc<OpenableUniverse>, OwnerError> {
        let (model, epoch) = (license.terms.model_id, license.terms.epoch);
        let found = self.universes.get(&(model, epoch)).cloned();
        found.ok_or(OwnerError::NoUniverse { model, epoch })
    }

    /// The bundles that a round draws, with what was burned since.
    pub(super) async fn bundles(
        &self,
        reader: &Reader,
        license: &LicenseRef,
        file: &RoundFile,
    ) -> Result<Vec<DrawnBundle>, OwnerError> {
        let Some(seed) = file.seed else { return Ok(Vec::new()) };
        let (model, epoch) = (license.terms.model_id, license.terms.epoch);
        let universe = reader.universe(model, epoch).await?;
        self.universe(license)?.require_root(universe.root)?;
        let sealed_on = day_of(file.view.sealed_at);
        let count = universe.personal_count / 16;
        // The draw asks for the days of those that it meets, so they are read first.
        let mut days = HashMap::new();
        loop {
            let mut unknown = None;
            let drawn = draw_bundles(&seed, count, file.view.seats / 2, |bundle| {
                let day = days.get(&bundle).copied().unwrap_or_else(|| {
                    unknown.get_or_insert(bundle);
                    None
                });
                day.is_some_and(|day: u16| day < sealed_on)
            });
            let Some(bundle) = unknown else {
                let burned = |bundle: &u32| days.get(bundle).copied().flatten().is_some();
                return Ok(drawn
                    .into_iter()
                    .map(|number| DrawnBundle { number, burned: burned(&number) })
                    .collect());
            };
            days.insert(bundle, reader.burned_on(model, epoch, bundle).await?);
        }
    }

    /// Orders the keys of every seat to be handed out.
    ///
    /// # Errors
    /// [`OwnerError`].
    pub(crate) async fn hand_out(
        &mut self,
        license: LicenseId,
        index: WordIndex,
        file: &RoundFile,
        head: &Head,
    ) -> Result<(), OwnerError> {
        let (Some(own), Some(seed)) = (self.own_license(license).await?, file.seed) else {
            return Ok(());
        };
        let reader = self.chain.reader().at(head.hash);
        let bundles = self.bundles(&reader, &own.reference, file).await?;
        let tested = self.tested(license, index, file).await?;
        for (seat, prover) in file.holders(&reader).await? {
            let Some(bundle) = bundles.get(seat.bundle()).filter(|bundle| !bundle.burned) else {
                continue;
            };
            let order = HandOutOrder {
                round: file.id(),
                seat,
                seed,
                prover,
                license,
                index: index.get(),
                bundle: bundle.number,
                model: own.reference.terms.model_id,
                epoch: own.reference.terms.epoch,
                deployment: tested.clone(),
                answer_until: file.row.answer_until,
            };
            if self.store.enqueue(&order.job()).await? {
                tracing::info!(round = %file.id(), %seat, %prover, "handing out keys");
            }
        }
        Ok(())
    }

    /// Opens a round.
    ///
    /// # Errors
    /// [`OwnerError`].
    pub(crate) async fn open(
        &mut self,
        license: LicenseId,
        index: WordIndex,
        file: &RoundFile,
        head: &Head,
    ) -> Result<(), OwnerError> {
        let Some(own) = self.own_license(license).await? else { return Ok(()) };
        let call = opening_call(self, &own, index, file, head).await?;
        let rounds: Address = self.chain.addresses().rounds.into();
        let seed = file.seed.unwrap_or_default();
        let key = format!("round/{}/open/{seed}", file.id());
        let what = format!("opening of round {}", file.id());
        let make = |key: &str| Ok(Intent::call(key, rounds, &call, what.as_str()));
        let deadline = Some(file.row.open_until);
        report(&submit_once(&self.sender, &key, deadline, make).await?, &what);
        Ok(())
    }
}

/// A drawn bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DrawnBundle {
    pub number: u32,
    /// By another round since the day of the seal: its leaves are misses.
    pub burned: bool,
}

/// Day of a time, counted from 1970, as the registry counts.
fn day_of(time: u64) -> u16 {
    u16::try_from(time / 86_400).unwrap_or(u16::MAX)
}

/// What an order says of access.
pub(super) fn access_of(order: &SealOrderRow) -> Result<Option<Access>, OwnerError> {
    Ok(order.access.as_deref().map(Access::from_json).transpose()?)
}

/// Hash of what an order tests.
pub(super) fn deployment_of(order: &SealOrderRow) -> DeploymentHash {
    deployment_hash(&order.uri)
}

/// Where a prover takes hand-outs, as it announced last.
pub(super) async fn inbox_of(
    store: &Store,
    prover: EthAddress,
) -> Result<Option<(String, [u8; 32])>, crate::store::StoreError> {
    let subject = B256::left_padding_from(prover.as_bytes());
    let events = store.events_named(subject, "ProverAnnounced").await?;
    let announced = events.last().and_then(|row| ProverAnnounced::abi_decode_data(&row.data).ok());
    Ok(announced.map(|(key, inbox)| (inbox, key.0)))
}

pub(super) fn report(submitted: &Submitted, what: &str) {
    match submitted {
        Submitted::Sent { key } => tracing::info!(key, "{what}: sent"),
        Submitted::UnderWay => tracing::debug!("{what}: under way"),
        Submitted::NotNow { reason } => tracing::debug!(reason, "{what}: would revert"),
        Submitted::GivenUp { reason } => {
            metrics::counter!("oml_round_given_up_total").increment(1);
            tracing::error!(reason, "{what}: every try failed; a person must look at it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_the_registrys() {
        assert_eq!(day_of(0), 0);
        assert_eq!(day_of(86_399), 0);
        assert_eq!(day_of(86_400), 1);
        assert_eq!(day_of(u64::MAX), u16::MAX);
    }
}
