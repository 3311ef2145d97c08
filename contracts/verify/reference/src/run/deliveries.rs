//! Copies accepted, delivered, rejected and paid for, by the right people and by others.

use alloy::primitives::{B256, keccak256};
use oml_contracts::rpc::abi;
use rand::Rng;

use super::difference::Difference;
use super::world::{Call, World};
use crate::model::Status;

const KEY: B256 = B256::repeat_byte(6);

impl World {
    /// One step of a delivery.
    pub(super) fn delivery(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..6_u32) {
            0 | 1 => {
                let (reference, _) = self.pick_such(|l| l.status == Status::Seeded);
                self.accept_of(&reference)
            }
            2 | 3 => {
                let (reference, _) = self.pick_such(|l| l.status == Status::Accepted);
                self.bring_key(&reference)
            }
            4 => {
                let (reference, _) = self.pick_such(|l| l.trial_fee != 0);
                let by = self.mostly(reference.host);
                let data = abi::LicenseRegistry::rejectCopyCall { r#ref: reference.clone() };
                let call = Call::new(self.model.registry, "rejectCopy", by, 0, &data);
                let verdict = self.model.reject_copy(&reference, by);
                self.hold(&call, verdict).map(drop)
            }
            _ => {
                let (reference, _) = self.pick_such(|l| l.due_fee + l.trial_fee != 0);
                self.fee_of(&reference)
            }
        }
    }

    /// All steps that make a license active, again where the wrong people or words came first.
    pub(super) fn deliver_of(&mut self, reference: abi::LicenseRef) -> Result<(), Difference> {
        for _ in 0..3 {
            self.accept_of(&reference)?;
            self.bring_key(&reference)?;
        }
        if self.chance(2) { self.fee_of(&reference) } else { Ok(()) }
    }

    fn accept_of(&mut self, reference: &abi::LicenseRef) -> Result<(), Difference> {
        let by = self.mostly(reference.host);
        let root = if self.chance(30) { B256::ZERO } else { B256::repeat_byte(5) };
        let key_hash = if self.chance(30) { B256::ZERO } else { keccak256(KEY) };
        let data = abi::LicenseRegistry::acceptCopyCall {
            r#ref: reference.clone(),
            sealedRoot: root,
            keyHash: key_hash,
        };
        let call = Call::new(self.model.registry, "acceptCopy", by, 0, &data);
        let verdict = self.model.accept_copy(reference, by, root, key_hash);
        self.hold(&call, verdict).map(drop)
    }

    fn bring_key(&mut self, reference: &abi::LicenseRef) -> Result<(), Difference> {
        let by = self.mostly(reference.terms.owner);
        let key = if self.chance(30) { B256::ZERO } else { KEY };
        let data = abi::LicenseRegistry::deliverKeyCall { r#ref: reference.clone(), key };
        let call = Call::new(self.model.registry, "deliverKey", by, 0, &data);
        let verdict = self.model.deliver_key(reference, key);
        self.hold(&call, verdict).map(drop)
    }

    fn fee_of(&mut self, reference: &abi::LicenseRef) -> Result<(), Difference> {
        let by = self.mostly(reference.terms.owner);
        let data = abi::LicenseRegistry::releaseFeeCall { r#ref: reference.clone() };
        let call = Call::new(self.model.registry, "releaseFee", by, 0, &data);
        let verdict = self.model.release_fee(reference);
        self.hold(&call, verdict).map(drop)
    }
}
