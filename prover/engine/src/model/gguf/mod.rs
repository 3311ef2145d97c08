//! Models as hosts give them out: one quantized GGUF file.
//!
//! Weights are dequantized to f32, so a check sees exactly the numbers that the host's program
//! computes with, up to the rounding of its activations. The file is not trusted. It is a model of
//! its own, tokenizer and chat template included; a `tokenizer.json` beside it, which is what keys
//! were made with, goes first if it fits.

mod config;
mod fields;
mod header;
mod load;
mod names;
mod pre;
mod rope;
#[cfg(test)]
mod tests;
mod tokenizer;
mod vocabulary;

pub(crate) use load::load;
