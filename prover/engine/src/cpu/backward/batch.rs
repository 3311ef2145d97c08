//! A batch cut into chunks: side by side where weights are small, one after the other where they
//! are large.

use candle_core::Result;
use gemm::Parallelism;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

use super::gradients::{Gradients, drain_all};
use super::pass::{ChunkPass, GradientSums};
use crate::cpu::decoder::CpuDecoder;
use crate::cpu::line::LANES;
use crate::cpu::packed::products;
use crate::cpu::rows::{CHUNK_TOKENS, parallelism};
use crate::example::Example;

/// Above this many parameters there is one gradient, and all cores share every product: a
/// gradient per core takes memory and time, and products are large enough to be shared.
const LARGE: usize = 4 << 20;

/// Tokens per chunk of a small model's batch that fills lanes.
const LANE_CHUNK_TOKENS: usize = 1024;

/// Examples in a batch of a small model from which chunks are cut to fill lanes.
const WORTH_LANES: usize = 4 * LANES;

/// Floats of activations that a chunk of a large model may keep for its gradient, and tokens that a
/// chunk has at least and at most, whatever they take.
const MOST_SAVED: usize = 160 << 20;
const LEAST_TOKENS: usize = 512;
const MOST_TOKENS: usize = 4096;

/// Whether the weights are trained by all cores together, one chunk after the other.
pub(crate) fn is_large(parameters: usize) -> bool {
    parameters > LARGE
}

/// Loss of a batch (the weighted sum of its cross-entropies); its gradients are added to `sums`.
/// For small weights, of which each core takes some of the sequences.
///
/// Chunks depend on the batch only and their gradients are added in order, so the result does not
/// depend on the number of cores.
pub(crate) fn gradients_of_small(
    decoder: &CpuDecoder<'_>,
    batch: &[&Example],
    sums: &mut Gradients,
) -> Result<f64> {
    let sorted = by_length(batch);
    // Lanes filled once, if that leaves enough chunks for some cores.
    let all = match batch.len() >= WORTH_LANES {
        true => chunks(&sorted, LANE_CHUNK_TOKENS, LANES),
        false => chunks(&sorted, CHUNK_TOKENS, usize::MAX),
    };
    let (loss, values) = side_by_side(decoder, &all)?;
    sums.add(values);
    Ok(loss)
}

/// The same for large weights, whose products all cores share: chunks one after the other, into one
/// gradient.
pub(crate) fn gradients_of_large(
    decoder: &CpuDecoder<'_>,
    batch: &[&Example],
    sums: &mut Gradients,
) -> Result<f64> {
    let sorted = by_length(batch);
    let config = decoder.config;
    let per_layer = 6 * config.hidden_size
        + 2 * (decoder.q_width() + decoder.kv_width())
        + 3 * config.intermediate_size;
    let tokens = (MOST_SAVED / (per_layer * config.layers)).clamp(LEAST_TOKENS, MOST_TOKENS);
    let kept = 2 * tokens * per_layer * config.layers;
    let longest = sorted.last().map_or(1, |example| example.tokens.len().max(1));
    // Chunks of one size: each reads and writes all gradients.
    let count = sorted.len().div_ceil((tokens / longest).max(1)).max(1);
    let mut fresh = vec![false; decoder.lengths().len()];
    if !sums.held {
        sums.values.resize_with(decoder.lengths().len(), Vec::new);
        for (sum, length) in sums.values.iter_mut().zip(decoder.lengths()) {
            sum.resize(length, 0.0);
        }
        // The first product of a matrix writes its gradient.
        products(decoder.positions).into_iter().for_each(|position| fresh[position] = true);
        let others = sums.values.iter_mut().zip(&fresh).filter(|(_, fresh)| !**fresh);
        others.for_each(|(sum, _)| sum.fill(0.0));
    }
    // After a failure some gradients are of no batch.
    sums.held = false;
    let Gradients { values, held, spare } = sums;
    let total = spare.with(kept, || -> Result<f64> {
        let mut total = 0.0;
        for chunk in chunks(&sorted, tokens.max(longest), sorted.len().div_ceil(count).max(1)) {
            let sums = GradientSums { values, fresh: &mut fresh };
            total += ChunkPass::run(decoder, &chunk, sums, Parallelism::Rayon(0))?;
        }
        Ok(total)
    })?;
    *held = true;
    Ok(total)
}

/// Chunks side by side, each with a gradient of its own.
fn side_by_side(decoder: &CpuDecoder<'_>, all: &[Vec<&Example>]) -> Result<(f64, Vec<Vec<f32>>)> {
    let zeros = || -> Vec<Vec<f32>> { decoder.lengths().map(|length| vec![0.0; length]).collect() };
    let mut total = 0.0;
    let mut sums: Option<Vec<Vec<f32>>> = None;
    // Gradients that were added already, zeros again: fresh memory costs more than clearing.
    let spare: Mutex<Vec<Vec<Vec<f32>>>> = Mutex::default();
    let threads = parallelism(all.len());
    // Bounds the gradients held at once without changing the order of addition.
    for part in all.chunks(rayon::current_num_threads().max(1)) {
        let run = |chunk: &Vec<&Example>| {
            let used = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut grads = used.unwrap_or_else(zeros);
            let sums = GradientSums { values: &mut grads, fresh: &mut [] };
            let loss = ChunkPass::run(decoder, chunk, sums, threads)?;
            Ok((loss, grads))
        };
        let results: Vec<(f64, Vec<Vec<f32>>)> = part.par_iter().map(run).collect::<Result<_>>()?;
        for (loss, mut grads) in results {
            total += loss;
            match &mut sums {
                None => sums = Some(grads),
                Some(sums) => {
                    drain_all(&mut grads, sums);
                    spare.lock().unwrap_or_else(PoisonError::into_inner).push(grads);
                }
            }
        }
    }
    Ok((total, sums.unwrap_or_else(zeros)))
}

/// The examples of a batch, short ones first.
fn by_length<'a>(batch: &[&'a Example]) -> Vec<&'a Example> {
    let mut sorted = batch.to_vec();
    sorted.sort_by_key(|example| example.tokens.len());
    sorted
}

/// Cuts sorted examples into groups of bounded size.
fn chunks<'a>(sorted: &[&'a Example], tokens: usize, most: usize) -> Vec<Vec<&'a Example>> {
    let mut chunks: Vec<Vec<&Example>> = Vec::new();
    for &example in sorted {
        match chunks.last_mut() {
            Some(chunk)
                if chunk.len() < most && (chunk.len() + 1) * example.tokens.len() <= tokens =>
            {
                chunk.push(example);
            }
            _ => chunks.push(vec![example]),
        }
    }
    chunks
}
