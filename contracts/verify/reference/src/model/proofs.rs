//! Level 0: receipts that speak for themselves.

use std::borrow::Cow;

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::{Eip712Domain, SolStruct, SolValue};
use oml_contracts::rpc::abi::{LicenseRef, Proofs, Receipt, ServingKey, Violation};

use super::faults::Faults;
use super::keys::{served_by, served_from};
use super::refusal::{Caused, Refused};
use super::reports::Conviction;
use super::state::ReferenceModel;
use super::units::time40;
use crate::agreed::CHAIN_ID;

/// A receipt with the account that its signature names, zero for none.
#[derive(Debug, Clone)]
pub(crate) struct AttributedReceipt {
    /// What was served.
    pub(crate) receipt: Receipt,
    /// Who signed it.
    pub(crate) signer: Address,
}

/// Evidence of a violation.
#[derive(Debug, Clone)]
pub(crate) struct ReceiptProof {
    /// What it shows.
    pub(crate) violation: Violation,
    /// The accused license.
    pub(crate) license: LicenseRef,
    /// The receipt that shows it.
    pub(crate) receipt: AttributedReceipt,
    /// The other receipt of an equivocation.
    pub(crate) other: Option<AttributedReceipt>,
    /// Of the commitment.
    pub(crate) salt: B256,
}

impl ReferenceModel {
    /// EIP-712 digest of a receipt.
    #[must_use]
    pub(crate) fn receipt_digest(&self, receipt: &Receipt) -> B256 {
        let domain = Eip712Domain::new(
            Some(Cow::Borrowed("OML")),
            Some(Cow::Borrowed("1")),
            Some(U256::from(CHAIN_ID)),
            Some(self.proofs),
            None,
        );
        receipt.eip712_signing_hash(&domain)
    }

    /// What a report of this proof commits to.
    #[must_use]
    pub(crate) fn proof_claim(&self, proof: &ReceiptProof) -> B256 {
        let receipt = &proof.receipt.receipt;
        let violation = U256::from(proof.violation as u8);
        let digest = self.receipt_digest(receipt);
        keccak256((violation, receipt.licenseId, digest).abi_encode())
    }

    fn receipt_faults(
        &self,
        id: B256,
        key: &ServingKey,
        signed: &AttributedReceipt,
        faults: &mut Faults,
    ) {
        let given = signed.receipt.licenseId;
        let wrong = Proofs::Proofs_WrongLicense { expected: id, given };
        faults.unless(given == id, wrong);
        let (signer, serving) = (signed.signer, key.signer);
        let bad = Proofs::Proofs_BadReceiptSignature { signer, servingKey: serving };
        faults.unless(signer == serving && !signer.is_zero(), bad);
    }

    fn violation_faults(
        &self,
        proof: &ReceiptProof,
        key: &ServingKey,
        deadline: u64,
        faults: &mut Faults,
    ) {
        let receipt = &proof.receipt.receipt;
        let terms = &proof.license.terms;
        match (&proof.violation, &proof.other) {
            (Violation::Equivocation, Some(AttributedReceipt { receipt: other, .. })) => {
                let same = receipt.keyEpoch == other.keyEpoch
                    && receipt.channelId == other.channelId
                    && receipt.seq == other.seq;
                let contradict = same && receipt != other;
                faults.unless(contradict, Proofs::Proofs_NoEquivocation {});
            }
            (Violation::UnderMetering, _) => {
                let channel = self.channels.iter().find(|c| c.id == receipt.channelId);
                let declared = channel.map_or(0, |c| c.claimed.max(c.reserved));
                let served = served_by(receipt.servedAt, key);
                let settle_by = u128::from(served) + terms.settlementPeriod.to::<u128>();
                let requests = U256::from(receipt.cumulativeRequests);
                let tokens = U256::from(receipt.cumulativeTokens);
                let owed = requests * U256::from(terms.pricePerRequest)
                    + tokens * U256::from(terms.pricePerThousandTokens) / U256::from(1000);
                let shown = u128::from(self.time) > settle_by && owed > U256::from(declared);
                let none = Proofs::Proofs_NoUnderMetering {
                    settleBy: U256::from(settle_by),
                    owed,
                    declared,
                };
                faults.unless(shown, none);
            }
            _ => {
                let served = served_from(receipt.servedAt, key);
                let within = Proofs::Proofs_WithinTerm { servedAt: served, end: time40(deadline) };
                faults.unless(served > deadline, within);
            }
        }
    }

    /// A proof of level 0.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn prove(&mut self, by: Address, proof: &ReceiptProof) -> Caused {
        let terms = &proof.license.terms;
        let id = self.license_id(&proof.license);
        let at = self.find_license(id);
        let license = at.and_then(|at| self.licenses.get(at));
        let mut faults = Faults::default();
        faults.level(terms.evidenceLevels);
        faults.liable(id, license.map(|license| license.status));
        let epoch = proof.receipt.receipt.keyEpoch;
        let key = self.serving_key(id, epoch);
        self.receipt_faults(id, &key, &proof.receipt, &mut faults);
        if let Some(other) = &proof.other {
            self.receipt_faults(id, &key, other, &mut faults);
        }
        self.admissible_faults(&key, epoch, terms.settlementPeriod.to(), &mut faults);
        let deadline = license.map_or(0, |license| license.deadline);
        self.violation_faults(proof, &key, deadline, &mut faults);
        let report = self.commitment(by, self.proof_claim(proof), proof.salt, &mut faults);
        let receipt = &proof.receipt.receipt;
        let channel = receipt.channelId;
        let number = (channel, U256::from(receipt.keyEpoch), U256::from(receipt.seq));
        let (subject, bps) = match proof.violation {
            Violation::Equivocation => {
                (keccak256(number.abi_encode()), terms.slash.equivocationBps)
            }
            Violation::UnderMetering => (channel, terms.slash.underMeteringBps),
            _ => (channel, terms.slash.outOfTermBps),
        };
        let violation = proof.violation;
        let punishment = self.punishment(violation, receipt.licenseId, subject, &mut faults);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| m.convict(at, &Conviction { violation, bps, report, punishment }))
    }
}
