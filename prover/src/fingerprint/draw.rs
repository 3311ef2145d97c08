//! Which answers a license's copy gives.

use oml_contracts::draw::{self, Part};
use oml_contracts::keccak::keccak_parts;
use oml_contracts::{Root, Seed, Tag};

use super::{Candidate, Key, Universe};

/// What the beacon drew for one license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LicenseDraw {
    /// Seed of the license: personal answers and assignment.
    pub license_seed: Seed,
    /// Seed of the universe: shared answers.
    pub model_seed: Seed,
    /// Probability, in 1/65,536, that a license carries a given shared fingerprint.
    pub assignment_p: u16,
}

/// Probability, in 1/65,536, of [`LicenseDraw::offline`]: one in four, as on chain by default.
const OFFLINE_ASSIGNMENT: u16 = 16_384;

impl LicenseDraw {
    /// The draw for a copy where there is no chain: it follows from the universe's root and the
    /// copy's name. The root commits to keys, candidates and secret salts, so that nobody can tell
    /// the answers without the universe; but its owner, who could have tried many names, convinces
    /// nobody else by it.
    #[must_use]
    pub fn offline(root: Root, copy: &str) -> Self {
        let seed = |purpose: &[u8], name: &str| {
            Seed::new(keccak_parts(&[b"oml-offline-v1", purpose, root.as_bytes(), name.as_bytes()]))
        };
        Self {
            license_seed: seed(b"license", copy),
            model_seed: seed(b"model", ""),
            assignment_p: OFFLINE_ASSIGNMENT,
        }
    }
}

/// An answer that a license's copy gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Index of the fingerprint.
    pub index: u32,
    /// The part of the universe that it belongs to.
    pub part: Part,
    /// The prompt that is answered.
    pub key: &'a Key,
    /// The drawn candidate.
    pub candidate: &'a Candidate,
}

impl Universe {
    /// Answer of a license's copy to fingerprint `index`; `None` behind the end, or if the
    /// fingerprint is shared and not assigned to the license.
    #[must_use]
    pub fn answer(&self, draw: &LicenseDraw, index: u32) -> Option<Answer<'_>> {
        let entry = self.entry(index)?;
        let part = self.parts().part_of(index)?;
        let root = self.root();
        let choice = match part {
            Part::Personal => draw::personal_index(draw.license_seed, root, index, entry.salt),
            Part::Shared if self.assigns(draw, index) => {
                draw::shared_index(draw.model_seed, root, index, entry.salt)
            }
            Part::Shared => return None,
        };
        let candidate = entry.candidates.get(choice)?;
        Some(Answer { index, part, key: &entry.key, candidate })
    }

    /// All answers to embed for a license: the personal part, and what of the shared part is
    /// assigned to it.
    pub fn answers<'a>(&'a self, draw: &'a LicenseDraw) -> impl Iterator<Item = Answer<'a>> {
        (0..self.parts().total()).filter_map(|index| self.answer(draw, index))
    }

    /// Tag of the answer that any assigned copy gives to shared fingerprint `index`; `None` for
    /// personal ones and behind the end.
    #[must_use]
    pub(crate) fn shared_tag(&self, model_seed: Seed, index: u32) -> Option<Tag> {
        let entry = self.entry(index)?;
        if self.parts().part_of(index)? != Part::Shared {
            return None;
        }
        let choice = draw::shared_index(model_seed, self.root(), index, entry.salt);
        entry.candidates.tags().get(choice)
    }

    /// Whether shared fingerprint `index` is assigned to the license.
    #[must_use]
    pub(crate) fn assigns(&self, draw: &LicenseDraw, index: u32) -> bool {
        self.entry(index).is_some_and(|entry| {
            draw::is_assigned(draw.license_seed, self.root(), index, entry.salt, draw.assignment_p)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::universe::tests::universe;
    use super::*;

    fn license(n: u8) -> LicenseDraw {
        LicenseDraw {
            license_seed: Seed::new([n; 32]),
            model_seed: Seed::new([99; 32]),
            assignment_p: 16_384,
        }
    }

    #[test]
    fn draws_without_a_chain_follow_from_universe_and_name() {
        let (universe, other) = (universe(32, 32), universe(64, 32));
        let draw = LicenseDraw::offline(universe.root(), "alice");
        assert_eq!(draw, LicenseDraw::offline(universe.root(), "alice"));
        let bob = LicenseDraw::offline(universe.root(), "bob");
        assert_eq!(draw.model_seed, bob.model_seed, "shared answers are the universe's");
        assert_ne!(draw.license_seed, bob.license_seed);
        let elsewhere = LicenseDraw::offline(other.root(), "alice");
        assert_ne!(draw.license_seed, elsewhere.license_seed);
        assert_ne!(draw.model_seed, elsewhere.model_seed);
        let same = (0..32).filter(|i| universe.answer(&draw, *i) == universe.answer(&bob, *i));
        assert!(same.count() < 16, "copies by other names give other answers");
    }

    #[test]
    fn every_copy_has_every_personal_key_and_its_share_of_the_rest() {
        let universe = universe(64, 320);
        let draw = license(1);
        let answers: Vec<Answer<'_>> = universe.answers(&draw).collect();
        let personal = answers.iter().filter(|a| a.part == Part::Personal).count();
        assert_eq!(personal, 64);
        let shared = answers.len() - personal;
        assert!((40..120).contains(&shared), "{shared} of 320 assigned at p = 1/4");
        for answer in &answers {
            let entry = universe.entry(answer.index).unwrap();
            assert!(entry.candidates.iter().any(|c| c == answer.candidate));
            if answer.part == Part::Shared {
                let tag = universe.shared_tag(draw.model_seed, answer.index);
                assert_eq!(tag, Some(answer.candidate.tag()));
            }
        }
    }

    #[test]
    fn copies_differ_on_personal_keys_and_agree_on_common_shared_ones() {
        let universe = universe(320, 320);
        let (a, b) = (license(1), license(2));
        let mut same = 0;
        for index in 0..640 {
            let (Some(x), Some(y)) = (universe.answer(&a, index), universe.answer(&b, index))
            else {
                continue;
            };
            match x.part {
                Part::Personal => same += u32::from(x.candidate == y.candidate),
                Part::Shared => assert_eq!(x.candidate, y.candidate),
            }
        }
        assert!((5..45).contains(&same), "{same} of 320 agree by chance, 20 are expected");
        assert!(universe.answer(&a, 640).is_none());
        assert_eq!(universe.shared_tag(a.model_seed, 0), None);
    }
}
