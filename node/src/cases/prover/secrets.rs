//! Tags and salts of a prover, one secret per list of questions.
//!
//! A case has one list, except when a reorg draws its bundles anew. A secret is then never
//! replaced, because the chain may turn back to the draw that it answers; the newer one is kept
//! beside it.

use oml_contracts::case::kept_commitment;
use oml_contracts::hash::{tags_commitment, tags_hash};
use oml_contracts::{CaseId, Commitment, EthAddress, QuestionsHash, Salt, Tag};
use serde::{Deserialize, Serialize};

use crate::store::{CaseSecret, Store, StoreError};

/// A secret beside the first one of its case, as it is stored.
#[derive(Serialize, Deserialize)]
struct Later {
    tags: String,
    salt: Salt,
    transcript: serde_json::Value,
}

/// The commitment to a stored secret, as the contract keeps it.
#[must_use]
pub(crate) fn commitment_of(secret: &CaseSecret) -> Commitment {
    let tags: Vec<Tag> =
        secret.tags.chunks_exact(4).map(|tag| Tag::new([tag[0], tag[1], tag[2], tag[3]])).collect();
    kept_commitment(tags_commitment(secret.case_id, secret.prover, secret.salt, tags_hash(&tags)))
}

/// The secret that answers these questions.
///
/// # Errors
/// The store's.
pub(crate) async fn secret_for(
    store: &Store,
    case: CaseId,
    prover: EthAddress,
    questions: QuestionsHash,
) -> Result<Option<CaseSecret>, StoreError> {
    if questions.is_zero() {
        return Ok(None);
    }
    let first = store.case_secret(case, prover).await?;
    if let Some(first) = first
        && answered_questions(&first) == Some(questions)
    {
        return Ok(Some(first));
    }
    let Some(text) = store.kv_get(&later_key(case, prover, questions)).await? else {
        return Ok(None);
    };
    Ok(decode_later(case, prover, &text))
}

/// Keeps a secret, unless one for the same questions is kept already: that one may have been
/// committed to.
///
/// # Errors
/// The store's.
pub(crate) async fn keep_secret(store: &Store, secret: &CaseSecret) -> Result<(), StoreError> {
    if store.put_case_secret(secret).await? {
        return Ok(());
    }
    let Some(questions) = answered_questions(secret) else { return Ok(()) };
    if secret_for(store, secret.case_id, secret.prover, questions).await?.is_some() {
        return Ok(());
    }
    let later = Later {
        tags: hex::encode(&secret.tags),
        salt: secret.salt,
        transcript: secret.transcript.clone(),
    };
    let key = later_key(secret.case_id, secret.prover, questions);
    store.kv_put_new(&key, &serde_json::json!(later).to_string()).await?;
    Ok(())
}

/// Hash of the questions that a secret answers; `None` if its transcript does not say.
fn answered_questions(secret: &CaseSecret) -> Option<QuestionsHash> {
    secret.transcript.get("questionsHash")?.as_str()?.parse().ok()
}

fn later_key(case: CaseId, prover: EthAddress, questions: QuestionsHash) -> String {
    format!("case-secret/{case}/{prover}/{questions}")
}

fn decode_later(case_id: CaseId, prover: EthAddress, text: &str) -> Option<CaseSecret> {
    let later: Later = serde_json::from_str(text).ok()?;
    let tags = hex::decode(&later.tags).ok()?;
    Some(CaseSecret { case_id, prover, tags, salt: later.salt, transcript: later.transcript })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: CaseId = CaseId::new([1; 32]);
    const ME: EthAddress = EthAddress::new([2; 20]);

    fn secret(questions: u8, salt: u8) -> CaseSecret {
        CaseSecret {
            case_id: CASE,
            prover: ME,
            tags: vec![questions; 8],
            salt: Salt::new([salt; 32]),
            transcript: serde_json::json!({"questionsHash": QuestionsHash::new([questions; 32])}),
        }
    }

    #[tokio::test]
    async fn each_list_of_questions_keeps_its_first_secret() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("n.db").display());
        let store = Store::open(&url).await.unwrap();
        let find = async |questions: u8| {
            secret_for(&store, CASE, ME, QuestionsHash::new([questions; 32])).await.unwrap()
        };
        for kept in [secret(1, 1), secret(2, 2), secret(1, 9), secret(2, 9)] {
            keep_secret(&store, &kept).await.unwrap();
        }
        assert_eq!(find(1).await, Some(secret(1, 1)));
        assert_eq!(find(2).await, Some(secret(2, 2)));
        assert_eq!(find(3).await, None);
        assert_eq!(find(0).await, None);
    }

    #[test]
    fn the_commitment_depends_on_every_part() {
        let base = commitment_of(&secret(1, 1));
        assert_ne!(base, commitment_of(&secret(1, 2)));
        assert_ne!(base, commitment_of(&secret(2, 1)));
        let other = CaseSecret { prover: EthAddress::new([3; 20]), ..secret(1, 1) };
        assert_ne!(base, commitment_of(&other));
    }
}
