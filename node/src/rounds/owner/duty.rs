//! What the owner's part works with: its accounts, its licenses, what a round of theirs tests and
//! opens.

use std::collections::HashMap;
use std::sync::Arc;

use oml_contracts::hash::deployment_hash;
use oml_contracts::round::{WordIndex, draw_bundles};
use oml_contracts::{DeploymentHash, LicenseId, LicenseRef};

use super::{OpenableUniverse, OwnerError, TestedDeployment, Universes};
use crate::chain::{ChainClient, Reader, Sender};
use crate::rounds::access::Access;
use crate::rounds::file::RoundFile;
use crate::rounds::words::{LicenseWords, RoundSecret};
use crate::store::{SealOrderRow, Store};

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

    pub(super) async fn own_license(
        &mut self,
        id: LicenseId,
    ) -> Result<Option<OwnLicense>, OwnerError> {
        Ok(self.licenses().await?.into_iter().find(|license| license.id == id))
    }

    /// What a round was sealed for: what was ordered or what the host has registered, whichever
    /// the seal commits to.
    pub(super) async fn tested(
        &self,
        license: LicenseId,
        index: WordIndex,
        file: &RoundFile,
    ) -> Result<TestedDeployment, OwnerError> {
        let salt = self.secret.deployment_salt(license, index);
        // What was sealed decides, not the order's word: a node that has lost its database may have
        // given the word to another order.
        for order in self.store.seal_orders().await? {
            if order.license_id != license {
                continue;
            }
            let access = access_of(&order)?;
            let tested = TestedDeployment { uri: order.uri, salt, access };
            if tested.commitment() == file.view.deployment {
                return Ok(tested);
            }
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
    ) -> Result<Vec<BundleState>, OwnerError> {
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
                    .map(|number| BundleState { number, burned: burned(&number) })
                    .collect());
            };
            days.insert(bundle, reader.burned_on(model, epoch, bundle).await?);
        }
    }
}

/// A drawn bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BundleState {
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
