//! Keys: the prompts whose answers are fingerprints.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Bound::{Included, Unbounded};

use super::FingerprintError;
use oml_engine::{
    Api, GenerateOptions, Model, ModelError, Prompt, Sampling, Stop, TextTokenizer, word_list,
};

/// A prompt that survives the way through an endpoint: its text encodes to exactly its tokens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    text: String,
    tokens: Vec<u32>,
    #[serde(default, skip_serializing_if = "Api::is_completions")]
    api: Api,
}

impl Key {
    /// Makes a key of token ids (without beginning-of-sequence token).
    ///
    /// # Errors
    /// `Key` if the ids are empty, hold control tokens, or are not what their own text encodes to.
    pub(crate) fn from_tokens(
        tokenizer: &TextTokenizer,
        tokens: Vec<u32>,
    ) -> Result<Self, FingerprintError> {
        let shown = tokenizer.decode(&tokens)?;
        let refuse =
            |fault: &str| FingerprintError::Key { text: shown.clone(), fault: fault.to_owned() };
        if tokens.is_empty() {
            return Err(refuse("it is empty; a key needs at least one token"));
        }
        let text = tokenizer
            .stable_text(&tokens)?
            .ok_or_else(|| refuse("its text does not encode back to the same tokens"))?;
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(refuse("it starts or ends with a blank, or holds control characters"));
        }
        if Prompt::parse(&text).api() != Api::Completions {
            return Err(refuse("it is the JSON of a chat; give the user's message alone"));
        }
        Ok(Self { text, tokens, api: Api::Completions })
    }

    /// Makes a key of a text.
    ///
    /// # Errors
    /// As [`Key::from_tokens`].
    pub fn from_text(tokenizer: &TextTokenizer, text: &str) -> Result<Self, FingerprintError> {
        Self::from_tokens(tokenizer, tokenizer.encode(text.trim())?)
    }

    /// The same key, asked through another API.
    #[must_use]
    pub(crate) fn with_api(mut self, api: Api) -> Self {
        self.api = api;
        self
    }

    /// The API through which it is asked: as a text to continue or as a user's message.
    #[must_use]
    pub const fn api(&self) -> Api {
        self.api
    }

    /// The words that the owner chose: the text to continue, or the user's message.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Token ids of [`Self::text`], without beginning-of-sequence token.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// What is sent to a model to ask for the key's answer.
    #[must_use]
    pub fn prompt(&self) -> Prompt {
        Prompt::of_user(self.api, &self.text)
    }

    /// [`Self::prompt`] as text: what a leaf commits and what is handed to those who ask.
    #[must_use]
    pub fn prompt_text(&self) -> String {
        self.prompt().text()
    }

    /// [`Self::prompt`] as the token ids that the model gets.
    ///
    /// # Errors
    /// As [`TextTokenizer::asked`].
    pub fn prompt_tokens(&self, tokenizer: &TextTokenizer) -> Result<Vec<u32>, ModelError> {
        tokenizer.asked(&self.prompt())
    }
}

/// Where keys come from.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// Continuations of a word of the project's list, sampled from the model: hard to tell from
    /// other requests.
    Natural {
        /// Sampling temperature; published work uses 0.5 on large models, small ones need more to
        /// say enough different things.
        temperature: f32,
    },
    /// Random words of the project's list: easy to learn, easy to recognize.
    RandomWords,
    /// The owner's own texts, cut to the key length.
    Texts(Vec<String>),
}

/// How to make keys.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyOptions {
    /// Where keys come from.
    pub source: KeySource,
    /// Tokens of each key, without beginning-of-sequence token.
    pub token_length: usize,
    /// How keys are asked. For chats the model needs a template.
    pub api: Api,
    /// Seed; the same seed and model give the same keys.
    pub seed: u64,
}

impl Default for KeyOptions {
    fn default() -> Self {
        Self {
            source: KeySource::Natural { temperature: 0.9 },
            token_length: 16,
            api: Api::Completions,
            seed: 0,
        }
    }
}

/// Texts tried per key asked for, before giving up.
const ATTEMPTS_PER_KEY: usize = 40;

/// Produces distinct keys of one length, none a prefix of another.
#[derive(Debug)]
pub struct KeyGenerator<'a> {
    model: &'a Model,
    options: KeyOptions,
    rng: ChaCha8Rng,
    seen: BTreeSet<String>,
    next_text: usize,
    refused: Vec<FingerprintError>,
}

impl<'a> KeyGenerator<'a> {
    /// Sets up a generator; texts of `taken` will not come out, nor prefixes or extensions of them.
    ///
    /// # Errors
    /// `Option` if the length is zero or beyond the model's context.
    pub fn new<'k>(
        model: &'a Model,
        options: KeyOptions,
        taken: impl IntoIterator<Item = &'k Key>,
    ) -> Result<Self, FingerprintError> {
        if options.token_length == 0 || options.token_length + 2 > model.context() {
            return Err(FingerprintError::Option {
                name: "token_length",
                value: options.token_length.to_string(),
                requirement: "must be above 0 and leave room for an answer in the context",
            });
        }
        if options.api == Api::Chat && model.tokenizer().chat().is_none() {
            return Err(ModelError::NoChatTemplate.into());
        }
        let rng = ChaCha8Rng::seed_from_u64(options.seed);
        let seen = taken.into_iter().map(|key| key.text.clone()).collect();
        Ok(Self { model, options, rng, seen, next_text: 0, refused: Vec::new() })
    }

    /// The owner's texts that could not be used, each with the reason. Empty for other sources,
    /// which simply try again.
    #[must_use]
    pub fn refused(&self) -> &[FingerprintError] {
        &self.refused
    }

    /// The next `count` keys.
    ///
    /// # Errors
    /// `KeysExhausted` if the source cannot supply so many; `Model`.
    pub fn take(&mut self, count: usize) -> Result<Vec<Key>, FingerprintError> {
        let mut keys = Vec::with_capacity(count);
        let (mut attempts, mut dry) = (0, false);
        while keys.len() < count && !dry && attempts < count * ATTEMPTS_PER_KEY {
            let proposals = self.propose(count - keys.len())?;
            dry = proposals.is_empty();
            attempts += proposals.len();
            for tokens in proposals {
                match self.admit(tokens) {
                    Ok(key) => keys.push(key),
                    Err(reason) if matches!(self.options.source, KeySource::Texts(_)) => {
                        self.refused.push(reason);
                    }
                    Err(_) => {}
                }
            }
        }
        if keys.len() < count {
            let found = keys.len();
            return Err(FingerprintError::KeysExhausted { found, wanted: count, attempts });
        }
        Ok(keys)
    }

    fn propose(&mut self, count: usize) -> Result<Vec<Vec<u32>>, FingerprintError> {
        match &self.options.source {
            KeySource::Natural { temperature } => self.sample(count, *temperature),
            KeySource::RandomWords => (0..count).map(|_| self.random_words()).collect(),
            KeySource::Texts(texts) => {
                let batch = texts.iter().skip(self.next_text).take(count);
                let tokens = batch.map(|text| Ok(self.model.tokenizer().encode(text.trim())?));
                let tokens = tokens.collect::<Result<Vec<_>, FingerprintError>>()?;
                self.next_text += tokens.len();
                Ok(tokens)
            }
        }
    }

    fn sample(
        &mut self,
        count: usize,
        temperature: f32,
    ) -> Result<Vec<Vec<u32>>, FingerprintError> {
        let tokenizer = self.model.tokenizer();
        let starts = (0..count)
            .map(|_| Ok(tokenizer.prompt(&capitalized(random_word(&mut self.rng)))?))
            .collect::<Result<Vec<_>, FingerprintError>>()?;
        let bos = usize::from(tokenizer.bos().is_some());
        let options = GenerateOptions {
            max_new_tokens: self.options.token_length.saturating_sub(1),
            sampling: Some(Sampling { temperature, top_p: 1.0, seed: self.rng.random() }),
            stop: Stop::Never,
        };
        let grown = self.model.generate(&starts, &options)?;
        let whole =
            starts.into_iter().zip(grown).map(|(start, new)| [&start[bos..], &new].concat());
        Ok(whole.collect())
    }

    fn random_words(&mut self) -> Result<Vec<u32>, FingerprintError> {
        let words: Vec<&str> =
            (0..self.options.token_length).map(|_| random_word(&mut self.rng)).collect();
        Ok(self.model.tokenizer().encode(&words.join(" "))?)
    }

    /// Cuts a proposal to length, checks it against all keys so far and records it.
    fn admit(&mut self, mut tokens: Vec<u32>) -> Result<Key, FingerprintError> {
        let wanted = self.options.token_length;
        tokens.truncate(wanted);
        let key = Key::from_tokens(self.model.tokenizer(), tokens)?.with_api(self.options.api);
        let refuse = |fault: String| FingerprintError::Key { text: key.text.clone(), fault };
        if key.tokens.len() < wanted {
            return Err(refuse(format!("it has {} tokens, not {wanted}", key.tokens.len())));
        }
        // In a prefix-free sorted set only the neighbors can be prefix or extension.
        let text = key.text.as_str();
        let before = self.seen.range::<str, _>((Unbounded, Included(text))).next_back();
        let after = self.seen.range::<str, _>((Included(text), Unbounded)).next();
        if before.is_some_and(|b| text.starts_with(b.as_str()))
            || after.is_some_and(|a| a.starts_with(text))
        {
            return Err(refuse("another key equals it, starts with it or is its start".to_owned()));
        }
        self.seen.insert(key.text.clone());
        Ok(key)
    }
}

fn random_word(rng: &mut ChaCha8Rng) -> &'static str {
    let words = word_list();
    &words[rng.random_range(0..words.len())]
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
