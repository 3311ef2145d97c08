//! What a proof of level 0 commits to before anybody can copy it.

use crate::chain::Chain;
use crate::commitment::ReportCommitment;
use crate::error::Result;
use crate::files::{self, LicenseFile};
use oml_contracts::terms::Violation;
use oml_contracts::{Digest, LicenseId, Salt, hash};
use oml_payments::SignedReceipt;

/// What a proof of level 0 commits to.
pub(super) struct ProofClaim {
    pub(super) violation: Violation,
    pub(super) license: LicenseId,
    /// Digest of the receipt, or of the series of receipts.
    pub(super) evidence: Digest,
    pub(super) salt: Salt,
}

impl ProofClaim {
    pub(super) fn of_receipt(
        chain: &Chain,
        violation: Violation,
        license: &LicenseFile,
        receipt: &SignedReceipt,
    ) -> Self {
        let evidence = receipt.digest(&chain.addresses().receipt_domain());
        Self { violation, license: license.license_id, evidence, salt: files::random_salt() }
    }

    pub(super) fn commitment(&self, chain: &Chain) -> Result<ReportCommitment> {
        let claim = hash::proof_claim(self.violation, self.license, self.evidence);
        ReportCommitment::new(chain, claim, self.salt)
    }
}
