//! Logits and most likely tokens of sequences, chunk by chunk.

use candle_core::Result;
use gemm::Parallelism;
use rayon::prelude::*;

use super::asking::Asking;
use super::block::Block;
use super::layer::SavedLayer;
use crate::cpu::buffer::Buffer;
use crate::cpu::decoder::CpuDecoder;
use crate::cpu::gemm::ROWS;
use crate::cpu::sequence::Sequence;
use crate::logits::argmax;

/// Tokens that one core takes at a time: enough rows for the matrix product to be efficient.
pub(in crate::cpu) const CHUNK_TOKENS: usize = 256;

/// Equally many tokens per sequence, which continue what the sequences hold.
#[derive(Clone, Copy)]
struct Continuation<'a> {
    tokens: &'a [u32],
    /// Tokens of each.
    t: usize,
    /// Position of the first.
    start: usize,
}

/// Logits after the last token of each sequence, `[sequences, vocabulary]`; `tokens` continue what
/// the sequences hold already.
pub(crate) fn last_logits(
    decoder: &CpuDecoder<'_>,
    tokens: &[u32],
    t: usize,
    start: usize,
    sequences: &mut [Sequence],
) -> Result<Vec<f32>> {
    let classes = decoder.config.vocab_size;
    let mut logits = vec![0.0; sequences.len() * classes];
    let next = Continuation { tokens, t, start };
    last_chunks(decoder, next, sequences, logits.par_chunks_mut(classes), |out, logits| {
        out.copy_from_slice(logits);
    })?;
    Ok(logits)
}

/// The most likely token after the last of each sequence, without holding all logits.
pub(crate) fn next_tokens(
    decoder: &CpuDecoder<'_>,
    tokens: &[u32],
    t: usize,
    start: usize,
    sequences: &mut [Sequence],
) -> Result<Vec<u32>> {
    let mut likely = vec![0; sequences.len()];
    let next = Continuation { tokens, t, start };
    last_chunks(decoder, next, sequences, likely.par_iter_mut(), |out, logits| {
        *out = argmax(logits);
    })?;
    Ok(likely)
}

/// Hands the logits of each sequence to `take`, with the output of that sequence.
fn last_chunks<O: Send>(
    decoder: &CpuDecoder<'_>,
    next: Continuation<'_>,
    sequences: &mut [Sequence],
    outputs: impl IndexedParallelIterator<Item = O>,
    take: impl Fn(O, &[f32]) + Sync,
) -> Result<()> {
    let Continuation { tokens, t, start } = next;
    let per_core = sequences.len().div_ceil(rayon::current_num_threads().max(1));
    let per_chunk = sequences_per_chunk(t).min(per_core).max(1);
    let threads = parallelism(sequences.len().div_ceil(per_chunk));
    let block = Block { t, start, shared: 0, threads };
    sequences
        .par_chunks_mut(per_chunk)
        .zip(tokens.par_chunks(per_chunk * t))
        .zip(outputs.chunks(per_chunk))
        .try_for_each(|((sequences, tokens), outputs)| {
            let logits = last_chunk(decoder, tokens, block, sequences)?;
            let rows = logits.chunks(decoder.config.vocab_size);
            outputs.into_iter().zip(rows).for_each(|(out, row)| take(out, row));
            Ok(())
        })
}

/// Logits after the last token of each sequence of a chunk.
fn last_chunk(
    decoder: &CpuDecoder<'_>,
    tokens: &[u32],
    block: Block,
    sequences: &mut [Sequence],
) -> Result<Buffer> {
    let mut x = decoder.embed(tokens)?;
    let all = Asking::all(block, sequences.len());
    let last = Asking::last(block, sequences.len());
    let layers = decoder.positions.layers.len();
    for index in 0..layers {
        // Nothing but the last rows is asked for after the last layer.
        let asking = if index + 1 == layers { &last } else { &all };
        decoder.cached_layer(index, &mut x, block, sequences, asking);
    }
    Ok(decoder.logits(&x, block.threads))
}

/// Logits after every token of equally long sequences, `[sequences · t, vocabulary]`.
pub(crate) fn next_token_logits(
    decoder: &CpuDecoder<'_>,
    tokens: &[u32],
    t: usize,
) -> Result<Vec<f32>> {
    let per_chunk = sequences_per_chunk(t) * t;
    let threads = parallelism(tokens.len().div_ceil(per_chunk));
    let block = Block { t, start: 0, shared: 0, threads };
    let mut logits = vec![0.0; tokens.len() * decoder.config.vocab_size];
    tokens
        .par_chunks(per_chunk)
        .zip(logits.par_chunks_mut(per_chunk * decoder.config.vocab_size))
        .try_for_each(|(tokens, logits)| {
            let mut x = decoder.embed(tokens)?;
            for index in 0..decoder.positions.layers.len() {
                decoder.layer(index, &mut x, block, None, &mut SavedLayer::default());
            }
            logits.copy_from_slice(&decoder.logits(&x, block.threads));
            Ok::<(), candle_core::Error>(())
        })?;
    Ok(logits)
}

/// Sequences of `t` tokens per chunk: a whole number of kernel calls where they are short.
fn sequences_per_chunk(t: usize) -> usize {
    let sequences = (CHUNK_TOKENS / t.max(1)).max(1);
    if sequences >= ROWS { sequences / ROWS * ROWS } else { sequences }
}

/// Chunks run side by side; a single one has all cores for its products.
pub(in crate::cpu) fn parallelism(chunks: usize) -> Parallelism {
    if chunks > 1 { Parallelism::None } else { Parallelism::Rayon(0) }
}
