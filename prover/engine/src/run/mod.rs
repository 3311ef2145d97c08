//! Running a model: logits, answers, texts, and measures of how well it does.

pub(crate) mod backend;
pub(crate) mod batching;
pub(crate) mod branch;
pub(crate) mod decoder;
pub(crate) mod first_word;
mod generate;
mod greedy;
mod grow;
pub(crate) mod model;
pub(crate) mod multiple_choice;
pub(crate) mod options;
pub(crate) mod perplexity;
mod processor;
pub(crate) mod screen;
mod setup;
pub(crate) mod tensors;
pub(crate) mod token_scores;

pub(crate) use decoder::Decoder;
pub(crate) use model::Model;
