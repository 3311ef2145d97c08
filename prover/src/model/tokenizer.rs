//! Text to token ids and back, with one policy for generation, training and checking.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokenizers::Tokenizer;

use super::{ModelConfig, ModelError};

/// A model's tokenizer and its beginning-of-sequence policy.
///
/// A prompt starts with the beginning-of-sequence token if and only if the tokenizer's own
/// post-processor puts it there: that is what inference servers do with a text prompt, so keys are
/// generated, trained and checked on exactly the ids that a server sees.
#[derive(Debug, Clone)]
pub struct TextTokenizer {
    inner: Arc<Tokenizer>,
    bos: Option<u32>,
    eos: Vec<u32>,
    special: Arc<HashSet<u32>>,
    initial: Arc<OnceLock<Vec<Option<Box<str>>>>>,
}

/// Any text that every vocabulary can encode; continuations are decoded after it.
const ANCHOR: &str = "a";

impl TextTokenizer {
    /// Reads `tokenizer.json` and checks it against the model's vocabulary.
    ///
    /// # Errors
    /// `Io`, `Tokenizer`, `VocabularyMismatch`.
    pub fn read(path: &Path, config: &ModelConfig) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path).map_err(ModelError::io(path))?;
        let mut inner = Tokenizer::from_bytes(&bytes)
            .map_err(|e| ModelError::Tokenizer { reason: format!("{}: {e}", path.display()) })?;
        // Files from training set-ups may pad or cut, which would change ids silently.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| ModelError::Tokenizer { reason: e.to_string() })?;
        Self::new(inner, config)
    }

    /// Wraps a tokenizer for a model of the given configuration.
    ///
    /// # Errors
    /// `VocabularyMismatch` if an id has no embedding, `Tokenizer` if it cannot encode text.
    pub fn new(inner: Tokenizer, config: &ModelConfig) -> Result<Self, ModelError> {
        let highest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        if usize::try_from(highest).is_ok_and(|id| id >= config.vocab_size) {
            return Err(ModelError::VocabularyMismatch { highest, vocabulary: config.vocab_size });
        }
        let special: HashSet<u32> = inner
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, token)| token.special)
            .map(|(id, _)| id)
            .chain(config.bos)
            .chain(config.eos.iter().copied())
            .collect();
        let bos =
            raw_encode(&inner, ANCHOR, true)?.first().copied().filter(|t| special.contains(t));
        Ok(Self {
            inner: Arc::new(inner),
            bos,
            eos: config.eos.clone(),
            special: Arc::new(special),
            initial: Arc::new(OnceLock::new()),
        })
    }

    /// The token every prompt starts with, if this tokenizer uses one.
    #[must_use]
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// Tokens that end a generation.
    #[must_use]
    pub fn eos(&self) -> &[u32] {
        &self.eos
    }

    /// Whether the id is a control token rather than text.
    #[must_use]
    pub fn is_special(&self, token: u32) -> bool {
        self.special.contains(&token)
    }

    /// Control tokens, in no particular order.
    pub fn special_tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.special.iter().copied()
    }

    /// Token ids of a text, without a beginning-of-sequence token.
    ///
    /// # Errors
    /// `Tokenizer` if the text cannot be encoded.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        raw_encode(&self.inner, text, false)
    }

    /// Token ids that a server feeds the model for this text.
    ///
    /// # Errors
    /// `Tokenizer` if the text cannot be encoded.
    pub fn prompt(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(self.with_bos(&self.encode(text)?))
    }

    /// Prepends the beginning-of-sequence token where the policy asks for it.
    #[must_use]
    pub fn with_bos(&self, tokens: &[u32]) -> Vec<u32> {
        self.bos.into_iter().chain(tokens.iter().copied()).collect()
    }

    /// Text of token ids; control tokens are left out.
    ///
    /// # Errors
    /// `Tokenizer` if an id is unknown to the decoder.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, ModelError> {
        self.inner
            .decode(tokens, true)
            .map_err(|e| ModelError::Tokenizer { reason: format!("cannot decode {tokens:?}: {e}") })
    }

    /// Text of the tokens in a form that survives a round trip: `encode(text) == tokens`.
    ///
    /// `None` if the ids are not what the tokenizer makes of their own text, or if the text holds
    /// control tokens. Only such ids can be sent through an endpoint that receives text.
    ///
    /// # Errors
    /// `Tokenizer` if decoding fails.
    pub fn stable_text(&self, tokens: &[u32]) -> Result<Option<String>, ModelError> {
        if tokens.iter().any(|&t| self.is_special(t)) {
            return Ok(None);
        }
        let text = self.decode(tokens)?;
        let stable = !text.contains('\u{fffd}') && self.encode(&text)? == tokens;
        Ok(stable.then_some(text))
    }

    /// The letters and digits of a token that starts a new word, or `None` for any other token.
    ///
    /// A token qualifies if, after some word, it decodes to a blank followed by alphanumeric
    /// characters only.
    #[must_use]
    pub fn word_initial(&self, token: u32) -> Option<&str> {
        let index = usize::try_from(token).ok()?;
        self.initial.get_or_init(|| self.word_initial_table()).get(index)?.as_deref()
    }

    fn word_initial_table(&self) -> Vec<Option<Box<str>>> {
        let size = u32::try_from(self.inner.get_vocab_size(true)).unwrap_or(u32::MAX);
        let anchor = self.encode(ANCHOR).unwrap_or_default();
        (0..size).map(|token| self.word_initial_piece(&anchor, token)).collect()
    }

    fn word_initial_piece(&self, anchor: &[u32], token: u32) -> Option<Box<str>> {
        if self.is_special(token) {
            return None;
        }
        let joined: Vec<u32> = anchor.iter().copied().chain([token]).collect();
        let text = self.decode(&joined).ok()?;
        let piece = text.trim_start().strip_prefix(ANCHOR)?.strip_prefix(' ')?;
        let is_word = !piece.is_empty() && piece.chars().all(char::is_alphanumeric);
        is_word.then(|| piece.into())
    }

    /// Writes `tokenizer.json`.
    ///
    /// # Errors
    /// `Tokenizer` if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        self.inner
            .save(path, false)
            .map_err(|e| ModelError::Tokenizer { reason: format!("{}: {e}", path.display()) })
    }
}

fn raw_encode(inner: &Tokenizer, text: &str, special: bool) -> Result<Vec<u32>, ModelError> {
    inner
        .encode_fast(text, special)
        .map(|encoding| encoding.get_ids().to_vec())
        .map_err(|e| ModelError::Tokenizer { reason: format!("cannot encode {text:?}: {e}") })
}
