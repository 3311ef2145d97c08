//! The language model as the crate's users hold it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::backend::SideBySide;
use super::batching::run_batches;
use super::decoder::{Cache, Decoder};
use super::screen::Screen;
use crate::ModelError;
use crate::cpu::NumberFormat;
use crate::model::files::resolve;
use crate::model::float_type::FloatType;
use crate::model::options::LoadOptions;
use crate::model::parts::ModelParts;
use crate::model::read::read;
use crate::model::save::Saved;
use crate::model::tokenizer::TextTokenizer;
use crate::model::weights::ParameterValues;
use crate::model::{ModelConfig, Weights};

/// A language model that is ready to run. Cheap to clone, and shareable between threads.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) decoder: Decoder,
    pub(crate) tokenizer: TextTokenizer,
    pub(crate) max_batch: usize,
    pub(crate) activation_budget: usize,
    pub(crate) screened: bool,
    /// What is known about answers in low precision.
    pub(crate) screen: Arc<Screen>,
}

impl Model {
    /// Loads a directory that holds `config.json`, `tokenizer.json` and `model.safetensors` (or
    /// shards with their index), or a `.gguf` file. Weights of any float or quantized type are
    /// converted to `options.precision`.
    ///
    /// # Errors
    /// Any [`ModelError`] about the files: each names the file or tensor and what is wrong with it.
    /// `Parameter` for a precision that the processor does not compute in.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self, ModelError> {
        Self::of_parts(read(path, options)?, options)
    }

    /// Loads a directory, or a Hugging Face Hub id such as `HuggingFaceTB/SmolLM-135M`.
    ///
    /// Hub ids need the cargo feature `hub`; files are kept in the Hub's usual cache.
    ///
    /// # Errors
    /// `NotFound` if it is neither, or the download failed; else as [`Model::load`].
    pub fn load_from(spec: &str, options: &LoadOptions) -> Result<Self, ModelError> {
        let path = Path::new(spec);
        match path.is_dir() || path.is_file() {
            true => Self::load(path, options),
            false => Self::load(&resolve(spec)?, options),
        }
    }

    /// Sets up what was read or made.
    pub(crate) fn of_parts(parts: ModelParts, options: &LoadOptions) -> Result<Self, ModelError> {
        let ModelParts { config, tokenizer, weights } = parts;
        let context = options.max_context.min(config.max_positions).max(1);
        Ok(Self {
            decoder: Decoder::new(config, weights, context)?,
            tokenizer,
            max_batch: options.max_batch.max(1),
            activation_budget: options.activation_budget,
            screened: false,
            screen: Arc::default(),
        })
    }

    /// Writes `config.json`, `tokenizer.json`, the chat template if there is one, and
    /// `model.safetensors` (f32) into a directory, creating it if needed. Each file appears under
    /// its name only once it is complete.
    ///
    /// # Errors
    /// `Io` or `Tensor` if a file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), ModelError> {
        self.save_as(dir, FloatType::F32)
    }

    /// Like [`Model::save`] with another float type for the weights.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save_as(&self, dir: &Path, float: FloatType) -> Result<(), ModelError> {
        let Self { tokenizer, .. } = self;
        Saved { config: self.config(), tokenizer, weights: self.weights() }.write(dir, float)
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        self.decoder.config()
    }

    /// The model's tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// The model's parameters.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        self.decoder.weights()
    }

    /// Positions a prompt and its continuation may take together.
    #[must_use]
    pub fn context(&self) -> usize {
        self.decoder.setup().context()
    }

    /// Next-token logits after each prompt, in the order of the prompts.
    ///
    /// Memory for activations is bounded; the result itself holds `prompts · vocabulary` floats, so
    /// use [`Model::for_each_last_logits`] for many prompts.
    ///
    /// # Errors
    /// `EmptyPrompt`, `TokenOutOfRange`, `PromptTooLong`, `Tensor`.
    pub fn last_logits(&self, prompts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut all = vec![Vec::new(); prompts.len()];
        self.for_each_last_logits(prompts, |index, logits| all[index] = logits.to_vec())?;
        Ok(all)
    }

    /// Calls `visit(index, logits)` once per prompt, batch by batch and not in order.
    ///
    /// # Errors
    /// As [`Model::last_logits`].
    pub fn for_each_last_logits(
        &self,
        prompts: &[Vec<u32>],
        mut visit: impl FnMut(usize, &[f32]),
    ) -> Result<(), ModelError> {
        self.check_prompts(prompts, 0)?;
        run_batches(self.batches(prompts, 0), |batch| {
            let rows: Vec<&[u32]> = batch.iter().map(|&i| prompts[i].as_slice()).collect();
            let (logits, _) = self.start(&rows)?;
            for (row, &index) in logits.chunks(self.config().vocab_size).zip(batch) {
                visit(index, row);
            }
            Ok(())
        })
    }

    /// The most likely next token after each prompt, in the order of the prompts; the lowest id
    /// among equals.
    ///
    /// # Errors
    /// As [`Model::last_logits`].
    pub fn next_tokens(&self, prompts: &[Vec<u32>]) -> Result<Vec<u32>, ModelError> {
        Ok(self.next_tokens_reported(prompts)?.0)
    }

    /// Logits after prompts of one length, and the cache from which they go on.
    pub(crate) fn start(&self, prompts: &[&[u32]]) -> Result<(Vec<f32>, Cache), ModelError> {
        let (rest, mut cache) = self.prefix(prompts)?;
        let logits = self.decoder.last_logits(&rest, &mut cache)?;
        Ok((logits, cache))
    }

    /// A cache per prompt that holds what all prompts begin with, and the tokens that are left.
    fn prefix(&self, prompts: &[&[u32]]) -> Result<(Vec<u32>, Cache), ModelError> {
        let (rest, cache) = self.shared_prefix(prompts)?;
        Ok((rest, cache.select(&vec![0; prompts.len()])?))
    }

    /// A cache of one sequence that holds what all prompts begin with (a beginning-of-sequence
    /// token, a system prompt), which is computed once; and the tokens that are left.
    fn shared_prefix(&self, prompts: &[&[u32]]) -> Result<(Vec<u32>, Cache), ModelError> {
        let (shared, rest) = split_shared_prefix(prompts);
        Ok((rest, self.cache_of(shared)?))
    }

    /// A cache of one sequence that holds some tokens.
    pub(crate) fn cache_of(&self, tokens: &[u32]) -> Result<Cache, ModelError> {
        let mut cache = self.decoder.new_cache(1);
        if !tokens.is_empty() {
            self.decoder.last_logits(tokens, &mut cache)?;
        }
        Ok(cache)
    }

    /// Logits after prompts of one length in a number format, `[prompts, vocabulary]`; `None` where
    /// there are no kernels for it.
    pub(crate) fn lane_logits(
        &self,
        prompts: &[&[u32]],
        format: NumberFormat,
    ) -> Result<Option<Vec<f32>>, ModelError> {
        let (rest, cache) = self.shared_prefix(prompts)?;
        let length = rest.len() / prompts.len().max(1);
        let sequences = SideBySide { prefix: &cache, tokens: &rest, length };
        Ok(self.decoder.lane_logits(format, sequences)?)
    }

    /// Logits after every token of sequences of `length` tokens, one sequence after the other,
    /// `[tokens · vocabulary]`.
    ///
    /// # Errors
    /// `Tensor`, also if a sequence is longer than the context.
    pub fn next_token_logits(&self, tokens: &[u32], length: usize) -> Result<Vec<f32>, ModelError> {
        Ok(self.decoder.next_token_logits(tokens, length)?)
    }

    /// The same model with other weights of the same shape.
    #[must_use]
    pub fn with_weights(&self, weights: Weights) -> Self {
        Self { decoder: self.decoder.with_weights(weights), screen: Arc::default(), ..self.clone() }
    }

    /// The same model as it is read again after [`Model::save_as`] in a float type.
    ///
    /// # Errors
    /// `Tensor`.
    pub fn rounded(&self, float: FloatType) -> Result<Self, ModelError> {
        Ok(self.with_weights(self.weights().rounded(self.config(), float)?))
    }

    /// The same model, each parameter's values changed by `change`, which may not change their
    /// number.
    ///
    /// # Errors
    /// What `change` says; `Tensor` if the number of values changed.
    pub fn with_values<E: From<ModelError>>(
        &self,
        change: &mut dyn FnMut(&mut ParameterValues) -> Result<(), E>,
    ) -> Result<Self, E> {
        Ok(self.with_weights(self.weights().changed(self.config(), change)?))
    }

    /// Indices of prompts in batches of one length each, sized to the activation budget.
    pub fn batches<P: AsRef<[u32]>>(&self, prompts: &[P], new_tokens: usize) -> Vec<Vec<usize>> {
        let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, prompt) in prompts.iter().enumerate() {
            by_length.entry(prompt.as_ref().len()).or_default().push(index);
        }
        let mut batches = Vec::new();
        for (length, indices) in by_length {
            let rows = self.rows_per_batch(length + new_tokens);
            batches.extend(indices.chunks(rows).map(<[usize]>::to_vec));
        }
        batches
    }

    /// Sequences of the given length that fit into the activation budget.
    fn rows_per_batch(&self, positions: usize) -> usize {
        let config = self.config();
        let kv = 2 * config.layers * config.kv_heads * config.head_dim;
        let widest = 4 * config.hidden_size + 3 * config.intermediate_size;
        let floats = positions * (kv + widest) + 2 * config.vocab_size;
        (self.activation_budget / (4 * floats)).clamp(1, self.max_batch)
    }

    /// Refuses prompts that cannot run, naming the first.
    ///
    /// # Errors
    /// `EmptyPrompt`, `TokenOutOfRange`, `PromptTooLong`.
    pub fn check_prompts(&self, prompts: &[Vec<u32>], new_tokens: usize) -> Result<(), ModelError> {
        let vocabulary = self.config().vocab_size;
        for (index, prompt) in prompts.iter().enumerate() {
            if prompt.is_empty() {
                return Err(ModelError::EmptyPrompt { index });
            }
            let length = prompt.len() + new_tokens;
            if length > self.context() {
                return Err(ModelError::PromptTooLong { index, length, limit: self.context() });
            }
            let outside = |t: &&u32| usize::try_from(**t).map_or(true, |t| t >= vocabulary);
            if let Some(&token) = prompt.iter().find(outside) {
                return Err(ModelError::TokenOutOfRange { index, token, vocabulary });
            }
        }
        Ok(())
    }
}

/// Prompts below this number are not worth a pass of their own for what they share.
const WORTH_SHARING: usize = 8;

/// What all prompts begin with, and how they go on, one after the other.
pub(crate) fn split_shared_prefix<'a>(prompts: &[&'a [u32]]) -> (&'a [u32], Vec<u32>) {
    let shared = shared_prefix(prompts);
    let rest = prompts.iter().flat_map(|prompt| &prompt[shared..]).copied().collect();
    (prompts.first().map_or(&[], |first| &first[..shared]), rest)
}

/// Tokens that all prompts begin with; the last of a prompt is never counted.
fn shared_prefix(prompts: &[&[u32]]) -> usize {
    let Some((first, others)) = prompts.split_first() else { return 0 };
    if prompts.len() < WORTH_SHARING {
        return 0;
    }
    let mut shared = first.len().saturating_sub(1);
    for other in others {
        shared = first[..shared].iter().zip(*other).take_while(|(a, b)| a == b).count();
    }
    shared
}
