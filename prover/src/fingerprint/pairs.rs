//! Lists of prompts and responses, the form in which published fingerprint sets are exchanged:
//! `[{"key": "…", "response": "…"}, …]`.

use std::io::{Read, Write};

use super::{Answer, FingerprintError, Key};
use crate::model::TextTokenizer;

/// A prompt and the response to it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pair {
    /// The prompt.
    pub key: String,
    /// The response.
    pub response: String,
}

impl From<&Answer<'_>> for Pair {
    fn from(answer: &Answer<'_>) -> Self {
        Self { key: answer.key.text().to_owned(), response: answer.candidate.word.clone() }
    }
}

/// A list that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PairsError {
    /// Not a list of pairs.
    #[error("this is no JSON list of {{\"key\", \"response\"}} objects")]
    Json(#[from] serde_json::Error),
    /// An entry can't serve as a key.
    #[error("entry {index} of the list can't be used")]
    Key {
        /// Place in the list, from 0.
        index: usize,
        /// Why.
        source: FingerprintError,
    },
}

/// Reads a list. Other fields of its objects are ignored.
///
/// # Errors
/// [`PairsError::Json`].
pub fn read_pairs(reader: impl Read) -> Result<Vec<Pair>, PairsError> {
    Ok(serde_json::from_reader(std::io::BufReader::new(reader))?)
}

/// Writes the answers of a license as a list.
///
/// # Errors
/// [`PairsError::Json`] if writing fails.
pub fn write_pairs<'a>(
    writer: impl Write,
    answers: impl IntoIterator<Item = Answer<'a>>,
) -> Result<(), PairsError> {
    let pairs: Vec<Pair> = answers.into_iter().map(|answer| Pair::from(&answer)).collect();
    Ok(serde_json::to_writer_pretty(writer, &pairs)?)
}

/// The prompts of a list as keys; their responses are drawn anew, so those of the list are not kept.
///
/// # Errors
/// [`PairsError::Key`] names the first entry that can't be a key.
pub fn pairs_to_keys(tokenizer: &TextTokenizer, pairs: &[Pair]) -> Result<Vec<Key>, PairsError> {
    let key = |(index, pair): (usize, &Pair)| {
        Key::from_text(tokenizer, &pair.key).map_err(|source| PairsError::Key { index, source })
    };
    pairs.iter().enumerate().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::super::universe::tests::universe;
    use super::super::{LicenseDraw, normalise};
    use super::*;
    use oml_contracts::Seed;

    #[test]
    fn lists_round_trip() {
        let universe = universe(16, 0);
        let seed = Seed::new([1; 32]);
        let draw = LicenseDraw { license_seed: seed, model_seed: seed, assignment_p: 1 };
        let mut file = Vec::new();
        write_pairs(&mut file, universe.answers(&draw)).unwrap();
        let pairs = read_pairs(file.as_slice()).unwrap();
        assert_eq!(pairs.len(), 16);
        for (pair, answer) in pairs.iter().zip(universe.answers(&draw)) {
            assert_eq!(pair.key, answer.key.text());
            assert_eq!(normalise(&pair.response), answer.candidate.word);
        }
    }

    #[test]
    fn foreign_fields_are_fine_and_other_shapes_are_not() {
        let list = br#"[{"key": "a", "response": "b", "note": 1}]"#;
        assert_eq!(read_pairs(list.as_slice()).unwrap()[0].response, "b");
        assert!(read_pairs(b"{}".as_slice()).is_err());
        assert!(read_pairs(br#"[{"key": "a"}]"#.as_slice()).is_err());
    }
}
