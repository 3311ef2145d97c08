//! What of a license decides how much may be served and claimed.

use oml_contracts::{Amount, LicenseId, LicenseRef};
use oml_payments::Price;

use crate::chain::{ChainError, LicenseStatus, Reader};

/// The license under which a host serves, as the chain has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServedLicense {
    /// Id of the license.
    pub license_id: LicenseId,
    /// Whether it is active; expiry is judged by `expires_at`.
    pub active: bool,
    /// End of its term, Unix seconds.
    pub expires_at: u64,
    /// Price of its units.
    pub price: Price,
    /// Collateral in the vault.
    pub collateral: Amount,
    /// Collateral that a claim must leave per claimed amount, in basis points.
    pub min_collateral_ratio_bps: u32,
}

impl ServedLicense {
    /// Reads license `id` at the reader's block; `license` are its terms and its host.
    pub(crate) async fn read(
        reader: &Reader,
        id: LicenseId,
        license: &LicenseRef,
    ) -> Result<Self, ChainError> {
        let view = reader.license(id).await?;
        let collateral = reader.collateral(license).await?;
        Ok(Self {
            license_id: id,
            active: view.status == LicenseStatus::Active,
            expires_at: view.deadline,
            price: Price::of_terms(&license.terms),
            collateral: collateral.amount,
            min_collateral_ratio_bps: license.terms.min_collateral_ratio_bps.into(),
        })
    }

    /// Largest amount that the collateral covers: more of one channel could never be claimed at
    /// once. What can be claimed now is the chain's to say.
    #[must_use]
    pub(crate) fn covered(&self) -> Amount {
        if self.min_collateral_ratio_bps == 0 {
            return Amount::MAX;
        }
        let ratio = u128::from(self.min_collateral_ratio_bps);
        // claimed·ratio / 10,000 ≤ collateral, rounded down so that it holds before rounding too.
        let collateral = self.collateral.get();
        let whole = (collateral / ratio).checked_mul(10_000);
        let sum = whole.and_then(|w| w.checked_add(collateral % ratio * 10_000 / ratio));
        sum.map_or(Amount::MAX, Amount::new)
    }
}
