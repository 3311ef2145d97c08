//! What training learns from.

use std::sync::Arc;

/// A sequence and the positions whose prediction is trained.
#[derive(Debug, Clone)]
pub struct Example {
    /// What the model reads, one sequence.
    pub tokens: Vec<u32>,
    /// `(position, token)`: after the input at `position` the model should say `token`.
    pub targets: Vec<(usize, u32)>,
    /// Weight of each target's cross-entropy in the loss.
    pub weight: f32,
    /// Probabilities to match instead of the target tokens, `[targets · vocabulary]`.
    pub teacher: Option<Arc<[f32]>>,
}

impl Example {
    /// Trains the prediction of `response` after `prompt`, with the given weight per token.
    pub fn response(prompt: &[u32], response: &[u32], weight: f32) -> Self {
        let first = prompt.len() - 1;
        let targets = response.iter().enumerate().map(|(i, &t)| (first + i, t)).collect();
        let mut tokens = [prompt, response].concat();
        tokens.pop();
        Self { tokens, targets, weight, teacher: None }
    }

    /// Trains every prediction in a text toward another model's, given as
    /// [`teacher`](crate::teacher) of it.
    pub fn distilled(text: &[u32], teacher: Arc<[f32]>, weight: f32) -> Self {
        Self { teacher: Some(teacher), ..Self::response(&text[..1], &text[1..], weight) }
    }
}
