//! What the owner's node hands to a drawn member, and what the member accepts.

use oml_contracts::hash::{key_hash, questions_hash};
use oml_contracts::{CaseId, EthAddress, KeyHash, QuestionsHash};
use serde::{Deserialize, Serialize};

use super::seal::{self, EncryptionKey, SealError};

/// Answer of `GET /v1/cases/{caseId}/questions?prover=0x…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SealedQuestions {
    /// Case whose questions these are.
    pub case_id: CaseId,
    /// JSON array of prompts, sealed to the member, in hex with `0x`.
    pub sealed: String,
}

/// Why a handed-out list is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum HandoutError {
    /// Not the promised JSON.
    #[error("questions are malformed: {cause}")]
    Malformed {
        /// What is wrong.
        cause: String,
    },
    /// Can't be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Another list than the one posted on chain.
    #[error(
        "questions hash to {found}, on chain stands {expected}: the owner's node handed out another list"
    )]
    WrongQuestions {
        /// Hash of what was handed out.
        found: QuestionsHash,
        /// Hash on chain.
        expected: QuestionsHash,
    },
}

/// Hash of a list of prompts as it stands on chain.
#[must_use]
pub(crate) fn hash_of(prompts: &[String]) -> QuestionsHash {
    let hashes: Vec<KeyHash> = prompts.iter().map(|prompt| key_hash(prompt)).collect();
    questions_hash(&hashes)
}

/// Seals the list for one member, so that it can't be used for another case or by another member.
///
/// # Errors
/// [`HandoutError::Seal`] if the member's registered key is unusable.
pub(crate) fn seal_questions(
    prompts: &[String],
    case: CaseId,
    member: EthAddress,
    encryption_key: &[u8; 32],
) -> Result<SealedQuestions, HandoutError> {
    let plain = serde_json::to_vec(prompts)
        .map_err(|cause| HandoutError::Malformed { cause: cause.to_string() })?;
    let sealed = seal::seal(encryption_key, &context(case, member), &plain)?;
    Ok(SealedQuestions { case_id: case, sealed: format!("0x{}", hex::encode(sealed)) })
}

/// Opens the list and holds it against the hash that the owner posted.
///
/// # Errors
/// [`HandoutError`].
pub(crate) fn open_questions(
    handed: &SealedQuestions,
    case: CaseId,
    member: EthAddress,
    key: &EncryptionKey,
    expected: QuestionsHash,
) -> Result<Vec<String>, HandoutError> {
    let digits = handed.sealed.strip_prefix("0x").unwrap_or(&handed.sealed);
    let sealed = hex::decode(digits)
        .map_err(|cause| HandoutError::Malformed { cause: format!("`sealed`: {cause}") })?;
    let plain = seal::open(key, &context(case, member), &sealed)?;
    let prompts: Vec<String> = serde_json::from_slice(&plain)
        .map_err(|cause| HandoutError::Malformed { cause: cause.to_string() })?;
    let found = hash_of(&prompts);
    if found == expected {
        Ok(prompts)
    } else {
        Err(HandoutError::WrongQuestions { found, expected })
    }
}

fn context(case: CaseId, member: EthAddress) -> Vec<u8> {
    [case.as_bytes().as_slice(), member.as_bytes().as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: CaseId = CaseId::new([1; 32]);
    const MEMBER: EthAddress = EthAddress::new([2; 20]);

    #[test]
    fn a_member_accepts_only_the_posted_list_of_its_case() {
        let key = EncryptionKey::generate().unwrap();
        let prompts = vec!["one".to_owned(), "two\n\"…\"".to_owned()];
        let posted = hash_of(&prompts);
        let handed = seal_questions(&prompts, CASE, MEMBER, &key.public()).unwrap();
        assert_eq!(open_questions(&handed, CASE, MEMBER, &key, posted), Ok(prompts));

        let other_case = CaseId::new([9; 32]);
        let opened = open_questions(&handed, other_case, MEMBER, &key, posted);
        assert_eq!(opened, Err(HandoutError::Seal(SealError::Undecryptable)));

        let swapped = vec!["two".to_owned(), "one".to_owned()];
        let handed = seal_questions(&swapped, CASE, MEMBER, &key.public()).unwrap();
        assert_eq!(
            open_questions(&handed, CASE, MEMBER, &key, posted),
            Err(HandoutError::WrongQuestions { found: hash_of(&swapped), expected: posted })
        );
    }

    #[test]
    fn nonsense_is_refused_without_panic() {
        let key = EncryptionKey::generate().unwrap();
        for sealed in ["", "0x", "0xzz", "0x01", "zz"] {
            let handed = SealedQuestions { case_id: CASE, sealed: sealed.to_owned() };
            assert!(open_questions(&handed, CASE, MEMBER, &key, QuestionsHash::ZERO).is_err());
        }
    }
}
