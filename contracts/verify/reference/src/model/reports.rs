//! Reports of level 0: their commitments, and what an accepted one does to the license.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::rpc::abi::{Proofs, Violation};

use super::collateral::{SlashSplit, Slashing};
use super::faults::{Faults, shown};
use super::refusal::{Caused, Refused};
use super::state::{ReferenceModel, Status};
use super::units::time40;

/// Level of all proofs, and its bit in the terms.
const LEVEL: u8 = 0;
/// What a reporter gets of a slash at most, in basis points.
const MAX_REPORTER: u16 = 1_000;

/// What a report says, once its proof holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conviction {
    /// What was shown.
    pub(super) violation: Violation,
    /// Part of the collateral that it costs.
    pub(super) bps: u16,
    /// Who showed it, and under which commitment.
    pub(super) report: (Address, B256),
    /// Names what is punished once.
    pub(super) punishment: B256,
}

impl Faults {
    /// The license was active once.
    pub(super) fn liable(&mut self, id: B256, status: Option<Status>) {
        let liable = matches!(status, Some(Status::Active | Status::Terminated));
        let status = shown(status);
        let error = Proofs::Proofs_LicenseNotLiable { licenseId: id, status };
        self.unless(liable, error);
    }

    /// The terms accept proofs.
    pub(super) fn level(&mut self, terms: u8) {
        let accepted = terms & 1 << LEVEL != 0;
        self.unless(accepted, Proofs::Proofs_LevelNotAccepted { level: LEVEL });
    }
}

impl ReferenceModel {
    /// `commitReport`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn commit_report(&mut self, by: Address, commitment: B256) -> Caused {
        let mut faults = Faults::default();
        let known = self.desk.commitments.contains_key(&(by, commitment));
        faults.unless(!known, Proofs::Proofs_AlreadyCommitted { commitment });
        faults.none()?;
        self.desk.commitments.insert((by, commitment), self.time);
        Ok(vec![self.proofs_event(&Proofs::ReportCommitted { commitment, reporter: by })])
    }

    /// The commitment to a claim that a report uses up.
    pub(super) fn commitment(
        &self,
        by: Address,
        claim: B256,
        salt: B256,
        faults: &mut Faults,
    ) -> (Address, B256) {
        let commitment = keccak256((by, claim, salt).abi_encode());
        let report = (by, commitment);
        let from = self.reported_from(&report);
        faults.unless(from.is_some(), Proofs::Proofs_NotCommitted { commitment });
        if let Some(from) = from {
            let early = Proofs::Proofs_TooEarly { from: time40(from) };
            faults.unless(self.time >= from, early);
        }
        report
    }

    /// End of a report's delay.
    pub(super) fn reported_from(&self, report: &(Address, B256)) -> Option<u64> {
        let made = self.desk.commitments.get(report)?;
        Some(made + self.desk.config.reportDelay.to::<u64>())
    }

    /// Id of what may be punished once, which must not have been.
    pub(super) fn punishment(
        &self,
        violation: Violation,
        license: B256,
        subject: B256,
        faults: &mut Faults,
    ) -> B256 {
        let words = (U256::from(violation as u8), license, subject);
        let punishment = keccak256(words.abi_encode());
        let again = Proofs::Proofs_AlreadyPunished { punishmentId: punishment };
        faults.unless(!self.desk.punished.contains(&punishment), again);
        punishment
    }

    /// What an accepted proof does to the license: it ends and its collateral is slashed.
    ///
    /// # Errors
    /// [`Refused`].
    pub(super) fn convict(&mut self, at: usize, conviction: &Conviction) -> Caused {
        let license = self.license(at)?;
        let Conviction { violation, bps, report, punishment } = *conviction;
        let committed = self.desk.commitments.remove(&report).ok_or(Refused::ANY)?;
        self.desk.punished.insert(punishment);
        let terms = &license.reference.terms.slash;
        let how = Slashing {
            bps,
            reporter: report.0,
            reporterBps: terms.reporterBps.min(MAX_REPORTER),
            ownerBps: terms.ownerBps,
            payoutDelay: self.desk.config.payoutDelay,
            committedAt: time40(committed),
        };
        let mut events = self.terminate_for(license.id, self.proofs)?;
        events.extend(self.slash(&license.reference, self.proofs, &how)?);
        let split = SlashSplit::of(&license, &how);
        events.push(self.proofs_event(&Proofs::ProofAccepted {
            violation,
            licenseId: license.id,
            reporter: report.0,
            slashed: split.slashed,
            toReporter: split.to_reporter,
            toOwner: split.to_owner,
        }));
        Ok(events)
    }
}
