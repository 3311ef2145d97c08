//! What a proof of level 0 commits to before anybody can copy it.

use crate::chain::Chain;
use crate::commitment::ReportCommitment;
use crate::error::{FailureKind, Result, fail};
use crate::files::{self, LicenseFile};
use crate::keep::Readers;
use oml_contracts::terms::Violation;
use oml_contracts::{Digest, EthAddress, LicenseId, Salt, hash};
use oml_payments::SignedReceipt;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a proof of level 0 commits to.
pub(super) struct ProofClaim {
    pub(super) violation: Violation,
    pub(super) license: LicenseId,
    /// Digest of the receipt, or of the series of receipts.
    pub(super) evidence: Digest,
    pub(super) salt: Salt,
}

/// A proof that was begun: with its salt a stopped command goes on with the same commitment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofFile {
    /// What is proven.
    violation: String,
    /// The license whose collateral answers for it.
    license_id: LicenseId,
    /// Digest of the receipt.
    evidence: Digest,
    /// Who committed to it, and proves.
    reporter: EthAddress,
    /// Salt of the commitment.
    salt: Salt,
}

impl ProofClaim {
    /// The claim that `kept` has begun, or a new one.
    pub(super) fn of_receipt(
        chain: &Chain,
        violation: Violation,
        license: &LicenseFile,
        receipt: &SignedReceipt,
        kept: &Path,
    ) -> Result<Self> {
        let evidence = receipt.digest(&chain.addresses().receipt_domain());
        let license = license.license_id;
        let claim = Self { violation, license, evidence, salt: files::random_salt() };
        if !files::is_there(kept) {
            return Ok(claim);
        }
        let begun: ProofFile = files::load(kept, "a proof that was begun", "name another --state")?;
        let claim = Self { salt: begun.salt, ..claim };
        if claim.file(chain)? == begun {
            return Ok(claim);
        }
        Err(fail(
            format!(
                "{} holds a proof of {} against license {} by {}, and is never written over",
                kept.display(),
                begun.violation,
                begun.license_id,
                begun.reporter
            ),
            "name another file with --state",
            FailureKind::Failed,
        ))
    }

    /// Keeps the salt, before anything is committed.
    pub(super) fn keep(&self, chain: &Chain, path: &Path) -> Result<()> {
        files::save_new(path, &self.file(chain)?, Readers::OwnerOnly)
    }

    fn file(&self, chain: &Chain) -> Result<ProofFile> {
        Ok(ProofFile {
            violation: serde_json::to_value(self.violation)?
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            license_id: self.license,
            evidence: self.evidence,
            reporter: chain.me()?,
            salt: self.salt,
        })
    }

    pub(super) fn commitment(&self, chain: &Chain) -> Result<ReportCommitment> {
        let claim = hash::proof_claim(self.violation, self.license, self.evidence);
        ReportCommitment::new(chain, claim, self.salt)
    }
}
