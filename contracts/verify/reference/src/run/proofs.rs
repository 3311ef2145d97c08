//! Proofs of level 0: receipts that a host signed, and others.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::rpc::abi::{Proofs, Receipt, Violation};
use rand::{Rng, RngCore};

use super::difference::Difference;
use super::registrar::{Brief, Prepared};
use super::signing::sign;
use super::units::DAY;
use super::world::{Call, World};
use crate::model::{AttributedReceipt, ReceiptProof};

impl World {
    /// Commits to a proof, or makes one that was committed to.
    pub(super) fn prove(&mut self) -> Result<(), Difference> {
        let known = self.desk.as_ref().map_or(0, |desk| desk.briefs.len());
        if known == 0 || (known < 3 && self.chance(3)) {
            return self.commit_proof();
        }
        let at = self.below(known);
        let brief = self.desk.as_ref().and_then(|desk| desk.briefs.get(at).cloned());
        let Some(Prepared { by, report, made_at }) = brief else { return Ok(()) };
        self.await_report(made_at);
        let by = self.mostly(by);
        let call = self.proof_call(by, &report);
        let verdict = self.model.prove(by, &report.proof);
        let done = verdict.is_ok();
        self.hold(&call, verdict)?;
        if done && self.chance(3) {
            // Once more: it must not count twice.
            return self.commit_to(by, at);
        }
        if (done || self.chance(2))
            && let Some(desk) = &mut self.desk
        {
            drop(desk.briefs.swap_remove(at));
        }
        Ok(())
    }

    /// Commits to a proof that is known.
    fn commit_to(&mut self, by: Address, at: usize) -> Result<(), Difference> {
        let Some(brief) = self.desk.as_ref().and_then(|desk| desk.briefs.get(at)) else {
            return Ok(());
        };
        let proof = &brief.report.proof;
        let claim = self.model.proof_claim(proof);
        let made_at = self.commit(by, keccak256((by, claim, proof.salt).abi_encode()))?;
        if let Some(brief) = self.desk.as_mut().and_then(|desk| desk.briefs.get_mut(at)) {
            (brief.by, brief.made_at) = (by, made_at);
        }
        Ok(())
    }

    fn receipt(&mut self, at: usize, license: B256) -> Receipt {
        let own = self.model.channels.iter().find(|channel| channel.license == at);
        let channel = own.map(|channel| channel.id).filter(|_| self.random.random());
        let few = B256::with_last_byte(self.random.random_range(0..2));
        let deadline = self.model.licenses.get(at).map_or(0, |license| license.deadline);
        let served = match self.random.random_range(0..6_u32) {
            0 => deadline,
            1 => deadline + 1,
            2 => deadline + self.random.random_range(0..DAY),
            _ => self.model.time - self.random.random_range(0..6 * DAY),
        };
        let many = self.chance(12);
        Receipt {
            licenseId: if self.chance(25) { few } else { license },
            keyEpoch: self.some_epoch(license),
            channelId: channel.unwrap_or(few),
            seq: self.random.random_range(0..2),
            cumulativeRequests: if many {
                self.random.next_u64()
            } else {
                self.random.random_range(0..4_000)
            },
            cumulativeTokens: if many {
                self.random.next_u64()
            } else {
                self.random.random_range(0..4_000)
            },
            servedAt: if self.chance(60) { u64::MAX } else { served },
            requestHash: B256::repeat_byte(1),
            responseHash: B256::from(self.random.random::<[u8; 32]>()),
        }
    }

    /// By the license's serving key of the epoch that it names, by another, or by none.
    fn signed(&mut self, receipt: Receipt) -> Result<(AttributedReceipt, Bytes), Difference> {
        let key = match self.random.random_range(0..30_u32) {
            0 => {
                return Ok((
                    AttributedReceipt { receipt, signer: Address::ZERO },
                    Bytes::from_static(&[1; 65]),
                ));
            }
            1 => return Ok((AttributedReceipt { receipt, signer: Address::ZERO }, Bytes::new())),
            2 => self.people.forger.clone(),
            _ => self.serving_key_of(receipt.licenseId, receipt.keyEpoch),
        };
        let signature = sign(&key, self.model.receipt_digest(&receipt))?;
        Ok((AttributedReceipt { receipt, signer: key.address() }, signature))
    }

    fn commit_proof(&mut self) -> Result<(), Difference> {
        let (at, license, _) = self.pick();
        let by = self.reporter();
        let id = self.model.license_id(&license);
        let receipt = self.receipt(at, id);
        let (receipt, first) = self.signed(receipt)?;
        let violation = match self.random.random_range(0..3_u32) {
            0 => Violation::Equivocation,
            1 => Violation::UnderMetering,
            _ => Violation::OutOfTerm,
        };
        let (mut other, mut second) = (None, Bytes::new());
        if violation == Violation::Equivocation {
            let mut contrary = receipt.receipt.clone();
            match self.random.random_range(0..9_u32) {
                0 => contrary.seq += 1,
                4 => contrary.keyEpoch += 1,
                1 => contrary.channelId = B256::repeat_byte(4),
                2 => {}
                3 => contrary.licenseId = B256::repeat_byte(4),
                _ => contrary.responseHash = B256::repeat_byte(4),
            }
            let (signed, signature) = self.signed(contrary)?;
            (other, second) = (Some(signed), signature);
        }
        let salt = self.word();
        let proof = ReceiptProof { violation, license, receipt, other, salt };
        let Some(desk) = &mut self.desk else { return Ok(()) };
        let report = Brief { proof, signatures: [first, second] };
        desk.briefs.push(Prepared { by, report, made_at: 0 });
        let last = desk.briefs.len() - 1;
        self.commit_to(by, last)
    }

    pub(super) fn proof_call(&self, by: Address, brief: &Brief) -> Call {
        let Brief { proof, signatures: [first, second] } = brief.clone();
        let (r#ref, salt) = (proof.license, proof.salt);
        let (receipt, signature) = (proof.receipt.receipt, first);
        match (proof.violation, proof.other) {
            (Violation::Equivocation, Some(other)) => {
                let data = Proofs::proveEquivocationCall {
                    r#ref,
                    a: receipt,
                    signatureA: signature,
                    b: other.receipt,
                    signatureB: second,
                    salt,
                };
                Call::new(self.model.proofs, "proveEquivocation", by, 0, &data)
            }
            (Violation::UnderMetering, _) => {
                let data = Proofs::proveUnderMeteringCall { r#ref, receipt, signature, salt };
                Call::new(self.model.proofs, "proveUnderMetering", by, 0, &data)
            }
            _ => {
                let data = Proofs::proveOutOfTermCall { r#ref, receipt, signature, salt };
                Call::new(self.model.proofs, "proveOutOfTerm", by, 0, &data)
            }
        }
    }
}
