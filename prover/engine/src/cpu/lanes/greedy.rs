//! Greedy continuations and logits of many prompts, shared by all cores.

use candle_core::Result;
use rayon::prelude::*;

use super::chunk::{Chunk, Kept, per_group};
use super::head::Top;
use super::layer::LaneDecoder;
use super::weights::LaneWeights;
use crate::cpu::decoder::CpuDecoder;
use crate::cpu::line::LANES;
use crate::cpu::sequence::Sequence;

/// Groups of lanes that one core takes at a time; they share a pass over the output matrix.
const MOST_GROUPS: usize = 8;

/// Prompts of one length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prompts<'a> {
    /// What all of them begin with.
    pub(crate) prefix: &'a Sequence,
    /// How they go on, one after the other.
    pub(crate) tokens: &'a [u32],
    /// Tokens of each; > 0.
    pub(crate) t: usize,
}

/// Continues prompts greedily, 32 side by side: `step(state, top)` is called with the most likely
/// next token of a sequence, and says whether the sequence goes on with it; each ends after
/// `most` tokens at the latest. There is one state per prompt.
pub(crate) fn continue_greedily<S: Send>(
    decoder: &CpuDecoder<'_>,
    weights: &LaneWeights,
    prompts: Prompts<'_>,
    most: usize,
    states: &mut [S],
    step: impl Fn(&mut S, Top) -> bool + Sync,
) -> Result<()> {
    let Prompts { prefix, tokens, t } = prompts;
    let decoder = LaneDecoder::new(decoder, weights, prefix);
    let groups = states.len().div_ceil(LANES).max(1);
    let per_group = per_group(states.len());
    let per_core = groups.div_ceil(rayon::current_num_threads().max(1)).min(MOST_GROUPS);
    let per_chunk = per_group * per_core;
    let kept = if most > 1 { Kept::AllLayers } else { Kept::NoLayer };
    states.par_chunks_mut(per_chunk).zip(tokens.par_chunks(per_chunk * t)).try_for_each(
        |(states, tokens)| {
            let mut chunk = Chunk::new(decoder, per_group, kept);
            let mut next = chunk.advance(tokens, t)?;
            let mut alive: Vec<bool> = vec![true; states.len()];
            for left in (0..most).rev() {
                let lanes = states.iter_mut().zip(&mut alive).zip(&next);
                for ((state, alive), &top) in lanes {
                    *alive = *alive && step(state, top);
                }
                if left == 0 || !alive.iter().any(|&alive| alive) {
                    break;
                }
                let tokens: Vec<u32> = next.iter().map(|top| top.token).collect();
                next = chunk.advance(&tokens, 1)?;
            }
            Ok(())
        },
    )
}

/// Logits after each prompt, `[prompts, vocabulary]`; arguments as for [`continue_greedily`].
pub(crate) fn last_logits(
    decoder: &CpuDecoder<'_>,
    weights: &LaneWeights,
    prompts: Prompts<'_>,
) -> Result<Vec<f32>> {
    let Prompts { prefix, tokens, t } = prompts;
    let vocabulary = decoder.config.vocab_size;
    let decoder = LaneDecoder::new(decoder, weights, prefix);
    let mut logits = vec![0.0; tokens.len() / t.max(1) * vocabulary];
    logits.par_chunks_mut(LANES * vocabulary).zip(tokens.par_chunks(LANES * t)).try_for_each(
        |(logits, tokens)| {
            Chunk::new(decoder, LANES, Kept::NoLayer).write_logits(tokens, t, logits)
        },
    )?;
    Ok(logits)
}
