//! Opens the drawn leaves.

use alloy::primitives::Bytes;
use oml_contracts::EthAddress;
use oml_contracts::hash::key_hash;
use oml_contracts::leaf::BUNDLE;
use oml_contracts::rpc::abi::ChallengeManager::{OpenedBundle, OpenedLeaf};
use oml_contracts::tree::{TreeError, UniverseTree};

use super::questions::{QuestionListError, SecretLeaf};
use crate::cases::case_file::Member;

/// Why leaves can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// The drawn leaves are not in the universe file.
    #[error(transparent)]
    Questions(#[from] QuestionListError),
    /// The tree has no proof of a drawn bundle.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Positions and leaves do not belong together.
    #[error("{positions} positions for {leaves} leaves of {bundles} bundles")]
    Mismatch {
        /// How many positions were given.
        positions: usize,
        /// How many leaves were given.
        leaves: usize,
        /// How many bundles were drawn.
        bundles: usize,
    },
    /// A member revealed on chain, but its tags are not known here.
    #[error("the tags that {0} revealed are not in the store yet")]
    MissingTags(EthAddress),
}

/// The drawn bundles as the contract takes them.
///
/// `leaves` and `positions` are bundle by bundle, 16 for each.
///
/// # Errors
/// [`OpeningError`].
pub(super) fn opened_bundles(
    tree: &UniverseTree,
    bundles: &[u32],
    leaves: &[SecretLeaf],
    positions: &[u16],
) -> Result<Vec<OpenedBundle>, OpeningError> {
    let mismatch = || OpeningError::Mismatch {
        positions: positions.len(),
        leaves: leaves.len(),
        bundles: bundles.len(),
    };
    if positions.len() != leaves.len() || leaves.len() != bundles.len() * BUNDLE {
        return Err(mismatch());
    }
    let opened: Vec<OpenedLeaf> = leaves.iter().zip(positions).map(opened_leaf).collect();
    bundles
        .iter()
        .zip(opened.chunks_exact(BUNDLE))
        .map(|(bundle, leaves)| {
            Ok(OpenedBundle {
                leaves: leaves.to_vec().try_into().map_err(|_| mismatch())?,
                siblings: tree.bundle_proof(*bundle)?.into_iter().map(Into::into).collect(),
            })
        })
        .collect()
}

fn opened_leaf((leaf, position): (&SecretLeaf, &u16)) -> OpenedLeaf {
    OpenedLeaf {
        salt: leaf.salt.into(),
        keyHash: key_hash(&leaf.key).into(),
        tags: leaf.tags.words().map(Into::into),
        position: *position,
    }
}

/// The revealed tags as the contract takes them: each sheet once, and by member in committee order
/// the number of its sheet, or `NO_SHEET` for one that did not reveal.
///
/// # Errors
/// [`OpeningError::MissingTags`] where the chain says "revealed" and no event with the tags is
/// known.
pub(crate) fn tag_sheets(
    members: &[Member],
    revealed: &[(EthAddress, Vec<u8>)],
) -> Result<(Vec<Bytes>, Bytes), OpeningError> {
    let mut sheets: Vec<Bytes> = Vec::new();
    let mut sheet_of = Vec::with_capacity(members.len());
    for member in members {
        if !member.revealed {
            sheet_of.push(NO_SHEET);
            continue;
        }
        let known = revealed.iter().find(|(prover, _)| *prover == member.address);
        let (_, tags) = known.ok_or(OpeningError::MissingTags(member.address))?;
        let place = sheets.iter().position(|sheet| **sheet == **tags).unwrap_or_else(|| {
            sheets.push(tags.clone().into());
            sheets.len() - 1
        });
        // A committee has at most 16 members.
        sheet_of.push(u8::try_from(place).unwrap_or(NO_SHEET));
    }
    Ok((sheets, sheet_of.into()))
}

/// Stands for a member that did not reveal.
const NO_SHEET: u8 = 0xff;

#[cfg(test)]
mod tests {
    use super::*;

    const A: EthAddress = EthAddress::new([1; 20]);
    const B: EthAddress = EthAddress::new([2; 20]);

    fn member(address: EthAddress, revealed: bool) -> Member {
        Member { address, commitment: None, revealed }
    }

    #[test]
    fn members_that_answered_alike_share_a_sheet() {
        let c = EthAddress::new([3; 20]);
        let known = [(B, vec![2; 4]), (A, vec![1; 4]), (c, vec![2; 4])];
        let members = [member(A, false), member(B, true), member(A, true), member(c, true)];
        let (sheets, sheet_of) = tag_sheets(&members, &known).unwrap();
        assert_eq!(sheets, [Bytes::from(vec![2; 4]), Bytes::from(vec![1; 4])]);
        assert_eq!(sheet_of.to_vec(), [0xff, 0, 1, 0]);
        assert_eq!(tag_sheets(&[member(B, true)], &known[1..]), Err(OpeningError::MissingTags(B)));
    }
}
