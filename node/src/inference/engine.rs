//! What the server needs of a model.

use super::scores::TokenLogProbability;
use oml_engine::{GenerateOptions, Message, Model, Prompt, Sampling, Stop};

/// Text in, tokens on, text out. Runs on the worker's thread only.
pub trait ServedModel: Send + 'static {
    /// Token ids of a prompt, with the beginning-of-sequence token where the model uses one. A chat
    /// is written down as the model's template says, or as lines of plain text by models without
    /// one.
    ///
    /// # Errors
    /// Why the prompt has no tokens, in words.
    fn encode(&self, prompt: &Prompt) -> Result<Vec<u32>, String>;

    /// Text of generated tokens.
    ///
    /// # Errors
    /// Why they have no text, in words.
    fn decode(&self, tokens: &[u32]) -> Result<String, String>;

    /// Log-probabilities of the tokens from place `start` on, with `top` alternatives each.
    ///
    /// # Errors
    /// Why the model did not run, in words.
    fn scores(
        &self,
        sequence: &[u32],
        start: usize,
        top: usize,
    ) -> Result<Vec<TokenLogProbability>, String>;

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

/// A conversation for models that bring no template of their own.
pub(super) fn plain_chat(messages: &[Message]) -> String {
    let name = |role: &str| match role {
        "system" => "System",
        "assistant" => "Assistant",
        "tool" => "Tool",
        _ => "User",
    };
    let lines = messages.iter().map(|m| format!("{}: {}\n", name(&m.role), m.content));
    lines.chain(["Assistant:".to_owned()]).collect()
}

impl ServedModel for Model {
    fn scores(
        &self,
        sequence: &[u32],
        start: usize,
        top: usize,
    ) -> Result<Vec<TokenLogProbability>, String> {
        let text = |token: u32| self.tokenizer().piece(token).map_err(|e| e.to_string());
        let scores = self.token_scores(sequence, start, top).map_err(|e| e.to_string())?;
        let named = scores.into_iter().map(|score| {
            let top = score.top.iter().map(|(token, p)| Ok((text(*token)?, *p)));
            Ok(TokenLogProbability {
                text: text(score.token)?,
                log_probability: score.log_probability,
                top: top.collect::<Result<_, String>>()?,
            })
        });
        named.collect()
    }

    fn encode(&self, prompt: &Prompt) -> Result<Vec<u32>, String> {
        let tokenizer = self.tokenizer();
        let ids = match prompt {
            Prompt::Chat(messages) if tokenizer.chat().is_none() => {
                tokenizer.prompt(&plain_chat(messages))
            }
            prompt => tokenizer.asked(prompt),
        };
        ids.map_err(|e| e.to_string())
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
