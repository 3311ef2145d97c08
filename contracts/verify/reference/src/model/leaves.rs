//! The opening: what the committee agreed on, and what of it the drawn answers hit.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, U256, keccak256};
use oml_contracts::leaf::{BUNDLE, BUNDLE_LEAVES};
use oml_contracts::rpc::abi::ChallengeManager::{
    self as Manager, LeafOpening, OpenedBundle, OpenedLeaf, Outcome,
};
use oml_contracts::rpc::abi::{CaseRef, CaseStatus, Drawn};

use super::answers::name;
use super::court::quorum;
use super::faults::Faults;
use super::refusal::{Caused, Refused};
use super::state::{Case, ReferenceModel, UniverseId, UniverseState};
use super::units::time40;
use super::universe::universe_of;

pub(super) type Tag = [u8; 4];

/// In `sheetOf`: the member did not reveal.
const NO_SHEET: u8 = 0xff;

pub(super) fn keccak(parts: &[&[u8]]) -> B256 {
    keccak256(parts.concat())
}

/// Hash of leaf `index`.
#[must_use]
pub(crate) fn leaf_hash(universe: UniverseId, index: u32, leaf: &OpenedLeaf) -> B256 {
    let UniverseId { model, epoch } = universe;
    let domain = keccak256("OML.leaf.v1");
    let (epoch, index) = (epoch.to_be_bytes(), index.to_be_bytes());
    let [first, second] = &leaf.tags;
    let own = [leaf.salt.as_slice(), leaf.keyHash.as_slice(), first.as_slice(), second.as_slice()];
    keccak(&[domain.as_slice(), model.as_slice(), &epoch, &index, &own.concat()])
}

/// Place of the answer among the candidates.
#[must_use]
pub(crate) fn candidate(seed: B256, root: B256, index: u32, salt: B256) -> usize {
    let hash = keccak(&[&seed[..], &root[..], &salt[..], &index.to_be_bytes()]);
    usize::from(hash[31] % 16)
}

/// Whether a license carries a shared fingerprint.
#[must_use]
pub(crate) fn is_assigned(seed: B256, root: B256, index: u32, salt: B256, p: u16) -> bool {
    let hash = keccak(&[&seed[..], &root[..], &salt[..], b"assigned", &index.to_be_bytes()]);
    u16::from_be_bytes([hash[0], hash[1]]) < p
}

pub(super) fn tags(leaf: &OpenedLeaf) -> Vec<Tag> {
    let packed = leaf.tags.concat();
    packed.chunks_exact(4).map(|tag| [tag[0], tag[1], tag[2], tag[3]]).collect()
}

fn well_formed(tags: &[Tag]) -> bool {
    tags.first() > Some(&[0; 4]) && tags.windows(2).all(|pair| pair[0] < pair[1])
}

/// Levels of the tree above the bundles.
fn depth(count: u32) -> usize {
    let width = count.max(BUNDLE_LEAVES).next_power_of_two();
    (width / BUNDLE_LEAVES).trailing_zeros() as usize
}

/// Whether the bundle lies under the root, at its place.
fn proven(universe: &UniverseState, bundle: u32, opened: &OpenedBundle) -> bool {
    let count = universe.personal + universe.shared;
    let leaves = (bundle * BUNDLE_LEAVES..).zip(&opened.leaves);
    let mut level: Vec<B256> = leaves
        .map(|(index, leaf)| {
            leaf_hash(UniverseId { model: universe.model, epoch: universe.epoch }, index, leaf)
        })
        .collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| keccak(&[&pair[0][..], &pair[1][..]])).collect();
    }
    let mut node = level.first().copied().unwrap_or_default();
    for (height, sibling) in opened.siblings.iter().enumerate() {
        let right = bundle.checked_shr(u32::try_from(height).unwrap_or(32)).unwrap_or(0) % 2 == 1;
        let (a, b) = if right { (*sibling, node) } else { (node, *sibling) };
        node = keccak(&[&a[..], &b[..]]);
    }
    opened.siblings.len() == depth(count) && node == universe.root
}

/// Tags by question on which two thirds of the members agree, and who differs from more than half
/// of them.
fn consensus(case: &Case, committee: &[Address]) -> (Vec<Option<Tag>>, u16) {
    let sheets: Vec<Option<&[u8]>> = committee.iter().map(|m| case.revealed(*m)).collect();
    let tag = |sheet: &[u8], at: usize| -> Tag {
        sheet[4 * at..4 * at + 4].try_into().unwrap_or_default()
    };
    let agreed: Vec<Option<Tag>> = (0..usize::from(case.questions))
        .map(|at| {
            let mut votes: BTreeMap<Tag, usize> = BTreeMap::new();
            for sheet in sheets.iter().flatten() {
                *votes.entry(tag(sheet, at)).or_default() += 1;
            }
            let enough =
                |(tag, votes): &(Tag, usize)| *tag != [0; 4] && *votes >= quorum(committee.len());
            votes.into_iter().find(enough).map(|(tag, _)| tag)
        })
        .collect();
    let settled = agreed.iter().flatten().count();
    let dissents = |sheet: &[u8]| {
        let differs =
            |(at, own): (usize, &Option<Tag>)| own.is_some_and(|own| own != tag(sheet, at));
        2 * agreed.iter().enumerate().filter(|position| differs(*position)).count() > settled
    };
    let dissenters = sheets.iter().enumerate().filter(|(_, sheet)| sheet.is_some_and(dissents));
    let bits = dissenters.fold(0, |bits, (member, _)| bits | 1 << member);
    (agreed, bits)
}

/// Each member's sheet is what it revealed; who revealed nothing has none.
fn check_sheets(
    id: B256,
    case: Option<&Case>,
    drawn: &Drawn,
    given: &LeafOpening,
    faults: &mut Faults,
) {
    let length = Manager::ChallengeManager_WrongLength {
        name: name("sheetOf"),
        given: U256::from(given.sheetOf.len()),
        expected: U256::from(drawn.committee.len()),
    };
    faults.unless(given.sheetOf.len() == drawn.committee.len(), length);
    for (member, sheet) in drawn.committee.iter().zip(&given.sheetOf) {
        let revealed = case.and_then(|case| case.revealed(*member));
        let said = match *sheet {
            NO_SHEET => None,
            sheet => Some(given.sheets.get(usize::from(sheet))),
        };
        let holds = match (said, revealed) {
            (None, None) => true,
            (Some(Some(said)), Some(revealed)) => **said == *revealed,
            _ => false,
        };
        let wrong = Manager::ChallengeManager_WrongTags { caseId: id, prover: *member };
        faults.unless(holds, wrong);
    }
}

/// The opened leaves by their place among the questions.
pub(super) fn check_leaves(
    universe: &UniverseState,
    questions: u16,
    drawn: &[u32],
    given: &[OpenedBundle],
    faults: &mut Faults,
) -> BTreeMap<u16, B256> {
    let mut placed = BTreeMap::new();
    let length = Manager::ChallengeManager_WrongLength {
        name: name("bundles"),
        given: U256::from(given.len()),
        expected: U256::from(drawn.len()),
    };
    faults.unless(given.len() == drawn.len(), length);
    for (k, (bundle, opened)) in drawn.iter().zip(given).enumerate() {
        for (l, leaf) in opened.leaves.iter().enumerate() {
            let fingerprint = U256::from(BUNDLE * k + l);
            let bad =
                Manager::ChallengeManager_BadPosition { fingerprint, position: leaf.position };
            let free = leaf.position < questions && !placed.contains_key(&leaf.position);
            faults.unless(free && !leaf.keyHash.is_zero(), bad);
            placed.entry(leaf.position).or_insert(leaf.keyHash);
            let index = bundle * BUNDLE_LEAVES + u32::try_from(l).unwrap_or(0);
            let malformed = Manager::ChallengeManager_MalformedLeaf { leaf: index };
            faults.unless(well_formed(&tags(leaf)), malformed);
        }
        let bad = Manager::ChallengeManager_BadProof { bundle: *bundle };
        faults.unless(proven(universe, *bundle, opened), bad);
    }
    placed
}

/// The questions with the decoys between the opened ones, hashed.
fn questions_hash(
    questions: u16,
    placed: &BTreeMap<u16, B256>,
    decoys: &[B256],
    faults: &mut Faults,
) -> B256 {
    let expected = usize::from(questions).saturating_sub(placed.len());
    let length = Manager::ChallengeManager_WrongLength {
        name: name("decoyHashes"),
        given: U256::from(decoys.len()),
        expected: U256::from(expected),
    };
    faults.unless(decoys.len() == expected, length);
    let mut decoys = decoys.iter();
    let mut all = Vec::new();
    for position in 0..questions {
        let own = placed.get(&position).or_else(|| decoys.next());
        all.extend(own.copied().unwrap_or_default().0);
    }
    keccak256(all)
}

impl ReferenceModel {
    /// Hits of the drawn answers.
    fn found(
        &self,
        case: &Case,
        drawn: &Drawn,
        given: &LeafOpening,
        agreed: &[Option<Tag>],
    ) -> Outcome {
        let license = &self.licenses[case.license];
        let universe = self.universe(universe_of(&license.reference.terms));
        let p = license.reference.terms.evidence.assignmentP;
        let (mut hits, mut outside, mut keys) = (U256::ZERO, U256::ZERO, Vec::new());
        for (k, (bundle, opened)) in drawn.bundles.iter().zip(&given.bundles).enumerate() {
            for (l, leaf) in opened.leaves.iter().enumerate() {
                let index = bundle * BUNDLE_LEAVES + u32::try_from(l).unwrap_or(0);
                let personal = index < universe.personal;
                let seed = if personal { Some(license.seed) } else { universe.seed };
                keys.extend(leaf.keyHash.0);
                let answer =
                    seed.map(|seed| tags(leaf)[candidate(seed, universe.root, index, leaf.salt)]);
                let said = agreed.get(usize::from(leaf.position)).copied().flatten();
                if said.is_none() || said != answer {
                    continue;
                }
                let bit = U256::from(1) << (BUNDLE * k + l);
                if personal || is_assigned(license.seed, universe.root, index, leaf.salt, p) {
                    hits |= bit;
                } else {
                    outside |= bit;
                }
            }
        }
        Outcome { hits, outside, keysHash: keccak256(keys) }
    }

    /// `openLeaves`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn open_leaves(
        &mut self,
        by: Address,
        reference: &CaseRef,
        drawn: &Drawn,
        given: &LeafOpening,
    ) -> Caused {
        let id = self.case_id(reference);
        let mut case = self.court.cases.get(&id).cloned();
        let advanced = case.as_mut().map(|case| self.court.advance(case, self.time));
        let mut faults = Faults::default();
        faults.owner(by, reference);
        faults.step(id, case.as_ref(), CaseStatus::Opening, self.time);
        check_sheets(id, case.as_ref(), drawn, given, &mut faults);
        let questions = case.as_ref().map_or(0, |case| case.questions);
        let universe = self.universe(universe_of(&reference.license.terms));
        let placed = check_leaves(universe, questions, &drawn.bundles, &given.bundles, &mut faults);
        let asked = questions_hash(questions, &placed, &given.decoyHashes, &mut faults);
        let same = case.as_ref().is_some_and(|case| case.is_drawn(drawn) && case.asked == asked);
        faults.facts(id, same);
        faults.none()?;
        let mut case = case.ok_or(Refused::ANY)?;
        let (agreed, dissenters) = consensus(&case, &drawn.committee);
        let found = self.found(&case, drawn, given, &agreed);
        let mut events = self.court_events(advanced.unwrap_or_default());
        case.status = CaseStatus::Rebuttal;
        case.deadline = self.time + self.court.config.rebuttalWindow.to::<u64>();
        case.dissenters = dissenters;
        events.push(self.court_event(&Manager::LeavesOpened {
            caseId: id,
            hits: found.hits,
            outside: found.outside,
            keysHash: found.keysHash,
            count: u16::try_from(placed.len()).unwrap_or(u16::MAX),
            rebuttalDeadline: time40(case.deadline),
        }));
        case.outcome = Some(found);
        self.court.cases.insert(id, case);
        Ok(events)
    }
}
