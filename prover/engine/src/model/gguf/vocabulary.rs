//! The vocabulary that a GGUF file holds, checked before anything is built from it.

use std::collections::HashMap;

use super::fields::Fields;
use super::header::Value;
use crate::ModelError;

/// What a token is, by the numbers that the format gives to kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// Tokens with what the file says of each.
pub(super) struct Vocabulary {
    pub(super) tokens: Vec<String>,
    pub(super) kinds: Vec<Kind>,
    /// Empty if the file has none.
    pub(super) scores: Vec<f64>,
    pub(super) ids: HashMap<String, u32>,
}

/// Longest text of a token; the longest in use have some 300 bytes.
const MAX_TOKEN_BYTES: usize = 4096;
/// Most that finding the merges of a vocabulary may cost: the sum of its squared lengths. Large
/// vocabularies in use come to some 50 million.
const MAX_WORK: usize = 1 << 30;
/// Most tokens that are looked for in every text, and most bytes of them all: sixteen times what is
/// in use.
const MAX_MARKED: usize = 1 << 16;
const MAX_MARKED_BYTES: usize = 1 << 20;

impl Vocabulary {
    /// The tokens of the file, one for each row of the embedding matrix; `None` if it has none.
    pub(super) fn read(fields: &Fields<'_>, rows: usize) -> Result<Option<Self>, ModelError> {
        const TOKENS: &str = "tokenizer.ggml.tokens";
        let Some(tokens) = fields.texts(TOKENS)? else { return Ok(None) };
        let mut tokens = tokens.to_vec();
        if tokens.len() != rows {
            return Err(fields.invalid(format!(
                "`{TOKENS}` has {} entries, the embedding matrix {rows} rows",
                tokens.len()
            )));
        }
        let kinds = kinds(fields, tokens.len())?;
        let scores = numbers(fields, "tokenizer.ggml.scores", tokens.len())?.unwrap_or_default();
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, token) in (0_u32..).zip(&mut tokens) {
            if token.is_empty() {
                // No text can hold it, and one name per id keeps the two apart.
                *token = format!("[EMPTY_{id}]");
            }
            if let Some(other) = ids.insert(token.clone(), id) {
                return Err(
                    fields.invalid(format!("the tokens {other} and {id} are both {token:?}"))
                );
            }
        }
        let vocabulary = Self { tokens, kinds, scores, ids };
        vocabulary.check_work(fields)?;
        Ok(Some(vocabulary))
    }

    /// Refuses what would take long to build or to search for.
    fn check_work(&self, fields: &Fields<'_>) -> Result<(), ModelError> {
        let (mut work, mut marked, mut bytes) = (0_usize, 0_usize, 0_usize);
        for (token, kind) in self.tokens.iter().zip(&self.kinds) {
            if token.len() > MAX_TOKEN_BYTES {
                let reason = format!("a token of {} bytes, at most {MAX_TOKEN_BYTES}", token.len());
                return Err(fields.invalid(reason));
            }
            work += token.len() * token.len();
            if kind.is_marked() {
                marked += 1;
                bytes += token.len();
            }
        }
        if work > MAX_WORK || marked > MAX_MARKED || bytes > MAX_MARKED_BYTES {
            return Err(fields.invalid(format!(
                "its vocabulary would take too long to read: {marked} control and added tokens of \
                 {bytes} bytes, squared lengths of {work} in all"
            )));
        }
        Ok(())
    }

    /// Whether a tokenizer whose highest id is this can be of the same vocabulary: files pad theirs
    /// with tokens that are never used.
    pub(super) fn fits(&self, highest: u32) -> bool {
        let used = self.kinds.iter().rposition(|kind| *kind != Kind::Unused);
        let highest = usize::try_from(highest).unwrap_or(usize::MAX);
        used.is_some_and(|used| (used..self.tokens.len()).contains(&highest))
    }

    /// The id that the file gives to a role, checked to be a token.
    pub(super) fn id(&self, fields: &Fields<'_>, key: &str) -> Result<Option<u32>, ModelError> {
        let Some(id) = fields.count(key)? else { return Ok(None) };
        let inside = |id: &u32| usize::try_from(*id).is_ok_and(|id| id < self.tokens.len());
        u32::try_from(id).ok().filter(inside).map(Some).ok_or_else(|| {
            fields
                .invalid(format!("`{key}` = {id}: the vocabulary has {} tokens", self.tokens.len()))
        })
    }

    /// The token of an id that was checked.
    pub(super) fn token(&self, id: u32) -> &str {
        usize::try_from(id).ok().and_then(|id| self.tokens.get(id)).map_or("", String::as_str)
    }

    /// Tokens with their kinds, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.tokens.iter().map(String::as_str).zip(self.kinds.iter().copied())
    }
}

impl Kind {
    fn of(number: f64) -> Option<Self> {
        let kinds = [
            (1.0, Self::Normal),
            (2.0, Self::Unknown),
            (3.0, Self::Control),
            (4.0, Self::UserDefined),
            (5.0, Self::Unused),
            (6.0, Self::Byte),
        ];
        kinds.iter().find(|(n, _)| *n == number).map(|(_, kind)| *kind)
    }

    /// Whether the token is looked for in a text before the text is cut into pieces.
    pub(super) const fn is_marked(self) -> bool {
        matches!(self, Self::Unknown | Self::Control | Self::UserDefined)
    }
}

fn kinds(fields: &Fields<'_>, count: usize) -> Result<Vec<Kind>, ModelError> {
    const KEY: &str = "tokenizer.ggml.token_type";
    let Some(numbers) = numbers(fields, KEY, count)? else { return Ok(vec![Kind::Normal; count]) };
    let kind = |(id, number): (usize, &f64)| {
        // Some converters write 0 for what they know nothing about.
        Kind::of(if *number == 0.0 { 1.0 } else { *number })
            .ok_or_else(|| fields.invalid(format!("`{KEY}` of token {id} is {number}, not 1 to 6")))
    };
    numbers.iter().enumerate().map(kind).collect()
}

/// A number per token.
fn numbers(fields: &Fields<'_>, key: &str, count: usize) -> Result<Option<Vec<f64>>, ModelError> {
    match fields.get(key) {
        None => Ok(None),
        Some(Value::Numbers(list)) if list.len() == count && list.iter().all(|n| !n.is_nan()) => {
            Ok(Some(list.clone()))
        }
        Some(_) => Err(fields.wrong(key, &format!("an array of {count} numbers"))),
    }
}
