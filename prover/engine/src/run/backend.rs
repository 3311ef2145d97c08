//! What a decoder asks of whatever computes for it.
//!
//! There are two answers: the code written for the processor ([`super::processor`]) and the tensor
//! library ([`super::tensors`]). The trait lists the verbs, so that the compiler holds both to the
//! same list. Which of the two runs is decided once, by the closed enum
//! [`super::decoder::Decoder`], and not by `dyn Backend`: the kinds of caches differ and one verb
//! is generic over its caller's state, so a trait object would need a downcast for every call,
//! where the enum needs one `match`.

use candle_core::Result;

use crate::cpu::{NumberFormat, Top};

/// Sequences side by side: all begin with what one cache holds, and each goes on with as many
/// tokens.
#[derive(Debug)]
pub(crate) struct SideBySide<'a, C> {
    /// What all begin with.
    pub(crate) prefix: &'a C,
    /// How each goes on, one after the other.
    pub(crate) tokens: &'a [u32],
    /// Tokens per sequence.
    pub(crate) length: usize,
}

impl<C> Clone for SideBySide<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for SideBySide<'_, C> {}

/// Computes logits of a decoder.
pub(crate) trait Backend {
    /// Keys and values of a batch of sequences, from which generation goes on.
    type Cache;

    /// A cache for a batch of sequences that start from nothing.
    fn new_cache(&self, batch: usize) -> Self::Cache;

    /// The given sequences of the batch, in the given order; repeats are allowed.
    fn select(cache: &Self::Cache, rows: &[usize]) -> Result<Self::Cache>;

    /// Logits after the last token of each sequence, `[batch · vocabulary]`.
    ///
    /// `tokens` holds equally many tokens per sequence of the cache and continues what it holds, so
    /// nothing is padded.
    fn last_logits(&self, tokens: &[u32], cache: &mut Self::Cache) -> Result<Vec<f32>>;

    /// The most likely token after the last of each sequence; else as [`Backend::last_logits`].
    fn next_tokens(&self, tokens: &[u32], cache: &mut Self::Cache) -> Result<Vec<u32>>;

    /// Logits after every token of sequences of `length` tokens, `[tokens · vocabulary]`.
    fn next_token_logits(&self, tokens: &[u32], length: usize) -> Result<Vec<f32>>;

    /// Logits after the last token of sequences side by side; `None` where there are no kernels for
    /// the format.
    fn lane_logits(
        &self,
        _format: NumberFormat,
        _sequences: SideBySide<'_, Self::Cache>,
    ) -> Result<Option<Vec<f32>>> {
        Ok(None)
    }

    /// Greedy continuations side by side, one per state, of up to `most` tokens; a sequence ends
    /// when `step` says so. False, with nothing done, where there are no kernels for the format.
    fn continue_greedily<S: Send>(
        &self,
        _format: NumberFormat,
        _sequences: SideBySide<'_, Self::Cache>,
        _most: usize,
        _states: &mut [S],
        _step: impl Fn(&mut S, Top) -> bool + Sync,
    ) -> Result<bool> {
        Ok(false)
    }
}
