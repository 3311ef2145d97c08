//! Opens bundles of a universe for a proof of level 0. An owner's node opens those of its rounds
//! from what it keeps of the universe instead.

use oml_contracts::bundle::{LeafPreimage, ProvenBundle};
use oml_contracts::leaf::BUNDLE;
use oml_contracts::tree::TreeError;

use super::Universe;

impl Universe {
    /// Opens a bundle. Whoever sees it can't be tested with these fingerprints any more.
    ///
    /// # Errors
    /// [`TreeError::NoSuchBundle`].
    pub fn open_bundle(&self, bundle: u32) -> Result<ProvenBundle, TreeError> {
        let siblings = self.tree().bundle_proof(bundle)?;
        let first = bundle as usize * BUNDLE;
        let entries = self.entries().iter().skip(first).take(BUNDLE);
        let leaves = entries
            .map(|entry| LeafPreimage {
                index: entry.index,
                salt: entry.salt,
                key_hash: entry.key_hash(),
                tags: entry.candidates.tags(),
            })
            .collect();
        Ok(ProvenBundle { bundle, leaves, siblings })
    }
}

#[cfg(test)]
mod tests {
    use super::super::universe::tests::universe;
    use super::*;
    use oml_contracts::Root;

    #[test]
    fn every_bundle_opens_under_the_root_and_only_there() {
        let universe = universe(48, 16);
        let (model, epoch, root) = (universe.model(), universe.epoch(), universe.root());
        for bundle in 0..4 {
            let opening = universe.open_bundle(bundle).unwrap();
            assert_eq!(opening.leaves.len(), BUNDLE);
            assert!(opening.verify(model, epoch, root, 64));
            assert!(!opening.verify(model, epoch + 1, root, 64));
            assert!(!opening.verify(model, epoch, Root::new([3; 32]), 64));
            let mut other = opening.clone();
            other.bundle ^= 1;
            assert!(!other.verify(model, epoch, root, 64));
            let mut short = opening;
            short.leaves.pop();
            assert!(!short.verify(model, epoch, root, 64));
        }
        assert_eq!(universe.open_bundle(4), Err(TreeError::NoSuchBundle { bundle: 4, bundles: 4 }));
    }
}
