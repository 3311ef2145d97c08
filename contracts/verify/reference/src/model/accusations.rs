//! A case up to its questions: report, draw, questions.

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::ChallengeManager as Manager;
use oml_contracts::rpc::abi::{CaseRef, CaseStatus, CollateralVault, Drawn, LicenseRef, Terms};

use super::faults::{Faults, shown};
use super::refusal::{Caused, Events, Refused};
use super::state::{Case, ReferenceModel, Status};
use super::units::time40;
use super::universe::{ALWAYS, Beacon, universe_of};
use crate::agreed::Coin;

/// Positions are kept in one word of bits.
const MAX_QUESTIONS: u64 = 255;
/// Bit of level 2 in the terms.
const CASES: u8 = 1 << 2;

/// A report of a deployment.
#[derive(Debug, Clone)]
pub(crate) struct CaseReport {
    /// The license whose copy it serves.
    pub(crate) license: LicenseRef,
    /// Hash of its URI.
    pub(crate) deployment: B256,
    /// The URI, if the report says that the deployment is not registered.
    pub(crate) leak: Option<String>,
    /// Of the commitment.
    pub(crate) salt: B256,
}

impl Faults {
    /// The license was active once.
    pub(super) fn liable(&mut self, id: B256, status: Option<Status>) {
        let liable = matches!(status, Some(Status::Active | Status::Terminated));
        let status = shown(status);
        let error = Manager::ChallengeManager_LicenseNotLiable { licenseId: id, status };
        self.unless(liable, error);
    }

    /// The terms accept this level of evidence.
    pub(super) fn level(&mut self, terms: u8, level: u8) {
        let accepted = terms & 1 << level != 0;
        self.unless(accepted, Manager::ChallengeManager_LevelNotAccepted { level });
    }
}

impl ReferenceModel {
    pub(super) fn find_license(&self, id: B256) -> Option<usize> {
        self.licenses.iter().position(|license| license.id == id)
    }

    fn liability_faults(&self, report: &CaseReport, id: B256, faults: &mut Faults) {
        let known = self.find_license(id).and_then(|at| self.licenses.get(at));
        let until = known.and_then(|license| license.deployments.get(&report.deployment));
        let until = until.copied().unwrap_or_default().min(ALWAYS);
        let deployment = report.deployment;
        if report.leak.is_some() {
            let registered =
                Manager::ChallengeManager_DeploymentRegistered { deploymentHash: deployment };
            faults.unless(until < self.time, registered);
        } else {
            let not_liable = Manager::ChallengeManager_DeploymentNotLiable {
                deploymentHash: deployment,
                liableUntil: time40(until),
            };
            faults.unless(until >= self.time, not_liable);
        }
    }

    /// The universe has bundles left for one more case.
    fn bundle_faults(&self, terms: &Terms, faults: &mut Faults) {
        let left = self.universe(universe_of(terms)).left_personal().len();
        let needed = self.court.config.bundlesPerCase;
        let few = Manager::ChallengeManager_TooFewBundles {
            left: U256::from(left),
            needed: U256::from(needed),
        };
        faults.unless(left >= needed.into(), few);
    }

    /// `openCase`, or `openLeakCase` for a deployment that is said not to be registered; with the
    /// id of the case.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn open_case(
        &mut self,
        by: Address,
        report: &CaseReport,
        value: u128,
    ) -> Result<(Events, B256), Refused> {
        let terms = &report.license.terms;
        let id = self.license_id(&report.license);
        let at = self.find_license(id);
        let mut faults = Faults::default();
        faults.level(terms.evidenceLevels & CASES, 2);
        self.liability_faults(report, id, &mut faults);
        faults.liable(id, at.map(|at| self.licenses[at].status));
        let claim = keccak256((id, report.deployment).abi_encode());
        let commitment = self.commitment(by, claim, report.salt, &mut faults);
        self.bundle_faults(terms, &mut faults);
        let slashes = report.leak.is_none() || terms.leakLiability;
        let collateral = at.map_or(0, |at| self.licenses[at].collateral);
        let nothing = CollateralVault::CollateralVault_NothingToFreeze { licenseId: id };
        faults.unless(!slashes || collateral != 0, nothing);
        let coin = Coin::of(terms.currency);
        let price = terms.reportBond + self.fees(terms.proverFee);
        faults.payment(self, coin, by, price, value);
        faults.none()?;

        self.court.commitments.remove(&commitment);
        self.universes.entry(universe_of(terms)).or_default().cases += 1;
        self.pull(coin, by, self.manager, price, value)?;
        let case = self.new_case(by, report, at.ok_or(Refused::ANY)?);
        let mut events = vec![self.opened(&case)];
        if slashes {
            let license = self.licenses[case.license].id;
            events.extend(self.freeze(license, self.manager, true)?);
        }
        if let Some(uri) = &report.leak {
            events.push(self.court_event(&Manager::DeploymentAccused {
                caseId: case.id,
                deploymentHash: report.deployment,
                uri: uri.clone(),
            }));
        }
        let id = case.id;
        self.court.cases.insert(id, case);
        Ok((events, id))
    }

    /// All fees of a committee.
    pub(super) fn fees(&self, fee: u128) -> u128 {
        fee * u128::from(self.court.config.committeeSize)
    }

    fn new_case(&self, by: Address, report: &CaseReport, license: usize) -> Case {
        let universe = self.universe(universe_of(&report.license.terms));
        let reference = CaseRef {
            license: report.license.clone(),
            deploymentHash: report.deployment,
            reporter: by,
            openedAt: time40(self.time),
            cases: universe.cases,
            licenses: universe.licenses,
            leak: report.leak.is_some(),
        };
        Case {
            id: self.case_id(&reference),
            reference,
            license,
            status: CaseStatus::Opened,
            deadline: self.time + self.court.config.questionsWindow.to::<u64>(),
            round: self.next_round(),
            questions: 0,
            commits: 0,
            reveals: 0,
            dissenters: 0,
            drawn: None,
            asked: B256::ZERO,
            outcome: None,
            words: std::collections::BTreeMap::new(),
            removed: U256::ZERO,
            paid: std::collections::BTreeMap::new(),
        }
    }

    fn opened(&self, case: &Case) -> (Address, alloy::primitives::LogData) {
        let reference = &case.reference;
        self.court_event(&Manager::CaseOpened {
            caseId: case.id,
            licenseId: self.license_id(&reference.license),
            reporter: reference.reporter,
            deploymentHash: reference.deploymentHash,
            seedRound: U48::from(case.round),
            bond: reference.license.terms.reportBond,
            openedAt: reference.openedAt,
            cases: reference.cases,
            licenses: reference.licenses,
            leak: reference.leak,
        })
    }

    /// `drawCase`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn draw_case(&mut self, reference: &CaseRef) -> Caused {
        let id = self.case_id(reference);
        let mut faults = Faults::default();
        let case = self.court.cases.get(&id).cloned();
        faults.step(id, case.as_ref(), CaseStatus::Opened, self.time);
        let Some(mut case) = case.filter(|_| !faults.any()) else {
            faults.none()?;
            return Err(Refused::ANY);
        };
        let value = match self.beacon(case.round) {
            Beacon::Pending => {
                let pending =
                    Manager::ChallengeManager_SeedPending { round: U48::from(case.round) };
                faults.unless(false, pending);
                faults.none()?;
                return Err(Refused::ANY);
            }
            Beacon::Stale => {
                case.round = self.next_round();
                let round = U48::from(case.round);
                self.court.cases.insert(id, case);
                let event = Manager::SeedRoundMoved { caseId: id, seedRound: round };
                return Ok(vec![self.court_event(&event)]);
            }
            Beacon::Ready(value) => value,
        };
        let seed = keccak256([value.as_slice(), self.manager.as_slice(), id.as_slice()].concat());
        self.atomically(|m| m.draw_by(case, seed))
    }

    fn draw_by(&mut self, mut case: Case, seed: B256) -> Caused {
        let config = self.court.config.clone();
        let mut faults = Faults::default();
        let universe = universe_of(&case.reference.license.terms);
        let (bundles, mut events) = self.burn(
            universe,
            seed,
            config.bundlesPerCase,
            config.sharedBundlesPerCase,
            &mut faults,
        );
        let for_committee = keccak256([seed.as_slice(), b"committee"].concat());
        let opened_at = case.reference.openedAt.to::<u64>();
        let committee =
            self.draw_committee(self.manager, for_committee, config.committeeSize, opened_at);
        // Both may fail; either may be looked at first.
        let committee = match (faults.none(), committee) {
            (Ok(()), committee) => committee?,
            (Err(refused), Ok(_)) => return Err(refused),
            (Err(mut refused), Err(more)) => {
                refused.reasons.extend(more.reasons);
                return Err(refused);
            }
        };
        case.status = CaseStatus::Drawn;
        case.deadline = self.time + config.questionsWindow.to::<u64>();
        events.push(self.court_event(&Manager::CaseDrawn {
            caseId: case.id,
            bundles: bundles.clone(),
            committee: committee.clone(),
            questionsDeadline: time40(case.deadline),
        }));
        case.drawn = Some(Drawn { bundles, committee });
        self.court.cases.insert(case.id, case);
        Ok(events)
    }

    /// `postQuestions`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn post_questions(
        &mut self,
        by: Address,
        reference: &CaseRef,
        drawn: &Drawn,
        asked: B256,
        count: u16,
    ) -> Caused {
        let id = self.case_id(reference);
        let case = self.court.cases.get(&id).cloned();
        let mut faults = Faults::default();
        faults.owner(by, reference);
        faults.step(id, case.as_ref(), CaseStatus::Drawn, self.time);
        faults.facts(id, case.as_ref().is_some_and(|case| case.is_drawn(drawn)));
        faults.unless(!asked.is_zero(), Manager::ChallengeManager_EmptyHash {});
        let opened = u64::from(BUNDLE_LEAVES) * drawn.bundles.len() as u64;
        let min = opened + u64::from(self.court.config.minDecoys);
        let bad = Manager::ChallengeManager_BadQuestionCount {
            count,
            min: U256::from(min),
            max: U256::from(MAX_QUESTIONS),
        };
        faults.unless((min..=MAX_QUESTIONS).contains(&count.into()), bad);
        faults.none()?;
        let mut case = case.ok_or(Refused::ANY)?;
        case.status = CaseStatus::Committing;
        case.deadline = self.time + self.court.config.commitWindow.to::<u64>();
        (case.questions, case.asked) = (count, asked);
        let deadline = time40(case.deadline);
        self.court.cases.insert(id, case);
        Ok(vec![self.court_event(&Manager::QuestionsPosted {
            caseId: id,
            questionsHash: asked,
            count,
            commitDeadline: deadline,
        })])
    }
}
