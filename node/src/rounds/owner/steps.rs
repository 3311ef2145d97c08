//! What the owner's node does after every head.

use alloy::primitives::Address;
use oml_contracts::round::WordIndex;
use oml_contracts::rpc::abi::LicenseRegistry::commitCasesCall;
use oml_contracts::{LicenseId, RoundId};

use super::delivery::HandOutOrder;
use super::duty::OwnLicense;
use super::opening::opening_call;
use super::seals::SealStep;
use super::{OwnerDuty, OwnerError};
use crate::chain::{Head, Intent, LicenseStatus, Reader, submit_once};
use crate::rounds::file::RoundFile;
use crate::rounds::submitted::report;

impl OwnerDuty {
    /// Commits to the words of new licenses, and seals what was ordered.
    ///
    /// # Errors
    /// [`OwnerError`] if nothing can be read; failures of one license or order are logged.
    pub(crate) async fn prepare(&mut self, head: &Head) -> Result<(), OwnerError> {
        let reader = self.chain.reader().at(head.hash);
        let licenses = self.licenses().await?;
        for license in &licenses {
            self.commit_words(&reader, license).await?;
        }
        for order in self.store.seal_orders().await? {
            let Some(license) = licenses.iter().find(|l| l.id == order.license_id) else {
                continue;
            };
            match self.seal(&reader, license, &order, head).await {
                Ok(SealStep::Alone) => break,
                Ok(SealStep::Next) => {}
                Err(error) => {
                    tracing::warn!(order = order.order_id, %error, "this round is not sealed for now");
                }
            }
        }
        Ok(())
    }

    async fn commit_words(&self, reader: &Reader, license: &OwnLicense) -> Result<(), OwnerError> {
        let view = reader.license(license.id).await?;
        let alive = matches!(
            view.status,
            LicenseStatus::Acquired
                | LicenseStatus::Seeded
                | LicenseStatus::Accepted
                | LicenseStatus::Active
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
