//! What the beacon decides: seeds, each license's answers, assignments.

use crate::abi_encode::AbiWords;
use crate::address::EthAddress;
use crate::ids::{LicenseId, ModelId, Root, RoundId, Salt, Seed};
use crate::keccak::keccak_parts;
use crate::leaf::BUNDLE_LEAVES;

/// What a seed is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A license's personal answers and assignment.
    License(LicenseId),
    /// A universe's shared answers.
    Universe(ModelId, u32),
    /// A round's seats and bundles.
    Round(RoundId),
}

/// Seed of a subject from the beacon's value; `contract` is the `LicenseRegistry` for licenses and
/// universes, `Rounds` for rounds.
#[must_use]
pub fn seed(beacon_value: [u8; 32], contract: EthAddress, subject: Subject) -> Seed {
    let subject = match subject {
        Subject::License(id) => id.into(),
        Subject::Universe(model, epoch) => AbiWords::default().bytes32(model).uint(epoch).hash(),
        Subject::Round(id) => id.into(),
    };
    Seed::new(keccak_parts(&[&beacon_value, contract.as_bytes(), &subject]))
}

/// Which part of a universe a fingerprint belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Every copy carries the key; the answer is drawn for its license.
    Personal,
    /// The answer is drawn for the model; only assigned licenses carry it.
    Shared,
}

/// Sizes of a universe's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Parts {
    personal: u32,
    shared: u32,
}

/// Sizes that a universe can't have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// A bundle would be split between the parts.
    #[error("a universe part of {0} fingerprints is not whole bundles; take a multiple of 16")]
    NotWholeBundles(u32),
    /// No fingerprint that a round could open.
    #[error(
        "a universe needs personal fingerprints: no round can do without them; take at least 16"
    )]
    NoPersonal,
    /// Too many for one tree.
    #[error("{0} fingerprints are more than one universe holds; split them into epochs")]
    TooMany(u64),
}

impl Parts {
    /// Sizes of the personal and the shared part; both are multiples of 16.
    ///
    /// # Errors
    /// [`PartsError`] if they are not, if there is no personal part, or past
    /// [`crate::tree::MAX_LEAVES`].
    pub const fn new(personal: u32, shared: u32) -> Result<Self, PartsError> {
        if personal == 0 {
            return Err(PartsError::NoPersonal);
        }
        if !personal.is_multiple_of(BUNDLE_LEAVES) {
            return Err(PartsError::NotWholeBundles(personal));
        }
        if !shared.is_multiple_of(BUNDLE_LEAVES) {
            return Err(PartsError::NotWholeBundles(shared));
        }
        let total = personal as u64 + shared as u64;
        if total > crate::tree::MAX_LEAVES as u64 {
            return Err(PartsError::TooMany(total));
        }
        Ok(Self { personal, shared })
    }

    /// Fingerprints of the personal part: indices from 0.
    #[must_use]
    pub const fn personal(self) -> u32 {
        self.personal
    }

    /// Fingerprints of the shared part: indices behind the personal ones.
    #[must_use]
    pub const fn shared(self) -> u32 {
        self.shared
    }

    /// Fingerprints of both parts together.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.personal + self.shared
    }

    /// Part of fingerprint `index`, or `None` behind the end.
    #[must_use]
    pub const fn part_of(self, index: u32) -> Option<Part> {
        if index < self.personal {
            Some(Part::Personal)
        } else if index < self.total() {
            Some(Part::Shared)
        } else {
            None
        }
    }
}

/// `salt` is the leaf's, secret until the leaf is opened: seeds are public, and whoever knew the
/// draw could answer like a license whose copy it does not have.
fn candidate(seed: Seed, root: Root, index: u32, salt: Salt) -> u8 {
    let index = index.to_be_bytes();
    let hash = keccak_parts(&[seed.as_bytes(), root.as_bytes(), salt.as_bytes(), &index]);
    // 16 divides 2^256, so the last four bits decide, without bias.
    hash[31] & 0x0f
}

/// Candidate (0 to 15) that a license's copy answers to personal fingerprint `index`; `salt` is its
/// leaf's.
#[must_use]
pub fn personal_index(license_seed: Seed, root: Root, index: u32, salt: Salt) -> u8 {
    candidate(license_seed, root, index, salt)
}

/// Distinct candidates that a license's copy may answer to personal fingerprint `index`, in the
/// order in which they are drawn; as many as asked for, at most 16.
///
/// The first is [`personal_index`]. Each further one takes place
/// `keccak(licenseSeed ‖ root ‖ salt ‖ "answer" ‖ uint8 j ‖ uint32 i) mod left` (j from 1) among
/// the `left` candidates that are not drawn yet, ascending. So any given candidate is among `count`
/// drawn ones with probability `count / 16`, but for a bias below 2^-250.
#[must_use]
pub fn personal_indices(
    license_seed: Seed,
    root: Root,
    index: u32,
    salt: Salt,
    count: u8,
) -> Vec<u8> {
    let mut left: Vec<u8> = (0..16).collect();
    let draw = |j: u8| {
        let place = if j == 0 {
            usize::from(personal_index(license_seed, root, index, salt))
        } else {
            let parts: [&[u8]; 6] = [
                license_seed.as_bytes(),
                root.as_bytes(),
                salt.as_bytes(),
                b"answer",
                &[j],
                &index.to_be_bytes(),
            ];
            modulo(&keccak_parts(&parts), left.len())
        };
        left.remove(place)
    };
    (0..count.min(16)).map(draw).collect()
}

/// Candidate (0 to 15) that assigned copies answer to shared fingerprint `index`; `salt` is its
/// leaf's.
#[must_use]
pub fn shared_index(model_seed: Seed, root: Root, index: u32, salt: Salt) -> u8 {
    candidate(model_seed, root, index, salt)
}

/// Probability, in 1/65,536, that a license carries a given shared fingerprint: one in four.
///
/// Only judges off chain read the shared part, so it is no term of an offer.
pub const SHARED_ASSIGNMENT: u16 = 16_384;

/// Whether a license carries shared fingerprint `index`; `salt` is its leaf's, `assignment_p` in
/// 1/65,536.
#[must_use]
pub fn is_assigned(
    license_seed: Seed,
    root: Root,
    index: u32,
    salt: Salt,
    assignment_p: u16,
) -> bool {
    let hash = keccak_parts(&[
        license_seed.as_bytes(),
        root.as_bytes(),
        salt.as_bytes(),
        b"assigned",
        &index.to_be_bytes(),
    ]);
    u16::from_be_bytes([hash[0], hash[1]]) < assignment_p
}

/// Remainder of a big-endian number.
pub(crate) fn modulo(number: &[u8; 32], modulus: usize) -> usize {
    let step = |rest: usize, byte: &u8| (rest << 8 | usize::from(*byte)) % modulus;
    number.iter().fold(0, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keccak::keccak256;
    use crate::leaf::CANDIDATES;
    use std::collections::BTreeSet;

    const SALT: Salt = Salt::new([7; 32]);

    fn seed_of(name: &str) -> Seed {
        Seed::new(keccak256(name.as_bytes()))
    }

    #[test]
    fn parts_are_whole_bundles() {
        assert_eq!(Parts::new(24, 16), Err(PartsError::NotWholeBundles(24)));
        assert_eq!(Parts::new(16, 8), Err(PartsError::NotWholeBundles(8)));
        assert_eq!(Parts::new(0, 16), Err(PartsError::NoPersonal));
        assert!(matches!(Parts::new(1 << 31, 1 << 31), Err(PartsError::TooMany(_))));
        let parts = Parts::new(32, 16).unwrap();
        assert_eq!(parts.part_of(31), Some(Part::Personal));
        assert_eq!(parts.part_of(32), Some(Part::Shared));
        assert_eq!(parts.part_of(48), None);
    }

    /// Chi-square of the candidates over 16,000 draws stays below the 1e-6 quantile for 15 degrees
    /// of freedom (54.0), and assignment stays within 5 standard deviations of p.
    #[test]
    fn draws_are_uniform_and_assignment_has_its_rate() {
        let (license, root) = (seed_of("license"), Root::new(keccak256(b"root")));
        let mut counts = [0_u32; CANDIDATES];
        for index in 0..16_000 {
            counts[usize::from(personal_index(license, root, index, SALT))] += 1;
        }
        let chi: f64 = counts.iter().map(|n| (f64::from(*n) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 54.0, "chi-square {chi}");

        let assigned = (0..16_000).filter(|i| is_assigned(license, root, *i, SALT, 16_384)).count();
        assert!((assigned as f64 - 4000.0).abs() < 5.0 * 3000_f64.sqrt(), "{assigned}");
        assert_eq!((0..1000).filter(|i| is_assigned(license, root, *i, SALT, 0)).count(), 0);
    }

    /// As above for each of four answers, and for the pairs that the first two make (239 degrees of
    /// freedom, 1e-6 quantile 354).
    #[test]
    fn several_answers_are_distinct_and_uniform() {
        let (license, root) = (seed_of("license"), Root::new(keccak256(b"root")));
        let (mut counts, mut pairs) = ([[0_u32; CANDIDATES]; 4], [0_u32; 256]);
        for index in 0..6_400 {
            let drawn = personal_indices(license, root, index, SALT, 4);
            assert_eq!(drawn[0], personal_index(license, root, index, SALT));
            assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 4);
            assert_eq!(drawn[..2], personal_indices(license, root, index, SALT, 2));
            drawn.iter().zip(&mut counts).for_each(|(d, row)| row[usize::from(*d)] += 1);
            pairs[usize::from(drawn[0]) * 16 + usize::from(drawn[1])] += 1;
        }
        let chi = |counts: &[u32], mean: f64| -> f64 {
            counts.iter().map(|n| (f64::from(*n) - mean).powi(2) / mean).sum()
        };
        assert!(counts.iter().all(|row| chi(row, 400.0) < 54.0), "{counts:?}");
        let apart: Vec<u32> = (0..256).filter(|i| i / 16 != i % 16).map(|i| pairs[i]).collect();
        assert!(chi(&apart, 6400.0 / 240.0) < 354.0);
        assert_eq!(personal_indices(license, root, 0, SALT, 16).len(), 16);
        assert_eq!(personal_indices(license, root, 0, SALT, 200).len(), 16);
    }

    #[test]
    fn remainders_are_those_of_the_whole_number() {
        use alloy::primitives::U256;
        for (n, modulus) in [(0_u8, 3), (1, 7), (2, 65_536), (3, 1), (4, 1_000_003)] {
            let hash = keccak256(&[n]);
            let exact = U256::from_be_bytes(hash) % U256::from(modulus);
            assert_eq!(U256::from(modulo(&hash, modulus)), exact);
        }
    }

    #[test]
    fn seeds_depend_on_everything() {
        let registry = EthAddress::new([1; 20]);
        let license = Subject::License(LicenseId::new([3; 32]));
        let one = seed([9; 32], registry, license);
        assert_ne!(one, seed([8; 32], registry, license));
        assert_ne!(one, seed([9; 32], EthAddress::new([2; 20]), license));
        assert_ne!(one, seed([9; 32], registry, Subject::Universe(ModelId::new([3; 32]), 0)));
        let root = Root::new([5; 32]);
        let other = seed([8; 32], registry, license);
        let same = (0..1600)
            .filter(|i| {
                personal_index(one, root, *i, SALT) == personal_index(other, root, *i, SALT)
            })
            .count();
        assert!((60..140).contains(&same), "two licenses agree on {same} of 1,600 answers");
    }
}
