//! The end of a case: rebuttal, evidence, verdict, and every coin back once.

use alloy::primitives::{Address, B256, U256, keccak256};
use oml_contracts::leaf::BUNDLE;
use oml_contracts::rpc::abi::ChallengeManager::{self as Manager, Outcome};
use oml_contracts::rpc::abi::{CaseRef, CaseStatus, Drawn, EvidenceTerms};

use super::court::quorum;
use super::faults::Faults;
use super::logarithm::log2;
use super::refusal::{Caused, Events, Refused};
use super::state::{Case, License, ReferenceModel, SignatureFacts};
use super::units::{share, time40};
use crate::agreed::Coin;

/// Fractional bits of a multiplier and of a logarithm.
const FRACTION: usize = 32;

/// A voucher that is shown for a tested request.
#[derive(Debug, Clone)]
pub(crate) struct Payment {
    /// Payer of its channel.
    pub(crate) payer: Address,
    /// Session signer, zero for the payer.
    pub(crate) signer: Address,
    /// Salt of the channel.
    pub(crate) salt: B256,
    /// All that the voucher promises.
    pub(crate) amount: u128,
    /// Requests that it counts.
    pub(crate) requests: u64,
    /// Tokens that it counts.
    pub(crate) tokens: u64,
    /// What it names.
    pub(crate) request: B256,
    /// What it brings as its signature.
    pub(crate) signature: SignatureFacts,
}

/// What a case has drawn and found, as it is shown for a rebuttal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CaseFindings<'a> {
    /// Bundles and committee.
    pub(crate) drawn: &'a Drawn,
    /// Which fingerprints were hit.
    pub(crate) outcome: &'a Outcome,
    /// Key hashes of the opened fingerprints.
    pub(crate) keys: &'a [B256],
}

/// A slashed amount and the parts of it that go to people; the rest is burned.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SlashSplit {
    pub(super) slashed: u128,
    pub(super) to_reporter: u128,
    pub(super) to_owner: u128,
}

/// What counts in a verdict, and what it is held against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weighed {
    /// Hits and misses of the personal part.
    pub(crate) personal: (u32, u32),
    /// Shared hits inside and outside of the assignment.
    pub(crate) shared: (u32, u32),
    /// Logarithm of the evidence.
    pub(crate) evidence: i64,
    /// Logarithm of what it must reach.
    pub(crate) threshold: i64,
}

pub(super) fn whole_log2(x: U256, ceil: bool) -> i64 {
    let floor = log2(x, FRACTION).to::<i64>();
    floor + i64::from(ceil && x.count_ones() != 1)
}

/// Logarithm of a multiplier, rounded down.
pub(super) fn multiplier(raw: u64) -> i64 {
    whole_log2(U256::from(raw), false) - ((FRACTION as i64) << FRACTION)
}

fn bits(word: U256) -> u32 {
    u32::try_from(word.count_ones()).unwrap_or(u32::MAX)
}

/// Weighs what was found and not removed.
#[must_use]
pub(crate) fn weigh(terms: &EvidenceTerms, case: &Case, bundles: u8, found: &Outcome) -> Weighed {
    let counted = !case.removed;
    let personal = (U256::from(1) << (BUNDLE * usize::from(bundles))) - U256::from(1);
    let hits = bits(found.hits & personal & counted);
    let misses = bits(personal & counted) - hits;
    let inside = bits(found.hits & !personal & counted);
    let outside = bits(found.outside & counted);
    let sum = |count: u32, raw: u64| i64::from(count) * multiplier(raw);
    let chosen = |n: u64| whole_log2(U256::from(n), true);
    let reference = &case.reference;
    Weighed {
        personal: (hits, misses),
        shared: (inside, outside),
        evidence: sum(hits, terms.personalHit)
            + sum(misses, terms.personalMiss)
            + sum(inside, terms.sharedHit)
            + sum(outside, terms.sharedMiss),
        threshold: chosen(terms.alphaInverse)
            + chosen(reference.cases.into())
            + chosen(reference.licenses.into()),
    }
}

impl Faults {
    /// The voucher names a request for this key, plain or not.
    fn request(&mut self, model: B256, key: B256, given: B256) {
        let hash = |kind: &str| keccak256([keccak256(kind), model, key].concat());
        let expected = hash("OML.request.v1");
        let named = given == expected || given == hash("OML.request.plain.v1");
        self.unless(named, Manager::ChallengeManager_WrongRequest { given, expected });
    }
}

impl Payment {
    fn by(&self) -> Address {
        if self.signer.is_zero() { self.payer } else { self.signer }
    }
}

impl ReferenceModel {
    fn payment_faults(&self, license: &License, given: &Payment, faults: &mut Faults) -> B256 {
        let id = self.channel_id(license.id, given.payer, given.signer, given.salt);
        let channel = self.channels.iter().find(|channel| channel.id == id);
        let deposited = channel.map_or(0, |channel| channel.deposited);
        let terms = &license.reference.terms;
        let price = U256::from(given.requests) * U256::from(terms.pricePerRequest)
            + U256::from(given.tokens) * U256::from(terms.pricePerThousandTokens)
                / U256::from(1000);
        let paid = given.requests != 0
            && deposited != 0
            && given.amount <= deposited
            && U256::from(given.amount) >= price;
        let not_paid = Manager::ChallengeManager_NotPaid {
            channelId: id,
            amount: given.amount,
            price,
            deposited,
        };
        faults.unless(paid, not_paid);
        let bad = Manager::ChallengeManager_BadVoucherSignature { signer: given.by() };
        faults.unless(self.is_signed(given.by(), &given.signature), bad);
        id
    }

    /// `rebut`. Anyone.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn rebut(
        &mut self,
        reference: &CaseRef,
        CaseFindings { drawn, outcome: found, keys }: CaseFindings<'_>,
        fingerprint: u16,
        given: &Payment,
    ) -> Caused {
        let id = self.case_id(reference);
        let case = self.court.cases.get(&id).cloned();
        let mut faults = Faults::default();
        faults.step(id, case.as_ref(), CaseStatus::Rebuttal, self.time);
        let same = |case: &Case| case.is_drawn(drawn) && case.outcome.as_ref() == Some(found);
        faults.facts(id, case.as_ref().is_some_and(same));
        let other_keys = Manager::ChallengeManager_WrongKeyHashes { caseId: id };
        faults.unless(keccak256(keys.concat()) == found.keysHash, other_keys);
        let key = keys.get(usize::from(fingerprint));
        faults.unless(key.is_some(), Manager::ChallengeManager_NoSuchFingerprint { fingerprint });
        if let Some(key) = key {
            faults.request(reference.license.terms.modelId, *key, given.request);
        }
        // A case that is not known accuses no license whose channels could be looked at.
        let Some(mut case) = case else {
            faults.none()?;
            return Err(Refused::ANY);
        };
        let license = self.license(case.license)?;
        let channel = self.payment_faults(&license, given, &mut faults);
        let pays = |member: &Address| [given.by(), given.payer].contains(member);
        let member = drawn.committee.iter().position(pays);
        let stranger = Manager::ChallengeManager_NotMember { caseId: id, caller: given.by() };
        faults.unless(member.is_some(), stranger);
        let member = member.unwrap_or_default();
        let known = case.paid.get(&fingerprint).is_some_and(|paid| paid.contains(&member));
        let prover = drawn.committee.get(member).copied().unwrap_or_default();
        faults.unless(!known, Manager::ChallengeManager_AlreadyDone { caseId: id, prover });
        faults.none()?;
        let paid = case.paid.entry(fingerprint).or_default();
        paid.insert(member);
        let others = drawn.committee.len() - paid.len();
        let paid = Manager::RequestPaid { caseId: id, fingerprint, prover, channelId: channel };
        let mut events = vec![self.court_event(&paid)];
        let bit = U256::from(1) << usize::from(fingerprint);
        if others < quorum(drawn.committee.len()) && (case.removed & bit).is_zero() {
            case.removed |= bit;
            let event = Manager::ObservationRemoved { caseId: id, fingerprint, channelId: channel };
            events.push(self.court_event(&event));
        }
        self.court.cases.insert(id, case);
        Ok(events)
    }

    /// `resolve`. Anyone.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn resolve(
        &mut self,
        reference: &CaseRef,
        drawn: &Drawn,
        asked: B256,
        found: &Outcome,
    ) -> Caused {
        let id = self.case_id(reference);
        let mut case = self.court.cases.get(&id).cloned();
        let advanced = case.as_mut().map(|case| self.court.advance(case, self.time));
        let (status, deadline) =
            case.as_ref().map_or((CaseStatus::None, 0), |case| (case.status, case.deadline));
        let running =
            (CaseStatus::Opened as u8..=CaseStatus::Rebuttal as u8).contains(&(status as u8));
        let mut faults = Faults::default();
        let not_yet = Manager::ChallengeManager_NotResolvable {
            caseId: id,
            status,
            deadline: time40(deadline),
        };
        faults.unless(running && self.time > deadline, not_yet);
        let holds = |case: &Case| match status {
            CaseStatus::Opened => true,
            CaseStatus::Drawn => case.is_drawn(drawn),
            CaseStatus::Rebuttal => case.is_drawn(drawn) && case.outcome.as_ref() == Some(found),
            _ => case.is_drawn(drawn) && case.asked == asked,
        };
        faults.facts(id, case.as_ref().is_some_and(holds));
        faults.none()?;
        let case = case.ok_or(Refused::ANY)?;
        let advanced = self.court_events(advanced.unwrap_or_default());
        self.atomically(|m| m.end(case, advanced))
    }

    fn end(&mut self, mut case: Case, mut events: Events) -> Caused {
        let step = case.status;
        let terms = case.reference.license.terms.clone();
        let weighed = match (step, &case.outcome) {
            (CaseStatus::Rebuttal, Some(found)) => {
                let bundles = self.court.config.bundlesPerCase;
                Some(weigh(&terms.evidence, &case, bundles, found))
            }
            _ => None,
        };
        let upheld = weighed.is_some_and(|w| w.evidence >= w.threshold);
        case.status = match weighed {
            None => CaseStatus::Void,
            Some(_) if upheld => CaseStatus::Upheld,
            Some(_) => CaseStatus::Dismissed,
        };
        let (reporter, host) = (case.reference.reporter, case.reference.license.host);
        let dismissed = case.status == CaseStatus::Dismissed;
        self.pay_bond(&case, if dismissed { host } else { reporter }, &mut events);
        // Before the reveals the owner may have withheld the questions, and nobody can tell.
        let penalise = step as u8 >= CaseStatus::Revealing as u8;
        self.settle_members(&case, penalise, &mut events)?;
        let mut split = SlashSplit::default();
        if upheld && case.slashes() {
            events.extend(self.terminate_for(self.licenses[case.license].id, self.manager)?);
            let (caused, parts) = self.punish(case.license, terms.slash.unpaidUseBps, reporter)?;
            events.extend(caused);
            split = parts;
        }
        if upheld && case.reference.leak {
            let deployment = case.reference.deploymentHash;
            self.court.flags.insert(deployment, case.id);
            events.push(self.court_event(&Manager::DeploymentFlagged {
                deploymentHash: deployment,
                licenseId: self.licenses[case.license].id,
                caseId: case.id,
            }));
        }
        events.push(self.resolved(&case, weighed.unwrap_or_default(), split));
        if case.slashes() {
            let id = self.licenses[case.license].id;
            events.extend(self.freeze(id, self.manager, false)?);
        }
        self.court.cases.insert(case.id, case);
        Ok(events)
    }

    /// Slashes by the manager; with what was slashed, the reporter's and the owner's parts.
    pub(super) fn punish(
        &mut self,
        license: usize,
        bps: u16,
        reporter: Address,
    ) -> Result<(Events, SlashSplit), Refused> {
        let delay = self.court.config.payoutDelay.to::<u64>();
        let own = self.license(license)?;
        let slashed = share(own.collateral, bps);
        let split = &own.reference.terms.slash;
        let parts = SlashSplit {
            slashed,
            to_reporter: share(slashed, split.reporterBps),
            to_owner: share(slashed, split.ownerBps),
        };
        Ok((self.slash(&own.reference, self.manager, bps, reporter, delay)?, parts))
    }

    fn pay_bond(&mut self, case: &Case, to: Address, events: &mut Events) {
        let terms = &case.reference.license.terms;
        let (currency, amount) = (terms.currency, terms.reportBond);
        self.credit(Coin::of(currency), to, amount);
        events.push(self.court_event(&Manager::BondPaid { caseId: case.id, to, currency, amount }));
    }

    /// Each member is released; who revealed and agreed is paid, the other fees return to the
    /// reporter.
    fn settle_members(
        &mut self,
        case: &Case,
        penalise: bool,
        events: &mut Events,
    ) -> Result<(), Refused> {
        let terms = &case.reference.license.terms;
        let (currency, fee) = (terms.currency, terms.proverFee);
        let coin = Coin::of(currency);
        let mut unpaid = self.fees(fee);
        let committee = case.drawn.as_ref().map_or(&[][..], |drawn| &drawn.committee);
        for (place, member) in committee.iter().enumerate() {
            let dissents = case.dissenters >> place & 1 == 1;
            let penalty = match (case.revealed(*member), dissents) {
                (None, _) if penalise => self.court.config.nonRevealPenalty,
                (None, _) => 0,
                (Some(_), true) => self.court.config.dissentPenalty,
                (Some(_), false) => {
                    unpaid -= fee;
                    self.credit(coin, *member, fee);
                    events.push(self.court_event(&Manager::ProverPaid {
                        caseId: case.id,
                        prover: *member,
                        currency,
                        amount: fee,
                    }));
                    0
                }
            };
            events.extend(self.release(self.manager, case.id, *member, penalty)?);
        }
        if unpaid != 0 {
            let reporter = case.reference.reporter;
            self.credit(coin, reporter, unpaid);
            let amount = U256::from(unpaid);
            let event = Manager::FeesReturned { caseId: case.id, reporter, currency, amount };
            events.push(self.court_event(&event));
        }
        Ok(())
    }

    fn resolved(
        &self,
        case: &Case,
        weighed: Weighed,
        split: SlashSplit,
    ) -> (Address, alloy::primitives::LogData) {
        let ((hits, misses), (inside, outside)) = (weighed.personal, weighed.shared);
        let small = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
        self.court_event(&Manager::CaseResolved {
            caseId: case.id,
            status: case.status,
            level: 2,
            hits: small(hits + inside),
            queries: small(hits + misses + inside + outside),
            evidenceLog2: weighed.evidence,
            thresholdLog2: weighed.threshold,
            slashed: split.slashed,
            toReporter: split.to_reporter,
            toOwner: split.to_owner,
        })
    }
}
