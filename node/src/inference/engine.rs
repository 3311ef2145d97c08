//! What the server needs of a model.

use oml_prover::model::{GenerateOptions, Model, Sampling, Stop};

/// Text in, tokens on, text out. Runs on the worker's thread only.
pub trait Engine: Send + 'static {
    /// Token ids of a prompt, with the beginning-of-sequence token where the model uses one.
    ///
    /// # Errors
    /// Why the text has no tokens, in words.
    fn encode(&self, prompt: &str) -> Result<Vec<u32>, String>;

    /// Text of generated tokens.
    ///
    /// # Errors
    /// Why they have no text, in words.
    fn decode(&self, tokens: &[u32]) -> Result<String, String>;

    /// Positions that a prompt and its answer may take together.
    fn context(&self) -> usize;

    /// Continues every sequence by at most `count` tokens, fewer where its text ends.
    ///
    /// # Errors
    /// Why the model did not run, in words.
    fn advance(
        &self,
        sequences: &[Vec<u32>],
        count: usize,
        sampling: Option<Sampling>,
    ) -> Result<Vec<Vec<u32>>, String>;
}

impl Engine for Model {
    fn encode(&self, prompt: &str) -> Result<Vec<u32>, String> {
        self.tokenizer().prompt(prompt).map_err(|e| e.to_string())
    }

    fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        self.tokenizer().decode(tokens).map_err(|e| e.to_string())
    }

    fn context(&self) -> usize {
        Self::context(self)
    }

    fn advance(
        &self,
        sequences: &[Vec<u32>],
        count: usize,
        sampling: Option<Sampling>,
    ) -> Result<Vec<Vec<u32>>, String> {
        let options = GenerateOptions { max_new_tokens: count, sampling, stop: Stop::EndOfText };
        self.generate(sequences, &options).map_err(|e| e.to_string())
    }
}
