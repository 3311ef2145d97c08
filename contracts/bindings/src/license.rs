//! How calls name a license.

use crate::address::EthAddress;
use crate::hash;
use crate::ids::{LicenseId, LicenseNonce};
use crate::terms::Terms;

/// Names a license and proves its terms; what most calls take.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LicenseRef {
    /// Terms of the offer under which it was bought.
    pub terms: Terms,
    /// Who bought it.
    pub host: EthAddress,
    /// Chosen by the host.
    pub nonce: LicenseNonce,
}

impl LicenseRef {
    /// Id of the license under a registry.
    #[must_use]
    pub fn license_id(&self, chain_id: u64, registry: EthAddress) -> LicenseId {
        let offer = hash::offer_id(chain_id, registry, &self.terms);
        hash::license_id(offer, self.host, self.nonce)
    }
}
