//! What can go wrong with a model on disk or in use.

use std::error::Error;
use std::path::PathBuf;

/// The failure of a library or of the system behind a complaint.
type Cause = Box<dyn Error + Send + Sync>;

/// Failure to load, run or save a model.
///
/// Messages say all that a reader needs, the text of their cause included; the cause itself is kept
/// as the source.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the model could not be read or written.
    #[error("cannot access {}: {source}", path.display())]
    Io {
        /// The file or folder that was to be read or written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `config.json` is missing a field, or holds a value that makes no sense.
    #[error("config.json: {what}")]
    Config {
        /// Field, value and what is allowed.
        what: String,
        /// What reading the file failed with, if it is no JSON.
        source: Option<Cause>,
    },
    /// The architecture is none of those implemented here.
    #[error(
        "architecture `{found}` is not supported; supported: LlamaForCausalLM, MistralForCausalLM, \
         Qwen2ForCausalLM, Qwen3ForCausalLM, Phi3ForCausalLM, Gemma2ForCausalLM, Gemma3ForCausalLM, \
         Olmo2ForCausalLM, SmolLM3ForCausalLM"
    )]
    UnsupportedArchitecture {
        /// The name in `config.json`.
        found: String,
    },
    /// `tokenizer.json` is unreadable, or failed on a text.
    #[error("tokenizer: {what}")]
    Tokenizer {
        /// What could not be done with which file or text.
        what: String,
        /// What the tokenizer library said.
        source: Option<Cause>,
    },
    /// A chat template that can't be used, or that refuses the messages.
    #[error("chat template: {what}")]
    ChatTemplate {
        /// What is wrong, or what the template says.
        what: String,
        /// What the template engine said.
        source: Option<Cause>,
    },
    /// A chat was asked of a model that has no way to write one down.
    #[error(
        "the model has no chat template; add chat_template.jinja or a tokenizer_config.json with `chat_template` \
         to its directory, or ask it for completions"
    )]
    NoChatTemplate,
    /// The tokenizer knows ids for which the model has no embedding.
    #[error(
        "the tokenizer has token ids up to {highest}, the model's vocabulary only {vocabulary} \
         entries; tokenizer.json and model belong to different models"
    )]
    VocabularyMismatch {
        /// Highest id of the tokenizer.
        highest: u32,
        /// `vocab_size` of the model.
        vocabulary: usize,
    },
    /// A weights file is not valid safetensors.
    #[error("{}: {what}", path.display())]
    Safetensors {
        /// The weights file, or the index of its shards.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What reading it failed with.
        source: Option<Cause>,
    },
    /// A file was left behind by git-lfs: it names the content and does not hold it.
    #[error(
        "{} is a git-lfs pointer, not the file itself; run `git lfs pull` in its directory, or \
         download the file again",
        path.display()
    )]
    Pointer {
        /// The file that only points to its content.
        path: PathBuf,
    },
    /// A file is not valid GGUF.
    #[error("{}: {what}", path.display())]
    Gguf {
        /// The GGUF file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What reading it, or building its tokenizer, failed with.
        source: Option<Cause>,
    },
    /// A file of multiple-choice questions is wrong.
    #[error("{}:{line}: {what}", path.display())]
    Questions {
        /// The file of questions.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A tensor that the architecture needs is in none of the weights files.
    #[error("tensor `{name}` is missing from the weights files")]
    MissingTensor {
        /// Hugging Face name of the tensor.
        name: String,
    },
    /// A tensor's shape contradicts `config.json`.
    #[error("tensor `{name}` has shape {found:?}, config.json implies {expected:?}")]
    TensorShape {
        /// Hugging Face name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that the configuration implies.
        expected: Vec<usize>,
    },
    /// A tensor holds NaN or an infinity.
    #[error("tensor `{name}` holds NaN or infinite values; the weights file is damaged")]
    NotFinite {
        /// Hugging Face name of the tensor.
        name: String,
    },
    /// A prompt without tokens has no next-token distribution.
    #[error("prompt {index} is empty")]
    EmptyPrompt {
        /// Position in the batch.
        index: usize,
    },
    /// A prompt does not fit into the context that was set up at loading.
    #[error("prompt {index} needs {length} positions, the context has {limit}")]
    PromptTooLong {
        /// Position in the batch.
        index: usize,
        /// Prompt tokens plus requested new tokens.
        length: usize,
        /// Positions that the model was set up for.
        limit: usize,
    },
    /// A prompt holds an id outside the vocabulary.
    #[error("prompt {index} holds token id {token}, the vocabulary has {vocabulary} entries")]
    TokenOutOfRange {
        /// Position in the batch.
        index: usize,
        /// The offending id.
        token: u32,
        /// `vocab_size` of the model.
        vocabulary: usize,
    },
    /// A sampling parameter is out of range.
    #[error("{name} = {value}: {requirement}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// The value given.
        value: String,
        /// What is allowed.
        requirement: &'static str,
    },
    /// The directory or Hub id names no model that can be loaded here.
    #[error("cannot load `{spec}`: {what}")]
    NotFound {
        /// What was asked for.
        spec: String,
        /// Why it cannot be had, and what to do.
        what: String,
        /// What the Hub or the network said.
        source: Option<Cause>,
    },
    /// The device that was asked for is none of this build or machine.
    #[error("device `{device}` is not available: {what}")]
    DeviceUnavailable {
        /// The device as people name it, such as `cuda:0`.
        device: String,
        /// Why, and what to do.
        what: String,
        /// What the driver said.
        source: Option<Cause>,
    },
    /// The tensor library failed.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl ModelError {
    /// Builds the conversion of an I/O error that happened on `path`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// A complaint about `config.json`.
    pub(crate) fn config(what: impl Into<String>) -> Self {
        Self::Config { what: what.into(), source: None }
    }

    /// A complaint about a tokenizer, or about what it was given.
    pub(crate) fn tokenizer(what: impl Into<String>) -> Self {
        Self::Tokenizer { what: what.into(), source: None }
    }

    /// A complaint about a chat template, or what the template complains about.
    pub(crate) fn chat_template(what: impl Into<String>) -> Self {
        Self::ChatTemplate { what: what.into(), source: None }
    }

    /// A complaint about a safetensors file or its index.
    pub(crate) fn safetensors(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Safetensors { path: path.into(), what: what.into(), source: None }
    }

    /// A complaint about a GGUF file.
    pub(crate) fn gguf(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Gguf { path: path.into(), what: what.into(), source: None }
    }

    /// Why a model cannot be had.
    pub(crate) fn not_found(spec: impl Into<String>, what: impl Into<String>) -> Self {
        Self::NotFound { spec: spec.into(), what: what.into(), source: None }
    }

    /// Keeps the failure behind a complaint as its source.
    pub(crate) fn because(mut self, cause: impl Into<Cause>) -> Self {
        match &mut self {
            Self::Config { source, .. }
            | Self::Tokenizer { source, .. }
            | Self::ChatTemplate { source, .. }
            | Self::Safetensors { source, .. }
            | Self::Gguf { source, .. }
            | Self::NotFound { source, .. }
            | Self::DeviceUnavailable { source, .. } => *source = Some(cause.into()),
            // These say all there is, or have their cause already.
            _ => {}
        }
        self
    }
}
