//! Finds the vouchers of committee members among those that the host keeps.

use std::collections::HashMap;

use oml_contracts::case::keys_hash;
use oml_contracts::hash::{plain_request_hash, request_hash};
use oml_contracts::{CaseId, EthAddress, KeyHash, QuestionsHash};

use crate::cases::case_file::{CaseFile, PaidQuestion};
use crate::cases::machine::{self, Actor};
use crate::cases::reading::{CaseReader, ReadError};
use crate::chain::CaseStatus;
use crate::store::{Store, StoreError, VoucherRow};

/// Why no rebuttal can be looked for now. The next head tries again.
#[derive(Debug, thiserror::Error)]
pub enum RebuttalError {
    /// Reading the case failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A member's voucher for a tested request, with what the contract needs to see.
#[derive(Debug)]
pub(crate) struct Rebuttal {
    pub(crate) paid: PaidQuestion,
    /// Hashes of all opened keys, in order.
    pub(crate) opened: Vec<KeyHash>,
    pub(crate) voucher: VoucherRow,
}

/// Looks for rebuttals in the host's vouchers.
#[derive(Debug)]
pub(crate) struct Rebuttals {
    reader: CaseReader,
    store: Store,
    /// By questions too: a reorg can draw other bundles.
    opened: HashMap<(CaseId, QuestionsHash), Vec<KeyHash>>,
}

impl Rebuttals {
    pub(crate) fn new(reader: CaseReader, store: Store) -> Self {
        Self { reader, store, opened: HashMap::new() }
    }

    /// Drops what is kept of a case that has ended.
    pub(crate) fn forget(&mut self, case: CaseId) {
        self.opened.retain(|(known, _), _| *known != case);
    }

    /// All rebuttals that are worth it: their window is short, and they do not depend on each
    /// other.
    pub(crate) async fn due(
        &mut self,
        file: &CaseFile,
        actor: &Actor,
    ) -> Result<Vec<Rebuttal>, RebuttalError> {
        let Some(opened) = self.opened_keys(file).await? else { return Ok(Vec::new()) };
        let mut due = Vec::new();
        for paid in machine::rebuttals(file, actor) {
            let Some(key_hash) = opened.get(usize::from(paid.fingerprint)) else { continue };
            let vouchers = self.vouchers(file, *key_hash).await?;
            let voucher =
                vouchers.into_iter().find(|v| paying_member(file, v) == Some(paid.member));
            due.extend(voucher.map(|voucher| Rebuttal { paid, opened: opened.clone(), voucher }));
        }
        Ok(due)
    }

    /// Opened fingerprints for which we keep a member's voucher.
    pub(crate) async fn paid(
        &mut self,
        file: &CaseFile,
    ) -> Result<Vec<PaidQuestion>, RebuttalError> {
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
                paid.extend(member.map(|member| PaidQuestion { fingerprint, member }));
            }
        }
        Ok(paid)
    }

    async fn vouchers(
        &self,
        file: &CaseFile,
        key: KeyHash,
    ) -> Result<Vec<VoucherRow>, RebuttalError> {
        let license = file.case.license_id;
        let asked = request_hash(file.model, key);
        let mut vouchers = self.store.voucher_for_request(license, asked).await?;
        let plain = plain_request_hash(file.model, key);
        vouchers.extend(self.store.voucher_for_request(license, plain).await?);
        Ok(vouchers)
    }

    async fn opened_keys(
        &mut self,
        file: &CaseFile,
    ) -> Result<Option<Vec<KeyHash>>, RebuttalError> {
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
}

/// As the contract decides it: the first member that signed or paid.
fn paying_member(file: &CaseFile, voucher: &VoucherRow) -> Option<EthAddress> {
    let signer = if voucher.signer.is_zero() { voucher.payer } else { voucher.signer };
    let is_payer = |address: &EthAddress| *address == signer || *address == voucher.payer;
    file.members.iter().map(|member| member.address).find(is_payer)
}
