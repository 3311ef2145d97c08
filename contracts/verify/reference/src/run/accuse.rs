//! Reports, draws and questions.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::leaf::{BUNDLE, BUNDLE_LEAVES};
use oml_contracts::rpc::abi::{CaseRef, ChallengeManager, Drawn, LicenseRef};
use rand::Rng;
use rand::seq::SliceRandom;

use super::court::is_live;
use super::difference::Difference;
use super::docket::{Care, Conduct, Docket, Prepared};
use super::world::{Call, World};
use crate::agreed::Coin;
use crate::model::{Case, CaseReport, License, Status, candidate, is_assigned, universe_of};

impl World {
    pub(super) fn reporter(&mut self) -> Address {
        let mut people = self.people.payers.clone();
        people.extend([self.people.stranger, self.people.hosts[0]]);
        people[self.below(people.len())]
    }

    /// Commits to a report, or makes one that was committed to.
    pub(super) fn report(&mut self) -> Result<(), Difference> {
        let Some(court) = &self.court else { return Ok(()) };
        let prepared = court.prepared.len();
        let live = self.model.court.cases.values().filter(|case| is_live(case)).count();
        if live > 1 && !self.chance(4) {
            return Ok(());
        }
        if prepared == 0 || (prepared < 3 && self.chance(3)) {
            return self.commit_report();
        }
        let at = self.below(prepared);
        let Some(report) = self.court.as_ref().and_then(|court| court.prepared.get(at).cloned())
        else {
            return Ok(());
        };
        let from = report.made_at + self.model.court.config.reportDelay.to::<u64>();
        if self.model.time < from && !self.chance(20) {
            // Early by a second, now and then.
            let early = u64::from(self.chance(8));
            self.pass(1, (from - self.model.time).saturating_sub(early));
        }
        self.open_case(at, report)
    }

    /// Mostly a license in use, of which somebody may find a deployment.
    fn accused(&mut self) -> (usize, LicenseRef) {
        let all = self.model.licenses.iter().enumerate();
        let used = |l: &License| l.status == Status::Active && !l.deployments.is_empty();
        let used: Vec<usize> = all.filter(|(_, l)| used(l)).map(|(at, _)| at).collect();
        if used.is_empty() || self.chance(8) {
            let (at, reference, _) = self.pick();
            return (at, reference);
        }
        let at = used[self.below(used.len())];
        (at, self.license_at(at).0)
    }

    fn commit_report(&mut self) -> Result<(), Difference> {
        let (at, reference) = self.accused();
        let by = self.reporter();
        let registered = self.model.licenses.get(at).map(|license| &license.deployments);
        let live: Vec<B256> = registered.map_or_else(Vec::new, |all| all.keys().copied().collect());
        let uri = self.uri();
        let leak = self.chance(3).then(|| uri.to_owned());
        let deployment = match (&leak, live.is_empty()) {
            (None, false) => live[self.below(live.len())],
            _ => keccak256(uri),
        };
        let report = CaseReport { license: reference, deployment, leak, salt: self.word() };
        let claim = (self.model.license_id(&report.license), deployment);
        let claim = keccak256(claim.abi_encode());
        let commitment = keccak256((by, claim, report.salt).abi_encode());
        for _ in 0..(1 + u32::from(self.chance(15))) {
            let data = ChallengeManager::commitReportCall { commitment };
            let call = Call::new(self.model.manager, "commitReport", by, 0, &data);
            let verdict = self.model.commit_report(by, commitment);
            self.hold(&call, verdict)?;
        }
        let made_at = self.model.time;
        if let Some(court) = &mut self.court {
            court.prepared.push(Prepared { by, report, made_at });
        }
        Ok(())
    }

    fn open_case(&mut self, at: usize, prepared: Prepared<CaseReport>) -> Result<(), Difference> {
        let Prepared { by, mut report, .. } = prepared;
        let by = self.mostly(by);
        match self.random.random_range(0..60_u32) {
            0 => report.salt = self.word(),
            1 => report.deployment = self.word(),
            2 => report.leak = None,
            _ => {}
        }
        if let Some(uri) = &report.leak {
            report.deployment = keccak256(uri);
        }
        let terms = &report.license.terms;
        let price =
            terms.reportBond + self.model.court.config.committeeSize as u128 * terms.proverFee;
        let coin = Coin::of(terms.currency);
        let value = self.value(coin, price);
        let (r#ref, salt) = (report.license.clone(), report.salt);
        let call = match report.leak.clone() {
            Some(uri) => {
                let data = ChallengeManager::openLeakCaseCall { r#ref, uri, salt };
                Call::new(self.model.manager, "openLeakCase", by, value, &data)
            }
            None => {
                let deployment = report.deployment;
                let data =
                    ChallengeManager::openCaseCall { r#ref, deploymentHash: deployment, salt };
                Call::new(self.model.manager, "openCase", by, value, &data)
            }
        };
        let verdict = self.model.open_case(by, &report, value);
        let opened = verdict.as_ref().map(|(_, id)| *id).ok();
        let output = self.hold(&call, verdict.map(|(events, _)| events))?;
        let Some(id) = opened else {
            // Not for ever the same report that can't be made.
            if self.chance(2) {
                self.forget(at);
            }
            return Ok(());
        };
        super::compare::same("id of a case", id.into(), B256::from_slice(&output).into())?;
        self.forget(at);
        if let Some(case) = self.model.court.cases.get(&id).cloned() {
            let docket = self.new_docket(&case);
            if let Some(court) = &mut self.court {
                court.dockets.push(docket);
            }
        }
        self.compare_case(id)
    }

    fn forget(&mut self, at: usize) {
        if let Some(court) = &mut self.court {
            drop(court.prepared.swap_remove(at));
        }
    }

    fn new_docket(&mut self, case: &Case) -> Docket {
        let rate = [16, 16, 15, 12, 11, 9, 1, 0][self.below(8)];
        Docket {
            id: case.id,
            reference: case.reference.clone(),
            rate,
            owner_acts: [!self.chance(12), !self.chance(12)],
            rebuts: self.chance(3),
            conduct: BTreeMap::new(),
            questions: Vec::new(),
            positions: Vec::new(),
            answers: Vec::new(),
            sheets: BTreeMap::new(),
        }
    }

    pub(super) fn draw_case(&mut self, reference: CaseRef) -> Result<(), Difference> {
        let id = self.model.case_id(&reference);
        if let Some(round) = self.model.court.cases.get(&id).map(|case| case.round) {
            self.bring(round)?;
        }
        let data = ChallengeManager::drawCaseCall { r#ref: reference.clone() };
        let call = Call::new(self.model.manager, "drawCase", self.people.stranger, 0, &data);
        let verdict = self.model.draw_case(&reference);
        self.hold(&call, verdict)?;
        self.compare_case(id)?;
        let Some(case) = self.model.court.cases.get(&id).cloned() else { return Ok(()) };
        if let Some(drawn) = &case.drawn {
            self.ask(&case, drawn);
        }
        Ok(())
    }

    /// The owner shuffles keys and decoys, the deployment answers, the members see it; all of it
    /// off chain.
    fn ask(&mut self, case: &Case, drawn: &Drawn) {
        let opened = BUNDLE * drawn.bundles.len();
        let decoys = usize::from(self.model.court.config.minDecoys) + self.below(4);
        let mut places: Vec<u16> = (0..).take(opened + decoys).collect();
        places.shuffle(&mut self.random);
        let (positions, decoys) = places.split_at(opened);
        let Some(at) = self.court.as_ref().and_then(|court| {
            court
                .dockets
                .iter()
                .position(|docket| docket.id == case.id && docket.questions.is_empty())
        }) else {
            return;
        };
        let Some(mut docket) = self.docket(at) else { return };
        docket.questions = vec![B256::ZERO; places.len()];
        docket.answers = vec![[0; 4]; places.len()];
        for (j, place) in positions.iter().enumerate() {
            let index =
                drawn.bundles[j / BUNDLE] * BUNDLE_LEAVES + u32::try_from(j % BUNDLE).unwrap_or(0);
            let (key, answer) = self.answer(&docket, case.license, index);
            docket.questions[usize::from(*place)] = key;
            docket.answers[usize::from(*place)] = answer;
        }
        for place in decoys {
            docket.questions[usize::from(*place)] = self.word();
            docket.answers[usize::from(*place)] = self.random.random();
        }
        docket.positions = positions.to_vec();
        for member in &drawn.committee {
            let conduct = self.conduct();
            docket.conduct.insert(*member, conduct);
            let sheet = self.sheet(&docket.answers, conduct);
            docket.sheets.insert(*member, sheet);
        }
        if let Some(court) = &mut self.court {
            court.dockets[at] = docket;
        }
    }

    /// Key and answer of a fingerprint: what the license's copy says, or something else.
    fn answer(&mut self, docket: &Docket, license: usize, index: u32) -> (B256, [u8; 4]) {
        let Some(court) = &self.court else { return (B256::ZERO, [0; 4]) };
        let license = &self.model.licenses[license];
        let id = universe_of(&license.reference.terms);
        let Some(leaves) = court.leaves.get(&id) else { return (B256::ZERO, [0; 4]) };
        let (leaf, universe) = (leaves.leaf(index), self.model.universe(id));
        let personal = index < universe.personal;
        let seed = if personal { license.seed } else { universe.seed.unwrap_or_default() };
        let p = license.reference.terms.evidence.assignmentP;
        let carried = personal || is_assigned(license.seed, universe.root, index, leaf.salt, p);
        let drawn = candidate(seed, universe.root, index, leaf.salt);
        let says = self.random.random_range(0..16) < docket.rate && (carried || self.chance(3));
        let place = if says { drawn } else { self.random.random_range(0..16) };
        let packed = leaf.tags.concat();
        let tag = [0, 1, 2, 3].map(|byte| packed[4 * place + byte]);
        (leaf.keyHash, if !says && self.chance(4) { [0; 4] } else { tag })
    }

    fn conduct(&mut self) -> Conduct {
        match self.random.random_range(0..20_u32) {
            0..=13 => Conduct::Honest,
            14..=15 => Conduct::Noisy,
            16 => Conduct::Absent,
            17 => Conduct::Mute,
            _ => Conduct::Blind,
        }
    }

    fn sheet(&mut self, answers: &[[u8; 4]], conduct: Conduct) -> Vec<u8> {
        let mut sheet = answers.concat();
        let altered = match conduct {
            Conduct::Blind => answers.len(),
            Conduct::Noisy => self.below(answers.len()),
            _ => 0,
        };
        for _ in 0..altered {
            let at = 4 * self.below(answers.len());
            let tag: [u8; 4] = if self.chance(4) { [0; 4] } else { self.random.random() };
            sheet[at..at + 4].copy_from_slice(&tag);
        }
        sheet
    }

    pub(super) fn post_questions(&mut self, at: usize, care: Care) -> Result<(), Difference> {
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let Some(case) = self.case_of(&docket) else { return Ok(()) };
        let mut by = docket.reference.license.terms.owner;
        let mut reference = docket.reference.clone();
        let mut drawn = case.drawn.unwrap_or_default();
        let mut asked = keccak256(docket.questions.concat());
        let mut count = u16::try_from(docket.questions.len()).unwrap_or(u16::MAX);
        if care.spoils() {
            let min = BUNDLE * drawn.bundles.len() + usize::from(self.model.court.config.minDecoys);
            match self.random.random_range(0..8_u32) {
                0 => by = self.people.stranger,
                1 => reference = self.spoiled_reference(&reference),
                2 => drawn = self.spoiled_draw(&drawn),
                3 => asked = B256::ZERO,
                4 => count = 256,
                5 => count = u16::try_from(min).unwrap_or(0).saturating_sub(1),
                // Questions that the owner can never open.
                6 if self.chance(3) => asked = self.word(),
                _ => {}
            }
        }
        let data = ChallengeManager::postQuestionsCall {
            r#ref: reference.clone(),
            drawn: drawn.clone(),
            questionsHash: asked,
            count,
        };
        let call = Call::new(self.model.manager, "postQuestions", by, 0, &data);
        let verdict = self.model.post_questions(by, &reference, &drawn, asked, count);
        self.hold(&call, verdict)?;
        self.compare_case(docket.id)
    }
}
