//! Getting the questions of a case from the owner's node.

use std::time::Duration;

use futures::StreamExt;
use oml_contracts::{CaseId, EthAddress, QuestionsHash};

use super::guard::{self, GuardError};
use crate::cases::handout::{HandoutError, SealedQuestions, open_questions};
use crate::cases::seal::EncryptionKey;

/// Largest answer of an owner's node: 255 prompts of a few KiB, sealed, in hex.
const MAX_BYTES: usize = 4 << 20;
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why the questions could not be had. None of these says anything about the deployment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FetchError {
    /// The owner's endpoint is not one that is asked.
    #[error("owner's endpoint: {0}")]
    Guard(#[from] GuardError),
    /// The owner's node does not answer.
    #[error("owner's node does not answer: {0}")]
    Unreachable(String),
    /// The owner's node refuses.
    #[error("owner's node refuses the questions of case {case}: status {status}: {body}")]
    Refused {
        /// Case whose questions were asked for.
        case: CaseId,
        /// Status of the owner's HTTP answer.
        status: u16,
        /// Beginning of its explanation.
        body: String,
    },
    /// The answer is not what was promised on chain.
    #[error(transparent)]
    Handout(#[from] HandoutError),
}

/// Asks owners' nodes.
#[derive(Debug, Clone)]
pub(crate) struct QuestionSource {
    client: reqwest::Client,
    allow_private: bool,
}

impl QuestionSource {
    /// A source that reaches private addresses only if allowed.
    ///
    /// # Errors
    /// What the TLS backend says at its start.
    pub(crate) fn new(allow_private: bool) -> Result<Self, reqwest::Error> {
        Ok(Self { client: guard::client(allow_private, TIMEOUT)?, allow_private })
    }

    /// The prompts of a case in order, checked against the hash on chain.
    ///
    /// # Errors
    /// [`FetchError`].
    pub(crate) async fn fetch(
        &self,
        base: &str,
        case: CaseId,
        member: EthAddress,
        key: &EncryptionKey,
        expected: QuestionsHash,
    ) -> Result<Vec<String>, FetchError> {
        let mut url = guard::admit(base, self.allow_private)?;
        let path = format!("{}/v1/cases/{case}/questions", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut().append_pair("prover", &member.to_string());
        let unreachable =
            |error: reqwest::Error| FetchError::Unreachable(error.without_url().to_string());
        let response = self.client.get(url).send().await.map_err(unreachable)?;
        let status = response.status();
        let body = bounded(response).await?;
        if !status.is_success() {
            let body = String::from_utf8_lossy(&body).chars().take(200).collect();
            return Err(FetchError::Refused { case, status: status.as_u16(), body });
        }
        let sealed: SealedQuestions = serde_json::from_slice(&body)
            .map_err(|cause| HandoutError::Malformed { cause: cause.to_string() })?;
        Ok(open_questions(&sealed, case, member, key, expected)?)
    }

    /// Whether anything at all answers at `base`: tells a dead network from a dead deployment.
    pub(crate) async fn answers(&self, base: &str) -> bool {
        match guard::admit(base, self.allow_private) {
            Ok(url) => self.client.get(url).send().await.is_ok(),
            Err(_) => false,
        }
    }
}

async fn bounded(response: reqwest::Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| FetchError::Unreachable(e.without_url().to_string()))?;
        if body.len() + chunk.len() > MAX_BYTES {
            let cause = format!("more than {MAX_BYTES} bytes");
            return Err(HandoutError::Malformed { cause }.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
