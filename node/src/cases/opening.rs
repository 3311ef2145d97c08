//! Opening the drawn leaves, and reading what others opened.

use alloy::primitives::Bytes;
use alloy::sol_types::SolCall;
use oml_contracts::hash::key_hash;
use oml_contracts::rpc::abi::ChallengeManager::{OpenedBundle, OpenedLeaf, openLeavesCall};
use oml_contracts::tree::{TreeError, UniverseTree};
use oml_contracts::{EthAddress, KeyHash};

use super::BUNDLE_SIZE;
use super::case_file::Member;
use super::questions::{QuestionsError, SecretLeaf};

/// Why leaves can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// The drawn leaves are not in the universe file.
    #[error(transparent)]
    Questions(#[from] QuestionsError),
    /// No proof.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Positions and leaves do not belong together.
    #[error("{positions} positions for {leaves} leaves of {bundles} bundles")]
    Mismatch {
        /// Positions given.
        positions: usize,
        /// Leaves given.
        leaves: usize,
        /// Bundles given.
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
    if positions.len() != leaves.len() || leaves.len() != bundles.len() * BUNDLE_SIZE {
        return Err(mismatch());
    }
    let opened: Vec<OpenedLeaf> = leaves.iter().zip(positions).map(opened_leaf).collect();
    bundles
        .iter()
        .zip(opened.chunks_exact(BUNDLE_SIZE))
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

/// Tags by committee order, empty for a member that did not reveal.
///
/// # Errors
/// [`OpeningError::MissingTags`] where the chain says "revealed" and no event with the tags is known.
pub fn member_tags(
    members: &[Member],
    revealed: &[(EthAddress, Vec<u8>)],
) -> Result<Vec<Bytes>, OpeningError> {
    members
        .iter()
        .map(|member| {
            if !member.revealed {
                return Ok(Bytes::new());
            }
            revealed
                .iter()
                .find(|(prover, _)| *prover == member.address)
                .map(|(_, tags)| tags.clone().into())
                .ok_or(OpeningError::MissingTags(member.address))
        })
        .collect()
}

/// Key hashes of the opened fingerprints in their order, out of the call data of `openLeaves`.
///
/// `None` if the data is another call, for example one that went through a wallet contract.
#[must_use]
pub fn opened_keys(calldata: &[u8]) -> Option<Vec<KeyHash>> {
    let call = openLeavesCall::abi_decode(calldata).ok()?;
    let keys = call.bundles.iter().flat_map(|bundle| &bundle.leaves);
    Some(keys.map(|leaf| leaf.keyHash.into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: EthAddress = EthAddress::new([1; 20]);
    const B: EthAddress = EthAddress::new([2; 20]);

    fn member(address: EthAddress, revealed: bool) -> Member {
        Member { address, commitment: None, revealed }
    }

    #[test]
    fn tags_stand_in_the_order_of_the_committee() {
        let known = [(B, vec![2; 4]), (A, vec![1; 4])];
        let members = [member(A, true), member(B, false)];
        let tags = member_tags(&members, &known).unwrap();
        assert_eq!(tags, [Bytes::from(vec![1; 4]), Bytes::new()]);
        assert_eq!(member_tags(&[member(B, true)], &known[1..]), Err(OpeningError::MissingTags(B)));
    }

    #[test]
    fn other_call_data_is_no_opening() {
        assert_eq!(opened_keys(&[]), None);
        assert_eq!(opened_keys(&[1, 2, 3, 4, 5]), None);
    }
}
