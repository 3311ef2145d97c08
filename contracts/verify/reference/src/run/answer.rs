//! Members commit and reveal; the owner opens.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::leaf::BUNDLE;
use oml_contracts::rpc::abi::ChallengeManager;
use oml_contracts::rpc::abi::ChallengeManager::LeafOpening;
use oml_contracts::rpc::abi::Drawn;
use rand::Rng;

use super::difference::Difference;
use super::docket::{Care, Conduct, Docket};
use super::world::{Call, World};
use crate::model::{Case, universe_of};

impl World {
    pub(super) fn go_on_committing(&mut self, at: usize, case: &Case) -> Result<(), Difference> {
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let drawn = case.drawn.clone().unwrap_or_default();
        let acts = |member: &Address| {
            !case.words.contains_key(member) && docket.conduct_of(*member) != Conduct::Absent
        };
        if self.model.time <= case.deadline && drawn.committee.iter().any(acts) {
            return self.commit_tags(at, Care::Right);
        }
        if self.model.time <= case.deadline {
            self.pass_to(case.deadline, 1);
        }
        // Whoever comes next finds the step ended.
        let enough = case.commits as usize >= crate::model::quorum(drawn.committee.len());
        if enough { self.reveal_tags(at, Care::Right) } else { self.resolve(at, Care::Right) }
    }

    pub(super) fn go_on_revealing(&mut self, at: usize, case: &Case) -> Result<(), Difference> {
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let committee = case.drawn.clone().unwrap_or_default().committee;
        let acts = |member: &Address| {
            case.words.contains_key(member)
                && case.revealed(*member).is_none()
                && docket.conduct_of(*member) != Conduct::Mute
        };
        if self.model.time <= case.deadline && committee.iter().any(acts) {
            return self.reveal_tags(at, Care::Right);
        }
        if self.model.time <= case.deadline {
            self.pass_to(case.deadline, 1);
        }
        let enough = case.reveals as usize >= crate::model::quorum(committee.len());
        if enough && docket.owner_acts[1] {
            self.open_leaves(at, Care::Right)
        } else {
            self.resolve(at, Care::Right)
        }
    }

    pub(super) fn go_on_opening(&mut self, at: usize, case: &Case) -> Result<(), Difference> {
        let acts = self.docket(at).is_some_and(|docket| docket.owner_acts[1]);
        if self.model.time <= case.deadline && acts && !self.chance(4) {
            return self.open_leaves(at, Care::Right);
        }
        if self.model.time <= case.deadline {
            self.pass_to(case.deadline, 1);
        }
        self.resolve(at, Care::Right)
    }

    /// A member that should act next, or any.
    fn member(&mut self, docket: &Docket, case: &Case, committed: bool) -> Address {
        let committee = case.drawn.clone().unwrap_or_default().committee;
        let due = |member: &Address| {
            let conduct = docket.conduct_of(*member);
            if committed {
                case.words.contains_key(member)
                    && case.revealed(*member).is_none()
                    && conduct != Conduct::Mute
            } else {
                !case.words.contains_key(member) && conduct != Conduct::Absent
            }
        };
        let due: Vec<Address> = committee.iter().copied().filter(due).collect();
        let from = if due.is_empty() || self.chance(30) { committee } else { due };
        if from.is_empty() { self.people.stranger } else { from[self.below(from.len())] }
    }

    pub(super) fn commit_tags(&mut self, at: usize, care: Care) -> Result<(), Difference> {
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let Some(case) = self.case_of(&docket) else { return Ok(()) };
        let mut by = self.member(&docket, &case, false);
        let (mut id, mut asked) = (docket.id, case.asked);
        let mut drawn = case.drawn.clone().unwrap_or_default();
        let sheet = docket.sheets.get(&by).cloned().unwrap_or_default();
        let salt = docket.salt(by);
        let mut commitment = keccak256((id, by, salt, keccak256(sheet)).abi_encode());
        if care.spoils() {
            match self.random.random_range(0..6_u32) {
                0 => by = self.people.stranger,
                1 => id = self.word(),
                2 => drawn = self.spoiled_draw(&drawn),
                3 => asked = self.word(),
                4 => commitment = B256::with_last_byte(u8::from(self.random.random::<bool>())),
                _ => {}
            }
        }
        let data = ChallengeManager::commitTagsCall {
            caseId: id,
            drawn: drawn.clone(),
            questionsHash: asked,
            commitment,
        };
        let call = Call::new(self.model.manager, "commitTags", by, 0, &data);
        let verdict = self.model.commit_tags(by, id, &drawn, asked, commitment);
        self.hold(&call, verdict)?;
        self.compare_word(id, by)?;
        self.compare_case(id)
    }

    pub(super) fn reveal_tags(&mut self, at: usize, care: Care) -> Result<(), Difference> {
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let Some(case) = self.case_of(&docket) else { return Ok(()) };
        let mut by = self.member(&docket, &case, true);
        let (mut id, mut salt) = (docket.id, docket.salt(by));
        let mut sheet = docket.sheets.get(&by).cloned().unwrap_or_default();
        if care.spoils() {
            match self.random.random_range(0..7_u32) {
                0 => by = self.people.stranger,
                1 => id = self.word(),
                2 => salt = self.word(),
                3 => sheet.extend([0; 4]),
                4 => sheet.truncate(sheet.len().saturating_sub(1)),
                5 => sheet.iter_mut().take(1).for_each(|byte| *byte ^= 1),
                _ => {}
            }
        }
        let tags = Bytes::from(sheet.clone());
        let data = ChallengeManager::revealTagsCall { caseId: id, tags, salt };
        let call = Call::new(self.model.manager, "revealTags", by, 0, &data);
        let verdict = self.model.reveal_tags(by, id, &sheet, salt);
        self.hold(&call, verdict)?;
        self.compare_word(id, by)?;
        self.compare_case(id)
    }

    /// What an honest owner brings.
    fn opening(&mut self, docket: &Docket, case: &Case, drawn: &Drawn) -> LeafOpening {
        let id = universe_of(&docket.reference.license.terms);
        let leaves = self.court.as_ref().and_then(|court| court.leaves.get(&id)).cloned();
        let Some(leaves) = leaves else { return LeafOpening::default() };
        let mut opening = LeafOpening::default();
        for (bundle, positions) in drawn.bundles.iter().zip(docket.positions.chunks(BUNDLE)) {
            opening.bundles.push(leaves.open(*bundle, positions));
        }
        opening.decoyHashes = docket.decoys();
        let share = !self.chance(4);
        let mut numbers = Vec::new();
        for member in &drawn.committee {
            let Some(tags) = case.revealed(*member) else {
                numbers.push(0xff);
                continue;
            };
            let known = opening.sheets.iter().position(|sheet| **sheet == *tags && share);
            let number = known.unwrap_or_else(|| {
                opening.sheets.push(Bytes::copy_from_slice(tags));
                opening.sheets.len() - 1
            });
            numbers.push(u8::try_from(number).unwrap_or(0xff));
        }
        opening.sheetOf = numbers.into();
        opening
    }

    /// Something about the opening that is not as it was committed to.
    fn spoil_opening(&mut self, opening: &mut LeafOpening) {
        let bundle = self.below(opening.bundles.len());
        let (leaf, other) = (self.below(16), self.below(16));
        let word = self.word();
        let kind = self.random.random_range(0..12_u32);
        if let Some(bundle) = opening.bundles.get_mut(bundle).filter(|_| kind < 8) {
            let position = bundle.leaves[other].position;
            let own = &mut bundle.leaves[leaf];
            match kind {
                0 => own.salt = word,
                1 => own.keyHash = word,
                2 => own.keyHash = B256::ZERO,
                3 => own.tags.reverse(),
                4 => own.position = position,
                5 => own.position = u16::MAX,
                6 => drop(bundle.siblings.pop()),
                _ => {
                    bundle.leaves[other].position = bundle.leaves[leaf].position;
                    bundle.leaves[leaf].position = position;
                }
            }
            return;
        }
        let mut numbers = opening.sheetOf.to_vec();
        match kind {
            8 => opening.decoyHashes.push(word),
            9 => numbers.push(0),
            10 => {
                for number in numbers.iter_mut().take(1) {
                    *number = if *number == 0xff { 0 } else { 0xff };
                }
            }
            _ => drop(opening.bundles.pop()),
        }
        opening.sheetOf = numbers.into();
    }

    pub(super) fn open_leaves(&mut self, at: usize, care: Care) -> Result<(), Difference> {
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let Some(case) = self.case_of(&docket) else { return Ok(()) };
        let mut by = docket.reference.license.terms.owner;
        let mut reference = docket.reference.clone();
        let mut drawn = case.drawn.clone().unwrap_or_default();
        let mut opening = self.opening(&docket, &case, &drawn);
        if care.spoils() {
            match self.random.random_range(0..12_u32) {
                0 => by = self.people.stranger,
                1 => reference = self.spoiled_reference(&reference),
                2 => drawn = self.spoiled_draw(&drawn),
                3 => {}
                _ => self.spoil_opening(&mut opening),
            }
        }
        let data = ChallengeManager::openLeavesCall {
            r#ref: reference.clone(),
            drawn: drawn.clone(),
            given: opening.clone(),
        };
        let call = Call::new(self.model.manager, "openLeaves", by, 0, &data);
        let verdict = self.model.open_leaves(by, &reference, &drawn, &opening);
        self.hold(&call, verdict)?;
        self.compare_case(docket.id)
    }
}
