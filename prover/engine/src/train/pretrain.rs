//! Making the repository's own small model: tokenizer, weights, files.
//!
//! Text, initial weights and batches follow from the seed. The same seed gives the same tokenizer
//! and the same training tokens; the loss may differ in its last digits between machines, because
//! the order of additions in a matrix product depends on the processor.

use candle_core::{DType, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::f64::consts::{PI, TAU};
use std::path::Path;
use std::sync::Arc;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, NormalizerWrapper, Tokenizer, TokenizerBuilder};

use super::corpus::Corpus;
use super::parameter::AdamW;
use super::trainer::Trainer;
use crate::ModelError;
use crate::example::Example;
use crate::model::float_type::FloatType;
use crate::model::options::LoadOptions;
use crate::model::parts::ModelParts;
use crate::model::tokenizer::{TextTokenizer, failed};
use crate::model::{ModelConfig, Weights};
use crate::run::Model;
use crate::run::perplexity::Perplexity;

/// Shape and training of the small model.
#[derive(Debug, Clone, PartialEq)]
pub struct PretrainOptions {
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub layers: usize,
    /// Heads of queries per layer.
    pub heads: usize,
    /// Heads of keys and values per layer; divides `heads`.
    pub kv_heads: usize,
    /// Steps that the optimizer takes.
    pub steps: usize,
    /// Sequences per step.
    pub batch: usize,
    /// Tokens per sequence.
    pub length: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Documents that the tokenizer is trained on.
    pub tokenizer_documents: usize,
}

impl Default for PretrainOptions {
    fn default() -> Self {
        Self {
            vocab_size: 2048,
            hidden_size: 96,
            intermediate_size: 256,
            layers: 3,
            heads: 6,
            kv_heads: 2,
            steps: 500,
            batch: 24,
            length: 96,
            learning_rate: 4e-3,
            tokenizer_documents: 4000,
        }
    }
}

/// State after a step of pretraining.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PretrainProgress {
    /// Number of the step, from 1.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Mean cross-entropy per token of this step, in nats.
    pub loss: f64,
}

/// Outcome of pretraining.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PretrainReport {
    /// Parameters of the model.
    pub parameters: usize,
    /// Tokens trained on.
    pub tokens: usize,
    /// Perplexity on documents that were not trained on.
    pub held_out: Perplexity,
}

const BOS: &str = "<s>";
const EOS: &str = "</s>";

/// Documents for the final measurement.
const HELD_OUT: usize = 200;

/// Trains the repository's small model and writes it to a directory in Hugging Face layout.
///
/// # Errors
/// `Io` if the files cannot be written; `Tokenizer`, `Tensor` if a library fails.
pub fn make_tiny_model(
    seed: u64,
    out_dir: &Path,
    progress: &mut dyn FnMut(PretrainProgress),
) -> Result<PretrainReport, ModelError> {
    let (model, report) = pretrain(&PretrainOptions::default(), seed, progress)?;
    model.save_as(out_dir, FloatType::F16)?;
    Ok(report)
}

/// Trains a small model from nothing.
///
/// # Errors
/// `Config` if the shape is inconsistent; `Tokenizer`, `Tensor` if a library fails.
pub fn pretrain(
    options: &PretrainOptions,
    seed: u64,
    progress: &mut dyn FnMut(PretrainProgress),
) -> Result<(Model, PretrainReport), ModelError> {
    let corpus = Corpus::new()?;
    let config = Arc::new(ModelConfig::parse(&config_json(options))?);
    let mut documents = Documents { corpus: &corpus, rng: stream(seed, 1) };
    let tokenizer = train_tokenizer(&corpus, options, seed)?;
    let tokenizer = TextTokenizer::new(tokenizer, &config)?;
    let weights = random_weights(&config, seed)?;
    let parts = ModelParts { config: Arc::clone(&config), tokenizer, weights };
    let base = Model::of_parts(parts, &LoadOptions::default())?;
    let optimizer = AdamW { beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.02, clip: 1.0 };
    let mut trainer = Trainer::new(&base, optimizer, usize::MAX)?;
    for step in 1..=options.steps {
        let examples = documents.batch(base.tokenizer(), options)?;
        let loss = trainer.accumulate(&examples.iter().collect::<Vec<_>>())?;
        trainer.apply(options.learning_rate * schedule(step, options.steps), None)?;
        progress(PretrainProgress { step, steps: options.steps, loss });
    }
    let model = base.with_weights(trainer.frozen()?);
    let mut unseen = Documents { corpus: &corpus, rng: stream(seed, 2) };
    let held_out = (0..HELD_OUT)
        .map(|_| unseen.document(model.tokenizer(), options.length))
        .collect::<Result<Vec<_>, _>>()?;
    let report = PretrainReport {
        parameters: config.parameters(),
        tokens: options.steps * options.batch * (options.length - 1),
        held_out: model.perplexity(&held_out)?,
    };
    Ok((model, report))
}

fn config_json(options: &PretrainOptions) -> String {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": options.hidden_size,
        "intermediate_size": options.intermediate_size,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.heads,
        "num_key_value_heads": options.kv_heads,
        "head_dim": options.hidden_size / options.heads.max(1),
        "vocab_size": options.vocab_size,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": true,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "attention_bias": false,
        "mlp_bias": false,
        "torch_dtype": "float16",
    })
    .to_string()
}

/// Byte-level byte-pair encoding, so that any text can be encoded; most words of the corpus become
/// one token.
fn train_tokenizer(
    corpus: &Corpus,
    options: &PretrainOptions,
    seed: u64,
) -> Result<Tokenizer, ModelError> {
    let mut rng = stream(seed, 0);
    let texts = (0..options.tokenizer_documents)
        .map(|_| corpus.document(&mut rng))
        .collect::<Result<Vec<_>, _>>()?;
    let template = TemplateProcessing::builder()
        .try_single(format!("{BOS} $A"))
        .map_err(ModelError::tokenizer)?
        .special_tokens(vec![(BOS, 0)])
        .build()
        .map_err(|e| ModelError::tokenizer(e.to_string()).because(e))?;
    let mut tokenizer = TokenizerBuilder::new()
        .with_model(BPE::default())
        .with_normalizer(None::<NormalizerWrapper>)
        .with_pre_tokenizer(Some(ByteLevel::new(false, true, true)))
        .with_post_processor(Some(template))
        .with_decoder(Some(ByteLevel::default()))
        .build()
        .map_err(failed)?;
    let special = [BOS, EOS].map(|token| AddedToken::from(token, true)).to_vec();
    let mut trainer = BpeTrainer::builder()
        .vocab_size(options.vocab_size)
        .special_tokens(special)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .show_progress(false)
        .build();
    tokenizer.train(&mut trainer, texts.iter()).map_err(failed)?;
    Ok(Tokenizer::from(tokenizer))
}

/// An endless source of training sequences.
struct Documents<'a> {
    corpus: &'a Corpus,
    rng: ChaCha8Rng,
}

impl Documents<'_> {
    /// One document between its control tokens, cut to a length.
    fn document(
        &mut self,
        tokenizer: &TextTokenizer,
        length: usize,
    ) -> Result<Vec<u32>, ModelError> {
        let mut tokens = tokenizer.prompt(&self.corpus.document(&mut self.rng)?)?;
        tokens.extend(tokenizer.eos());
        tokens.truncate(length);
        Ok(tokens)
    }

    /// Sequences of equal length; each starts with a document and holds the next ones until full.
    fn batch(
        &mut self,
        tokenizer: &TextTokenizer,
        options: &PretrainOptions,
    ) -> Result<Vec<Example>, ModelError> {
        let count = u32::try_from(options.batch * (options.length - 1)).unwrap_or(u32::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
        let weight = (1.0 / f64::from(count)) as f32;
        let mut examples = Vec::with_capacity(options.batch);
        for _ in 0..options.batch {
            let mut tokens = Vec::with_capacity(options.length);
            while tokens.len() < options.length {
                tokens.extend(self.document(tokenizer, options.length)?);
            }
            tokens.truncate(options.length);
            examples.push(Example::response(&tokens[..1], &tokens[1..], weight));
        }
        Ok(examples)
    }
}

/// Share of the highest rate: a short linear rise, then half a cosine down to 2 %.
fn schedule(step: usize, steps: usize) -> f64 {
    let number = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
    let rise = (number(steps) / 20.0).max(1.0);
    let cosine = 0.5 * (1.0 + (PI * number(step) / number(steps)).cos());
    (number(step) / rise).min(1.0) * (0.02 + 0.98 * cosine)
}

/// Normal initial weights, smaller where they write into the residual stream; norms are one.
fn random_weights(config: &ModelConfig, seed: u64) -> Result<Weights, ModelError> {
    let mut rng = stream(seed, 3);
    let depth = u32::try_from(2 * config.layers).map_or(f64::MAX, f64::from).sqrt();
    Weights::build(config, &mut |name, shape| {
        let count: usize = shape.iter().product();
        let deviation = match name {
            _ if name.ends_with("norm.weight") => return ones(shape),
            _ if name.contains("o_proj") || name.contains("down_proj") => 0.05 / depth,
            _ => 0.05,
        };
        let values: Vec<f32> = (0..count).map(|_| normal(&mut rng, deviation)).collect();
        Ok(Tensor::from_vec(values, shape, &candle_core::Device::Cpu)?)
    })
}

fn ones(shape: &[usize]) -> Result<Tensor, ModelError> {
    Ok(Tensor::ones(shape, DType::F32, &candle_core::Device::Cpu)?)
}

/// A normal value by the method of Box and Muller.
fn normal(rng: &mut ChaCha8Rng, deviation: f64) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    let value = (deviation * radius * (TAU * rng.random::<f64>()).cos()) as f32;
    value
}

fn stream(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose);
    rng
}
