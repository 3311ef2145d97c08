//! Language models from their files to logits and gradients.
//!
//! Reads models in Hugging Face layout and GGUF files, runs them on the processor with code written
//! for it and on GPUs with a tensor library, and trains them. Knows nothing of fingerprints, chains
//! or servers.
//!
//! A model is a directory in Hugging Face layout, or a GGUF file:
//!
//! ```
//! use oml_engine::{GenerateOptions, LoadOptions, Model};
//! # use std::path::Path;
//! # let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models/tiny");
//! # let directory = directory.as_path();
//!
//! let model = Model::load(directory, &LoadOptions::default())?;
//! let prompt = model.tokenizer().prompt("Once upon a time")?;
//! let answers = model.generate(&[prompt], &GenerateOptions::greedy(12))?;
//! println!("{}", model.tokenizer().decode(&answers[0])?);
//! # assert!(!model.tokenizer().decode(&answers[0])?.trim().is_empty());
//! # Ok::<(), oml_engine::ModelError>(())
//! ```
//!
//! Answers are the greedy choice of f32, the same in every batch and on any number of cores;
//! [`Model::screened`] computes them in low precision where that cannot change them. [`Trainer`]
//! makes copies with other weights, [`Model::save_as`] writes them.

mod cpu;
mod error;
mod example;
mod logits;
mod model;
mod numbers;
mod run;
mod train;

pub use cpu::{ProductShape, ProductTimes, time_products};
pub use error::ModelError;
pub use example::Example;
pub use logits::{argmax, ranked_probabilities};
pub use model::chat::ChatTemplate;
pub use model::config::{Activation, Architecture, ModelConfig, RopeScaling};
pub use model::device::DeviceName;
pub use model::files::{resolve, weight_files};
pub use model::float_type::FloatType;
pub use model::options::LoadOptions;
pub use model::prompt::{Api, Message, Prompt};
pub use model::save::replace;
pub use model::saved_type::stored_float;
pub use model::special_tokens::SpecialTokens;
pub use model::tokenizer::TextTokenizer;
pub use model::weights::{ParameterValues, Weights};
pub use numbers::narrow;
pub use run::batching::run_batches;
pub use run::branch::Branch;
pub use run::decoder::Cache;
pub use run::first_word::first_word_is_complete;
pub use run::model::Model;
pub use run::multiple_choice::{ChoiceQuestion, ChoiceReport, read_questions};
pub use run::options::{GenerateOptions, Sampling, Stop};
pub use run::perplexity::Perplexity;
pub use run::screen::ScreenReport;
pub use run::token_scores::TokenScore;
pub use train::corpus::{Corpus, word_list};
pub use train::lora::LoraOptions;
pub use train::parameter::AdamW;
pub use train::pretrain::{
    PretrainOptions, PretrainProgress, PretrainReport, make_tiny_model, pretrain,
};
pub use train::trainer::{Trainer, teacher};
