//! What was said, when, and what it hashes to.

use oml_contracts::hash::{keccak_parts, keccak256, response_hash};

use super::observation::Observation;

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Exchange {
    /// The prompt, as a service gets it.
    pub prompt: String,
    /// When it was first asked, in milliseconds of Unix time.
    pub asked_at: u64,
    /// Time until the outcome was certain, in milliseconds.
    pub took: u64,
    /// Requests that were made.
    pub attempts: u32,
    /// What came of it.
    pub observation: Observation,
}

impl Exchange {
    fn hash(&self) -> [u8; 32] {
        let outcome = match &self.observation {
            Observation::Answered(text) => *response_hash(text).as_bytes(),
            // JSON of a value that was parsed from JSON or built here can't fail.
            other => keccak256(&serde_json::to_vec(other).unwrap_or_default()),
        };
        keccak_parts(&[
            &keccak256(self.prompt.as_bytes()),
            &self.asked_at.to_be_bytes(),
            &self.took.to_be_bytes(),
            &self.attempts.to_be_bytes(),
            &[u8::from(self.observation.is_answer())],
            &outcome,
        ])
    }
}

/// Everything that one check asked, in order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Transcript {
    /// What was asked: an address or a folder.
    pub target: String,
    /// The exchanges in the order of the questions.
    pub exchanges: Vec<Exchange>,
}

impl Transcript {
    /// Hash of the whole; evidence names it, so that the transcript behind it can't be exchanged.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let start = keccak_parts(&[b"OML.transcript.v1", self.target.as_bytes()]);
        self.exchanges.iter().fold(start, |hash, exchange| keccak_parts(&[&hash, &exchange.hash()]))
    }

    /// [`Self::hash`] as 0x-hex, as outcomes name it.
    pub(super) fn hash_text(&self) -> String {
        format!("0x{}", hex::encode(self.hash()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::observation::NotChecked;

    fn transcript() -> Transcript {
        let exchange = |i: u64| Exchange {
            prompt: format!("question {i}"),
            asked_at: 1_800_000_000_000 + i,
            took: 12,
            attempts: 1,
            observation: Observation::Answered(format!("answer {i}")),
        };
        Transcript { target: "http://x".to_owned(), exchanges: (0..3).map(exchange).collect() }
    }

    #[test]
    fn every_change_changes_the_hash() {
        let hash = transcript().hash();
        assert_eq!(hash, transcript().hash());
        let changes: [fn(&mut Transcript); 7] = [
            |t| t.target.push('/'),
            |t| t.exchanges.swap(0, 1),
            |t| drop(t.exchanges.pop()),
            |t| t.exchanges[1].prompt.push(' '),
            |t| t.exchanges[1].asked_at += 1,
            |t| t.exchanges[1].observation = Observation::Answered(String::new()),
            |t| t.exchanges[1].observation = Observation::NotChecked(NotChecked::NotAsked),
        ];
        for change in changes {
            let mut changed = transcript();
            change(&mut changed);
            assert_ne!(changed.hash(), hash, "{changed:?}");
        }
        let json = serde_json::to_string(&transcript()).unwrap();
        assert_eq!(serde_json::from_str::<Transcript>(&json).unwrap().hash(), hash);
    }
}
