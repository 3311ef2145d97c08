//! Serving keys by epoch: who signs a license's receipts, and how long that proves anything.

use alloy::primitives::{Address, B256, U256};
use oml_contracts::rpc::abi::LicenseRegistry as Registry;
use oml_contracts::rpc::abi::{LicenseRef, Proofs, ServingKey};

use super::faults::Faults;
use super::refusal::{Caused, Refused};
use super::state::ReferenceModel;
use super::units::time40;

/// Time for receipts of requests that were admitted before a rotation.
const GRACE: u64 = 3_600;
/// `until` of a key that nothing has ended.
const NEVER: u64 = (1 << 40) - 1;
/// What a reporter has at least.
const PROOF_TIME: u64 = 7 * 86_400;

/// A key that is named now.
pub(super) fn named(signer: Address, now: u64) -> ServingKey {
    ServingKey { signer, from: time40(now), until: time40(NEVER), revoked: false }
}

/// When a receipt was served at the latest.
pub(super) fn served_by(served_at: u64, key: &ServingKey) -> u64 {
    served_at.min(key.until.to())
}

/// When a receipt was served at the earliest.
pub(super) fn served_from(served_at: u64, key: &ServingKey) -> u64 {
    served_at.max(key.from.to())
}

impl ReferenceModel {
    /// Key of an epoch; all zero if there is none.
    pub(crate) fn serving_key(&self, id: B256, epoch: u32) -> ServingKey {
        let license = self.find_license(id).map(|at| &self.licenses[at]);
        let known = license.and_then(|license| license.keys.get(usize::try_from(epoch).ok()?));
        let none =
            ServingKey { signer: Address::ZERO, from: time40(0), until: time40(0), revoked: false };
        known.cloned().unwrap_or(none)
    }

    pub(super) fn admissible_faults(
        &self,
        key: &ServingKey,
        epoch: u32,
        settlement: u64,
        faults: &mut Faults,
    ) {
        let until = key.until.to::<u64>() + settlement + PROOF_TIME;
        let lapsed =
            Proofs::Proofs_KeyRevoked { keyEpoch: epoch, admissibleUntil: U256::from(until) };
        faults.unless(!key.revoked || self.time <= until, lapsed);
    }

    fn keeper(&self, reference: &LicenseRef, by: Address, faults: &mut Faults) {
        let host = reference.host;
        faults.unless(by == host, Registry::ServingKeys_OnlyHost { host, caller: by });
    }

    /// `rotateServingKey`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn rotate(&mut self, reference: &LicenseRef, by: Address, next: Address) -> Caused {
        let (id, at) = self.find(reference);
        let mut faults = Faults::default();
        self.keeper(reference, by, &mut faults);
        let unknown = Registry::ServingKeys_NoSuchKey { licenseId: id, keyEpoch: 0 };
        faults.unless(at.is_some(), unknown);
        faults.unless(!next.is_zero(), Registry::ServingKeys_NoSigner {});
        faults.none()?;
        let now = self.time;
        let keys = &mut self.licenses[at.ok_or(Refused::ANY)?].keys;
        if let Some(last) = keys.last_mut().filter(|last| !last.revoked) {
            last.until = time40(now + GRACE);
        }
        let epoch = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        keys.push(named(next, now));
        Ok(vec![self.registry_event(&Registry::ServingKeyRotated {
            licenseId: id,
            keyEpoch: epoch,
            signer: next,
        })])
    }

    /// `revokeServingKey`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn revoke(&mut self, reference: &LicenseRef, by: Address, epoch: u32) -> Caused {
        let (id, at) = self.find(reference);
        let mut faults = Faults::default();
        self.keeper(reference, by, &mut faults);
        let keys = at.map_or(&[][..], |at| self.licenses[at].keys.as_slice());
        let place = usize::try_from(epoch).unwrap_or(usize::MAX);
        let unknown = Registry::ServingKeys_NoSuchKey { licenseId: id, keyEpoch: epoch };
        faults.unless(place < keys.len(), unknown);
        let revoked = keys.get(place).is_some_and(|key| key.revoked);
        let again = Registry::ServingKeys_Revoked { licenseId: id, keyEpoch: epoch };
        faults.unless(!revoked, again);
        faults.none()?;
        let now = self.time;
        let key = &mut self.licenses[at.ok_or(Refused::ANY)?].keys[place];
        (key.until, key.revoked) = (time40(now), true);
        Ok(vec![self.registry_event(&Registry::ServingKeyRevoked {
            licenseId: id,
            keyEpoch: epoch,
            revokedAt: time40(now),
        })])
    }
}
