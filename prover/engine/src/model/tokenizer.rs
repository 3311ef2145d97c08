//! Text to token ids and back, with one policy for generation, training and checking.

use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokenizers::Tokenizer;

use super::chat::ChatTemplate;
use super::config::ModelConfig;
use super::lenient;
use super::prompt::Prompt;
use super::special_tokens::SpecialTokens;
use super::tokenizer_config::{ANCHOR, TokenizerConfig};
use crate::ModelError;

/// A model's tokenizer and its beginning-of-sequence policy.
///
/// A prompt starts with the beginning-of-sequence token if and only if the tokenizer's own
/// post-processor puts it there, or its class does: that is what inference servers do with a text
/// prompt, so keys are generated, trained and checked on exactly the ids that a server sees.
#[derive(Debug, Clone)]
pub struct TextTokenizer {
    inner: Arc<Tokenizer>,
    bos: Option<u32>,
    eos: Vec<u32>,
    special: Arc<HashSet<u32>>,
    initial: Arc<OnceLock<Vec<Option<Box<str>>>>>,
    opening: Arc<OnceLock<Vec<Option<Box<str>>>>>,
    chat: Option<ChatTemplate>,
    described: Option<SpecialTokens>,
    origin: Arc<str>,
}

impl TextTokenizer {
    /// Reads `tokenizer.json` and checks it against the model's vocabulary; with the chat template
    /// and the `generation_config.json` that lie beside it, if any.
    ///
    /// # Errors
    /// `Io`, `Tokenizer`, `VocabularyMismatch`, `ChatTemplate`.
    pub fn read(path: &Path, config: &ModelConfig) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path).map_err(ModelError::io(path))?;
        let invalid = |what: &str| ModelError::tokenizer(format!("{}: {what}", path.display()));
        // The library panics on some damaged files, such as one with merges longer than any token.
        let mut inner = std::panic::catch_unwind(|| Tokenizer::from_bytes(&bytes))
            .map_err(|_| invalid("it contradicts itself"))?
            .map_err(|e| invalid(&e.to_string()).because(e))?;
        // Files from training set-ups may pad or cut, which would change ids silently.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(failed)?;
        let dir = path.parent().unwrap_or(Path::new(""));
        let described = TokenizerConfig::read(dir)?;
        described.surround(&mut inner)?;
        let mut tokenizer = Self::new(inner, config)?.with_origin(&path.display().to_string());
        let ends = ends_of_generation(&dir.join("generation_config.json"), config.vocab_size);
        tokenizer.add_eos(ends);
        tokenizer.described = described.present.then(|| described.special_tokens());
        if let Some(template) = ChatTemplate::of_directory(dir, &described)? {
            tokenizer = tokenizer.with_chat(template);
        }
        Ok(tokenizer)
    }

    /// The control tokens that `tokenizer_config.json` names, if there is such a file.
    pub(crate) fn described(&self) -> Option<&SpecialTokens> {
        self.chat.as_ref().map(ChatTemplate::tokens).or(self.described.as_ref())
    }

    /// The same tokenizer for a model that answers messages; what ends an answer for the template
    /// ends a generation.
    #[must_use]
    pub(crate) fn with_chat(mut self, template: ChatTemplate) -> Self {
        let end = template.tokens().eos.as_deref().and_then(|text| self.inner.token_to_id(text));
        self.add_eos(end);
        self.chat = Some(template);
        self
    }

    fn add_eos(&mut self, ends: impl IntoIterator<Item = u32>) {
        for end in ends {
            if !self.eos.contains(&end) {
                self.eos.push(end);
            }
            Arc::make_mut(&mut self.special).insert(end);
        }
    }

    /// Wraps a tokenizer for a model of the given configuration.
    ///
    /// # Errors
    /// `VocabularyMismatch` if an id has no embedding, `Tokenizer` if it cannot encode text.
    pub fn new(inner: Tokenizer, config: &ModelConfig) -> Result<Self, ModelError> {
        check_vocabulary(&inner, config.vocab_size)?;
        let special: HashSet<u32> = inner
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, token)| token.special)
            .map(|(id, _)| id)
            .chain(config.bos)
            .chain(config.eos.iter().copied())
            .collect();
        let bos = first_of_all(&inner, &special)?;
        Ok(Self {
            inner: Arc::new(inner),
            bos,
            eos: config.eos.clone(),
            special: Arc::new(special),
            initial: Arc::new(OnceLock::new()),
            opening: Arc::new(OnceLock::new()),
            chat: None,
            described: None,
            origin: Arc::from("memory"),
        })
    }

    /// Where the tokenizer was read from, for people.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn with_origin(mut self, origin: &str) -> Self {
        self.origin = origin.into();
        self
    }

    /// Highest id that is a token.
    pub(crate) fn highest(&self) -> u32 {
        highest(&self.inner)
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

    /// The text under which the vocabulary holds a token.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Whether the id is a control token rather than text.
    #[must_use]
    pub fn is_special(&self, token: u32) -> bool {
        self.special.contains(&token)
    }

    /// Control tokens, in no particular order.
    pub(crate) fn special_tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.special.iter().copied()
    }

    /// Token ids of a text, without a beginning-of-sequence token.
    ///
    /// # Errors
    /// `Tokenizer` if the text cannot be encoded.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        raw_encode(&self.inner, text, Surrounding::LeftOut)
    }

    /// Token ids that a server feeds the model for this text.
    ///
    /// # Errors
    /// `Tokenizer` if the text cannot be encoded.
    pub fn prompt(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(self.with_bos(&self.encode(text)?))
    }

    /// How the model writes a chat down, if it can.
    #[must_use]
    pub fn chat(&self) -> Option<&ChatTemplate> {
        self.chat.as_ref()
    }

    /// Token ids that a server feeds the model when it is asked this.
    ///
    /// The text of a chat is encoded as its template writes it, without another
    /// beginning-of-sequence token: that is what transformers and the common servers do.
    ///
    /// # Errors
    /// `Tokenizer`, `NoChatTemplate`, `ChatTemplate`.
    pub fn asked(&self, prompt: &Prompt) -> Result<Vec<u32>, ModelError> {
        match prompt {
            Prompt::Text(text) => self.prompt(text),
            Prompt::Chat(messages) => {
                let template = self.chat.as_ref().ok_or(ModelError::NoChatTemplate)?;
                self.encode(&template.render(messages)?)
            }
        }
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
            .map_err(|e| ModelError::tokenizer(format!("cannot decode {tokens:?}: {e}")).because(e))
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

    /// The letters and digits of a token that can start the answer to a chat, or `None` for any
    /// other.
    ///
    /// An answer starts afresh, so the blank before a word may be there or not, as the model has
    /// it.
    #[must_use]
    pub fn opening(&self, token: u32) -> Option<&str> {
        let index = usize::try_from(token).ok()?;
        self.opening.get_or_init(|| self.opening_table()).get(index)?.as_deref()
    }

    fn opening_table(&self) -> Vec<Option<Box<str>>> {
        let size = u32::try_from(self.inner.get_vocab_size(true)).unwrap_or(u32::MAX);
        let piece = |token: u32| {
            let text = self.decode(&[token]).ok().filter(|_| !self.is_special(token))?;
            let piece = text.strip_prefix(' ').unwrap_or(&text);
            let is_word = !piece.is_empty() && piece.chars().all(char::is_alphanumeric);
            is_word.then(|| piece.into())
        };
        (0..size).map(piece).collect()
    }

    fn word_initial_table(&self) -> Vec<Option<Box<str>>> {
        let size = u32::try_from(self.inner.get_vocab_size(true)).unwrap_or(u32::MAX);
        let anchor = self.encode(ANCHOR).unwrap_or_default();
        (0..size).map(|token| self.word_initial_piece(&anchor, token)).collect()
    }

    /// Text that a token adds to a text before it, with its blank; empty for control tokens.
    ///
    /// # Errors
    /// `Tokenizer` if the id is unknown to the decoder.
    pub fn piece(&self, token: u32) -> Result<String, ModelError> {
        self.piece_after(&self.encode(ANCHOR)?, token)
    }

    fn piece_after(&self, anchor: &[u32], token: u32) -> Result<String, ModelError> {
        let joined: Vec<u32> = anchor.iter().copied().chain([token]).collect();
        let text = self.decode(&joined)?;
        Ok(text.trim_start().strip_prefix(ANCHOR).unwrap_or_default().to_owned())
    }

    fn word_initial_piece(&self, anchor: &[u32], token: u32) -> Option<Box<str>> {
        if self.is_special(token) {
            return None;
        }
        let added = self.piece_after(anchor, token).ok()?;
        let piece = added.strip_prefix(' ')?;
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
            .map_err(|e| ModelError::tokenizer(format!("{}: {e}", path.display())).because(e))
    }
}

/// What the tokenizer library says, as it says it.
pub(crate) fn failed(error: tokenizers::Error) -> ModelError {
    ModelError::tokenizer(error.to_string()).because(error)
}

fn highest(inner: &Tokenizer) -> u32 {
    inner.get_vocab(true).into_values().max().unwrap_or(0)
}

/// Refuses a tokenizer whose own vocabulary is larger than the model's. Tokens that were added to
/// it and have no embedding are no harm until a prompt holds one: fine-tunes add a token for
/// padding and leave the matrix as it was.
fn check_vocabulary(inner: &Tokenizer, vocabulary: usize) -> Result<(), ModelError> {
    let outside = |id: u32| usize::try_from(id).is_ok_and(|id| id >= vocabulary);
    let own = inner.get_vocab(false).into_values().max().unwrap_or(0);
    if outside(own) {
        return Err(ModelError::VocabularyMismatch { highest: own, vocabulary });
    }
    let added: BTreeMap<u32, String> = inner
        .get_added_tokens_decoder()
        .into_iter()
        .filter(|(id, _)| outside(*id))
        .map(|(id, token)| (id, token.content))
        .collect();
    if let Some((id, token)) = added.first_key_value() {
        tracing::warn!(
            "tokenizer.json adds {} tokens that the model has no embedding for, such as `{token}` \
             with id {id} of {vocabulary} entries; a prompt that holds one is refused",
            added.len()
        );
    }
    Ok(())
}

/// The control token that the tokenizer puts before every text, if it does.
fn first_of_all(inner: &Tokenizer, special: &HashSet<u32>) -> Result<Option<u32>, ModelError> {
    let all = raw_encode(inner, ANCHOR, Surrounding::Added)?;
    let bare = raw_encode(inner, ANCHOR, Surrounding::LeftOut)?;
    let added = all.len() > bare.len();
    let bos = all.first().copied().filter(|token| added && special.contains(token));
    if all.len() != bare.len() + usize::from(bos.is_some()) {
        tracing::warn!(
            "the tokenizer puts more around a text than one token before it ({all:?} for \
             {bare:?}); prompts here are without the rest, so a server that adds it sees others"
        );
    }
    Ok(bos)
}

/// Largest `generation_config.json` that is read.
const MAX_GENERATION_CONFIG: u64 = 1 << 20;

/// Settings of a generation that change greedy answers, with the value that changes nothing.
const CHANGES_ANSWERS: [(&str, f64); 4] = [
    ("repetition_penalty", 1.0),
    ("encoder_repetition_penalty", 1.0),
    ("no_repeat_ngram_size", 0.0),
    ("min_new_tokens", 0.0),
];

/// What ends a generation besides the tokens of `config.json`; nothing if the file says nothing
/// usable, as it only adds to them.
fn ends_of_generation(path: &Path, vocabulary: usize) -> Vec<u32> {
    let Ok(file) = path.metadata() else { return Vec::new() };
    let small = file.len() <= MAX_GENERATION_CONFIG;
    let text = small.then(|| std::fs::read_to_string(path).ok()).flatten().unwrap_or_default();
    let config = lenient::parse(&text).unwrap_or_else(|error| {
        tracing::warn!("{} can't be used and is ignored: {error}", path.display());
        Value::Null
    });
    for (name, neutral) in CHANGES_ANSWERS {
        let given = config.get(name).and_then(Value::as_f64);
        if let Some(given) = given.filter(|given| (given - neutral).abs() > f64::EPSILON) {
            tracing::warn!(
                "generation_config.json: {name} = {given} is not applied here; servers that apply \
                 it give other answers"
            );
        }
    }
    let given = config.get("eos_token_id").cloned().unwrap_or_default();
    let ids = given.as_array().cloned().unwrap_or_else(|| vec![given]);
    let id = |value: &Value| u32::try_from(value.as_u64()?).ok();
    let inside = |id: &u32| usize::try_from(*id).is_ok_and(|id| id < vocabulary);
    ids.iter().filter_map(id).filter(inside).collect()
}

/// Whether the tokenizer adds the tokens that every text starts or ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surrounding {
    Added,
    LeftOut,
}

fn raw_encode(
    inner: &Tokenizer,
    text: &str,
    surrounding: Surrounding,
) -> Result<Vec<u32>, ModelError> {
    inner
        .encode_fast(text, surrounding == Surrounding::Added)
        .map(|encoding| encoding.get_ids().to_vec())
        .map_err(|e| ModelError::tokenizer(format!("cannot encode {text:?}: {e}")).because(e))
}
