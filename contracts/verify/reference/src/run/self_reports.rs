//! Who accuses itself at level 0 when a round is under way.

use alloy::primitives::{B256, Bytes, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::rpc::abi::{Receipt, Rounds, Violation};

use super::difference::Difference;
use super::registrar::Brief;
use super::signing::sign;
use super::world::{Call, World};
use crate::model::{AttributedReceipt, Payout, ReceiptProof};

impl World {
    /// A friend of the host reports two receipts that contradict each other.
    pub(super) fn report_oneself(&mut self, at: usize) -> Result<(), Difference> {
        let (license, _) = self.license_at(at);
        let id = self.model.license_id(&license);
        let key = self.serving_key_of(id, 0);
        let channel = self.word();
        let [receipt, other] = [self.word(), self.word()].map(|answer| Receipt {
            licenseId: id,
            channelId: channel,
            servedAt: self.model.time,
            responseHash: answer,
            ..Receipt::default()
        });
        let by = self.people.stranger;
        let mut signatures = [Bytes::new(), Bytes::new()];
        for (signature, receipt) in signatures.iter_mut().zip([&receipt, &other]) {
            *signature = sign(&key, self.model.receipt_digest(receipt))?;
        }
        let signed = |receipt| AttributedReceipt { receipt, signer: key.address() };
        let proof = ReceiptProof {
            violation: Violation::Equivocation,
            license,
            receipt: signed(receipt),
            other: Some(signed(other)),
            salt: self.word(),
        };
        let claim = self.model.proof_claim(&proof);
        let made_at = self.commit(by, keccak256((by, claim, proof.salt).abi_encode()))?;
        self.await_report(made_at);
        let brief = Brief { proof, signatures };
        let call = self.proof_call(by, &brief);
        let verdict = self.model.prove(by, &brief.proof);
        self.hold(&call, verdict).map(drop)
    }

    /// Some round takes what a report is to be paid; mostly one that has convicted the license.
    pub(super) fn take_report(&mut self) -> Result<(), Difference> {
        let all = self.model.court.rounds.iter();
        let convicting = all.filter_map(|(id, round)| Some((*id, round.convicted?)));
        let convicting: Vec<(B256, B256)> = convicting.collect();
        let (round, convicted) = if convicting.is_empty() || self.chance(8) {
            (self.any_round(), None)
        } else {
            let (round, license) = convicting[self.below(convicting.len())];
            (round, Some(license))
        };
        let own = convicted.filter(|_| !self.chance(10));
        let own = own.and_then(|id| self.model.licenses.iter().position(|known| known.id == id));
        let at = own.unwrap_or_else(|| self.place(self.model.licenses.len()));
        let (license, _) = self.license_at(at);
        let id = self.model.license_id(&license);
        let payouts = self.model.payouts.iter().enumerate();
        let fits = |payout: &Payout| payout.report.is_some_and(|(of, _)| of == id);
        let such: Vec<usize> = payouts.filter(|(_, p)| fits(p)).map(|(at, _)| at).collect();
        let payout = if such.is_empty() || self.chance(8) {
            self.place(self.model.payouts.len())
        } else {
            such[self.below(such.len())]
        };
        let data = Rounds::takeReportCall {
            r#ref: license.clone(),
            roundId: round,
            payoutId: U256::from(payout),
        };
        let call = Call::new(self.model.rounds, "takeReport", self.people.stranger, 0, &data);
        let verdict = self.model.take_report(&license, round, payout);
        self.hold(&call, verdict).map(drop)
    }
}
