//! Hosts that rotate and revoke their serving keys.

use alloy::primitives::{Address, B256};
use alloy::signers::local::PrivateKeySigner;
use oml_contracts::rpc::abi;
use rand::Rng;

use super::difference::Difference;
use super::world::{Call, World};

impl World {
    /// Names another key, or declares one stolen.
    pub(super) fn change_keys(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        let by = self.mostly(reference.host);
        let known = self.model.licenses.get(at).map_or(0, |license| license.keys.len());
        if self.chance(3) {
            let epoch = u32::try_from(self.below(known + 1)).unwrap_or(0);
            let data = abi::LicenseRegistry::revokeServingKeyCall {
                r#ref: reference.clone(),
                keyEpoch: epoch,
            };
            let call = Call::new(self.model.registry, "revokeServingKey", by, 0, &data);
            let verdict = self.model.revoke(&reference, by, epoch);
            return self.hold(&call, verdict).map(drop);
        }
        let next = match self.random.random_range(0..12_u32) {
            0 => Address::ZERO,
            1 => self.people.wallets[0],
            // The same account may be named again.
            2..=5 => self.people.serving.address(),
            _ => self.people.next_serving.address(),
        };
        let data = abi::LicenseRegistry::rotateServingKeyCall { r#ref: reference.clone(), next };
        let call = Call::new(self.model.registry, "rotateServingKey", by, 0, &data);
        let verdict = self.model.rotate(&reference, by, next);
        self.hold(&call, verdict).map(drop)
    }

    /// Epoch that a receipt names: mostly one that there is.
    pub(super) fn some_epoch(&mut self, license: B256) -> u32 {
        let known =
            self.model.licenses.iter().find(|l| l.id == license).map_or(0, |l| l.keys.len());
        let over = usize::from(self.chance(20));
        u32::try_from(self.below(known.max(1) + over)).unwrap_or(0)
    }

    /// The key of an epoch, as its holder signs with it; the first one where nobody has it.
    pub(super) fn serving_key_of(&self, license: B256, epoch: u32) -> PrivateKeySigner {
        let named = self.model.serving_key(license, epoch).signer;
        let next = &self.people.next_serving;
        if named == next.address() { next.clone() } else { self.people.serving.clone() }
    }
}
