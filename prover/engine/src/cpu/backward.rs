//! The backward pass: gradients of a weighted cross-entropy in all parameters.

use candle_core::Result;
use gemm::Parallelism;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

use super::attention::{Attention, Scratch};
use super::block::{Asking, Block};
use super::buffer::{Buffer, Spare};
use super::forward::Saved;
use super::kernel::add_outer;
use super::lanes::{LANES, RowAttention};
use super::ops::{
    add, add_scaled, cross_entropy_backward, product_dw, product_dx, soft_cap,
    soft_cross_entropy_backward,
};
use super::packed::products;
use super::rowwise::{gated_backward, rms_norm, rms_norm_backward, rotate};
use super::simd::vectorized;
use super::{CHUNK_TOKENS, Engine, blocked};
use crate::example::Example;
use crate::model::weights::Linear;

/// Above this many parameters there is one gradient, and all cores share every product: a gradient per core takes
/// memory and time, and products are large enough to be shared.
const LARGE: usize = 4 << 20;

/// Tokens per chunk of a small model's batch that fills lanes.
const LANE_CHUNK_TOKENS: usize = 1024;

/// Examples in a batch of a small model from which chunks are cut to fill lanes.
const WORTH_LANES: usize = 4 * LANES;

/// Floats of activations that a chunk of a large model may keep for its gradient, and tokens that a chunk has at
/// least and at most, whatever they take.
const MOST_SAVED: usize = 160 << 20;
const LARGE_CHUNK_TOKENS: (usize, usize) = (512, 4096);

/// Gradients in all parameters, added up over batches.
#[derive(Debug, Default)]
pub(crate) struct Gradients {
    values: Vec<Vec<f32>>,
    /// Whether there are any; else the values are memory to write over.
    held: bool,
    /// Activations of the last step.
    spare: Spare,
}

impl Gradients {
    /// Those of each parameter, if there are any.
    pub(crate) fn get(&self) -> Option<&[Vec<f32>]> {
        self.held.then_some(&self.values)
    }

    /// Forgets them, but not their memory.
    pub(crate) fn clear(&mut self) {
        self.held = false;
    }

    fn add(&mut self, mut values: Vec<Vec<f32>>) {
        match self.held {
            true => drain_all(&mut values, &mut self.values),
            false => self.values = values,
        }
        self.held = true;
    }
}

/// Whether the weights are trained by all cores together, one chunk after the other.
pub(crate) fn is_large(parameters: usize) -> bool {
    parameters > LARGE
}

/// Loss of a batch (the weighted sum of its cross-entropies); its gradients are added to `sums`.
///
/// Chunks depend on the batch only and their gradients are added in order, so the result does not
/// depend on the number of cores.
pub(crate) fn gradients(
    engine: &Engine<'_>,
    batch: &[&Example],
    sums: &mut Gradients,
) -> Result<f64> {
    let mut sorted = batch.to_vec();
    sorted.sort_by_key(|e| e.tokens.len());
    if engine.blocked {
        return large(engine, &sorted, sums);
    }
    // Lanes filled once, if that leaves enough chunks for some cores.
    let all = match batch.len() >= WORTH_LANES {
        true => chunks(&sorted, LANE_CHUNK_TOKENS, LANES),
        false => chunks(&sorted, CHUNK_TOKENS, usize::MAX),
    };
    let (loss, values) = small(engine, &all)?;
    sums.add(values);
    Ok(loss)
}

/// Chunks one after the other, into one gradient.
fn large(engine: &Engine<'_>, sorted: &[&Example], sums: &mut Gradients) -> Result<f64> {
    let config = engine.config;
    let per_layer = 6 * config.hidden_size
        + 2 * (engine.q_width() + engine.kv_width())
        + 3 * config.intermediate_size;
    let (least, most) = LARGE_CHUNK_TOKENS;
    let tokens = (MOST_SAVED / (per_layer * config.layers)).clamp(least, most);
    let kept = 2 * tokens * per_layer * config.layers;
    let longest = sorted.last().map_or(1, |example| example.tokens.len().max(1));
    // Chunks of one size: each reads and writes all gradients.
    let count = sorted.len().div_ceil((tokens / longest).max(1)).max(1);
    let mut fresh = vec![false; engine.values.len()];
    if !sums.held {
        sums.values.resize_with(engine.values.len(), Vec::new);
        for (sum, value) in sums.values.iter_mut().zip(&engine.values) {
            sum.resize(value.len(), 0.0);
        }
        // The first product of a matrix writes its gradient.
        products(engine.positions).into_iter().for_each(|position| fresh[position] = true);
        let others = sums.values.iter_mut().zip(&fresh).filter(|(_, fresh)| !**fresh);
        others.for_each(|(sum, _)| sum.fill(0.0));
    }
    // After a failure some gradients are of no batch.
    sums.held = false;
    let Gradients { values, held, spare } = sums;
    let total = spare.with(kept, || -> Result<f64> {
        let mut total = 0.0;
        for chunk in chunks(sorted, tokens.max(longest), sorted.len().div_ceil(count).max(1)) {
            let grads = (values.as_mut_slice(), fresh.as_mut_slice());
            total += Pass::run(engine, &chunk, grads, Parallelism::Rayon(0))?;
        }
        Ok(total)
    })?;
    *held = true;
    Ok(total)
}

/// Chunks side by side, each with a gradient of its own.
fn small(engine: &Engine<'_>, all: &[Vec<&Example>]) -> Result<(f64, Vec<Vec<f32>>)> {
    let zeros = || -> Vec<Vec<f32>> { engine.values.iter().map(|v| vec![0.0; v.len()]).collect() };
    let mut total = 0.0;
    let mut sums: Option<Vec<Vec<f32>>> = None;
    // Gradients that were added already, zeros again: fresh memory costs more than clearing.
    let spare: Mutex<Vec<Vec<Vec<f32>>>> = Mutex::default();
    let threads = super::forward::parallelism(all.len());
    // Bounds the gradients held at once without changing the order of addition.
    for part in all.chunks(rayon::current_num_threads().max(1)) {
        let run = |chunk: &Vec<&Example>| {
            let used = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut grads = used.unwrap_or_else(zeros);
            let loss = Pass::run(engine, chunk, (&mut grads, &mut []), threads)?;
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

/// Adds gradients to sums and clears them.
fn drain_all(grads: &mut [Vec<f32>], sums: &mut [Vec<f32>]) {
    sums.par_iter_mut().zip(grads).for_each(|(sum, grad)| drain(grad, sum));
}

/// Adds a gradient to a sum and clears it.
fn drain(grad: &mut [f32], sum: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (sum, grad) in sum.iter_mut().zip(grad) {
                *sum += std::mem::take(grad);
            }
        },
    );
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

/// Tokens that all sequences of a chunk begin with, if there are several; fewer than `t`.
fn shared_tokens(chunk: &[&Example], t: usize) -> usize {
    let Some((first, others)) = chunk.split_first() else { return 0 };
    if others.is_empty() {
        return 0;
    }
    let mut shared = first.tokens.len().min(t.saturating_sub(1));
    for other in others {
        let same = first.tokens[..shared].iter().zip(&other.tokens);
        shared = same.take_while(|(a, b)| a == b).count();
    }
    shared
}

/// One chunk's way through the decoder and back.
struct Pass<'a> {
    engine: &'a Engine<'a>,
    grads: &'a mut [Vec<f32>],
    /// Whether the gradient of a parameter is yet to be written; none is if this is empty.
    fresh: &'a mut [bool],
    block: Block,
}

impl<'a> Pass<'a> {
    fn run(
        engine: &'a Engine<'a>,
        chunk: &[&Example],
        (grads, fresh): (&'a mut [Vec<f32>], &'a mut [bool]),
        threads: Parallelism,
    ) -> Result<f64> {
        let t = chunk.iter().map(|e| e.tokens.len()).max().unwrap_or(0);
        let block = Block { t, start: 0, shared: shared_tokens(chunk, t), threads };
        let mut tokens = Vec::with_capacity(block.rows(chunk.len()));
        for (index, example) in chunk.iter().enumerate() {
            let skipped = if index == 0 { 0 } else { block.shared };
            tokens.extend_from_slice(&example.tokens[skipped..]);
            // Later positions influence no earlier one, so any padding token does.
            tokens.resize(block.rows(index + 1), 0);
        }
        let mut x = engine.embed(&tokens)?;
        let layers = engine.positions.layers.len();
        let last = asking_targets(chunk, block);
        let asking = |index: usize| (index + 1 == layers).then_some(&last);
        let mut saved: Vec<Saved> = Vec::with_capacity(layers);
        for index in 0..layers {
            let mut kept = Saved::default();
            engine.layer(index, &mut x, block, asking(index), &mut kept);
            saved.push(kept);
        }
        let mut pass = Self { engine, grads, fresh, block };
        let (loss, mut dx) = pass.head(chunk, &x)?;
        for (index, kept) in saved.into_iter().enumerate().rev() {
            dx = pass.layer(index, kept, dx, asking(index));
        }
        pass.embeddings(&tokens, &dx);
        Ok(loss)
    }

    /// Loss, and its gradient in the residual stream, of which only the targets' rows are left.
    fn head(&mut self, chunk: &[&Example], picked: &[f32]) -> Result<(f64, Buffer)> {
        let (engine, width) = (self.engine, self.engine.config.hidden_size);
        let on = self.block.threads;
        let (norm, output) = (engine.positions.norm, engine.positions.output);
        let normed = rms_norm(picked, engine.value(norm), engine.eps, on);
        let mut logits = engine.product(output, &normed, width, on);
        let loss = self.losses(chunk, &mut logits)?;
        let d_normed = self.matrix(output, (&normed, width), &logits, None);
        let mut d_picked = Buffer::zeros(picked.len());
        self.norm(norm, picked, &d_normed, &mut d_picked);
        Ok((loss, d_picked))
    }

    /// Replaces logits by the gradient of the loss in them; returns the loss.
    fn losses(&self, chunk: &[&Example], logits: &mut [f32]) -> Result<f64> {
        let (classes, cap) = (self.engine.config.vocab_size, self.engine.config.logit_cap);
        let targets = chunk.iter().flat_map(|example| {
            let teacher =
                |i: usize| example.teacher.as_ref().map(|p| &p[i * classes..(i + 1) * classes]);
            let targets = example.targets.iter().enumerate();
            targets.map(move |(i, &(_, target))| (target, teacher(i), example.weight))
        });
        let one = |row: &mut [f32], (target, teacher, weight): (u32, Option<&[f32]>, f32)| {
            let mut slopes = Vec::new();
            if let Some(cap) = cap {
                soft_cap(row, cap, Some(&mut slopes));
            }
            let loss = match (teacher, usize::try_from(target)) {
                (Some(wanted), _) => soft_cross_entropy_backward(row, wanted, weight),
                (None, Ok(target)) if target < classes => {
                    cross_entropy_backward(row, target, weight)
                }
                _ => candle_core::bail!("target {target} outside {classes} classes"),
            };
            row.iter_mut().zip(&slopes).for_each(|(d, slope)| *d *= slope);
            Ok(f64::from(loss))
        };
        if let Parallelism::None = self.block.threads {
            return logits.chunks_mut(classes).zip(targets).map(|(row, of)| one(row, of)).sum();
        }
        let targets: Vec<_> = targets.collect();
        let rows = logits.par_chunks_mut(classes).zip(targets);
        let losses: Vec<f64> = rows.map(|(row, of)| one(row, of)).collect::<Result<_>>()?;
        Ok(losses.iter().sum())
    }

    /// Gradient of a layer's output (of the rows that ask) to gradient of its input (of all rows).
    fn layer(
        &mut self,
        index: usize,
        mut saved: Saved,
        mut d: Buffer,
        asking: Option<&Asking>,
    ) -> Buffer {
        let (engine, config) = (self.engine, self.engine.config);
        let layer = &engine.positions.layers[index];
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let d_fed = self.maybe_norm(layer.fed_norm, &saved.raw_fed, &d);
        let d_fed = d_fed.as_deref().unwrap_or(&d);
        let d_activated = self.linear(&layer.down, (&saved.activated, inner), d_fed, None);
        let halves = (&mut *saved.gate, &mut *saved.up);
        gated_backward(config.activation, halves, &d_activated, self.block.threads);
        let normed = (&*saved.middle_normed, hidden);
        let d_normed = self.linear(&layer.gate, normed, &saved.gate, None);
        let d_normed = self.linear(&layer.up, normed, &saved.up, Some(d_normed));
        self.norm(layer.post_norm, &saved.middle, &d_normed, &mut d);

        let d_out = self.maybe_norm(layer.attended_norm, &saved.raw_attended, &d);
        let d_out = d_out.as_deref().unwrap_or(&d);
        let d_attended = self.linear(&layer.o, (&saved.attended, engine.q_width()), d_out, None);
        let (dq, dk, dv) = self.attention(index, &saved, d_attended, asking);
        let mut d_normed;
        if let Some(asking) = asking {
            let normed = asking.gather(&saved.normed, hidden);
            let d_asking = self.linear(&layer.q, (&normed, hidden), &dq, None);
            d_normed = Buffer::zeros(saved.normed.len());
            asking.scatter(&d_asking, hidden, &mut d_normed);
            let mut d_all = Buffer::zeros(saved.x.len());
            asking.scatter(&d, hidden, &mut d_all);
            d = d_all;
        } else {
            d_normed = self.linear(&layer.q, (&saved.normed, hidden), &dq, None);
        }
        for (linear, grad) in [(&layer.k, dk), (&layer.v, dv)] {
            d_normed = self.linear(linear, (&saved.normed, hidden), &grad, Some(d_normed));
        }
        self.norm(layer.input_norm, &saved.x, &d_normed, &mut d);
        d
    }

    /// Gradients of queries, keys and values as they leave their projections.
    fn attention(
        &mut self,
        index: usize,
        saved: &Saved,
        grad: Buffer,
        asking: Option<&Asking>,
    ) -> (Buffer, Buffer, Buffer) {
        let (engine, block) = (self.engine, self.block);
        let layer = &engine.positions.layers[index];
        let (q_width, kv_width) = (engine.q_width(), engine.kv_width());
        let sequences = saved.k.len() / (block.t * kv_width);
        let lanes = RowAttention::new(engine.config, index, (sequences, block.t));
        let room = match (asking, &lanes) {
            (None, Some(_)) => Buffer::uncleared,
            _ => Buffer::zeros,
        };
        let [mut dq, mut dk, mut dv] = [saved.q.len(), saved.k.len(), saved.v.len()].map(room);
        match (asking, lanes) {
            (Some(asking), _) => {
                self.by_sequence(index, saved, &grad, asking, (&mut dq, &mut dk, &mut dv));
            }
            (None, Some(lanes)) => {
                let grad = block.spread(grad, q_width, false);
                let inputs = (&*saved.q, &*saved.k, &*saved.v, &*grad);
                lanes.backward(inputs, (&mut dq, &mut dk, &mut dv), block.threads);
            }
            (None, None) => {
                let (grad, all) =
                    (block.spread(grad, q_width, false), Asking::all(block, sequences));
                self.by_sequence(index, saved, &grad, &all, (&mut dq, &mut dk, &mut dv));
            }
        }
        let mut dk = block.sum(dk, kv_width);
        let dv = block.sum(dv, kv_width);
        let rows = block.positions(dk.len() / kv_width);
        rotate(engine.rope, &mut dk, kv_width, (rows, -1.0), block.threads);
        if let Some(asking) = asking {
            let rows = asking.positions.iter().copied();
            rotate(engine.rope, &mut dq, q_width, (rows, -1.0), block.threads);
        } else {
            dq = block.sum(dq, q_width);
            let rows = block.positions(dq.len() / q_width);
            rotate(engine.rope, &mut dq, q_width, (rows, -1.0), block.threads);
        }
        let dq = self.maybe_norm(layer.q_norm, &saved.raw_q, &dq).unwrap_or(dq);
        let dk = self.maybe_norm(layer.k_norm, &saved.raw_k, &dk).unwrap_or(dk);
        (dq, dk, dv)
    }

    /// Gradients of attention, added, one sequence after the other.
    fn by_sequence(
        &self,
        index: usize,
        saved: &Saved,
        grad: &[f32],
        asking: &Asking,
        (dq, dk, dv): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let (engine, t) = (self.engine, self.block.t);
        let (q_width, k_len) = (engine.q_width(), t * engine.kv_width());
        let attention = Attention::new(engine.config, t, engine.config.window(index));
        let mut scratch = Scratch::default();
        let outputs = dk.chunks_mut(k_len).zip(dv.chunks_mut(k_len)).zip(asking.sequences());
        for (b, ((dk, dv), range)) in outputs.enumerate() {
            let (q, k) = (range.start * q_width..range.end * q_width, b * k_len..(b + 1) * k_len);
            let inputs =
                (&saved.q[q.clone()], &saved.k[k.clone()], &saved.v[k.clone()], &grad[q.clone()]);
            let positions = &asking.positions[range];
            attention.backward(positions, inputs, (&mut dq[q], dk, dv), &mut scratch);
        }
    }

    /// Gradient before a norm that only some models have, given what the norm was applied to.
    fn maybe_norm(&mut self, norm: Option<usize>, x: &[f32], grad: &[f32]) -> Option<Buffer> {
        norm.map(|norm| {
            let mut dx = Buffer::zeros(x.len());
            self.norm(norm, x, grad, &mut dx);
            dx
        })
    }

    fn norm(&mut self, norm: usize, x: &[f32], grad: &[f32], dx: &mut [f32]) {
        let inputs = (x, self.engine.value(norm), self.engine.eps);
        rms_norm_backward(inputs, grad, dx, &mut self.grads[norm], self.block.threads);
    }

    fn linear(
        &mut self,
        linear: &Linear<usize>,
        x: (&[f32], usize),
        grad: &[f32],
        dx: Option<Buffer>,
    ) -> Buffer {
        let dx = self.matrix(linear.weight, x, grad, dx);
        if let Some(bias) = linear.bias {
            let sum = &mut self.grads[bias];
            grad.chunks(sum.len()).for_each(|row| add(sum, row));
        }
        dx
    }

    /// Gradients of `x · Wᵀ` in the matrix and in `x`; the latter is added to `sum` if there is one.
    fn matrix(
        &mut self,
        w: usize,
        (x, inner): (&[f32], usize),
        grad: &[f32],
        sum: Option<Buffer>,
    ) -> Buffer {
        let (on, accumulate) = (self.block.threads, sum.is_some());
        let mut dx = sum.unwrap_or_else(|| Buffer::uncleared(x.len()));
        let values = self.engine.value(w);
        let dw = &mut self.grads[w];
        if self.engine.blocked {
            let fresh = self.fresh.get_mut(w).is_some_and(std::mem::take);
            blocked::dw(dw, grad, x, inner, !fresh);
            blocked::dx(&mut dx, grad, values, inner, accumulate);
            return dx;
        }
        if !matches!(on, Parallelism::None) || !add_outer(dw, grad, x, inner) {
            product_dw(dw, grad, x, inner, on);
        }
        match self.engine.packed.and_then(|packed| packed.transpose(w)) {
            Some(packed) => packed.write(grad, &mut dx, accumulate, on),
            None => product_dx(&mut dx, grad, (values, inner), accumulate, on),
        }
        dx
    }

    fn embeddings(&mut self, tokens: &[u32], dx: &[f32]) {
        let (width, scale) = (self.engine.config.hidden_size, self.engine.config.embedding_scale);
        let table = &mut self.grads[self.engine.positions.embeddings];
        for (&token, d) in tokens.iter().zip(dx.chunks(width)) {
            if let Ok(row) = usize::try_from(token) {
                add_scaled(&mut table[row * width..(row + 1) * width], d, scale);
            }
        }
    }
}

/// The rows that targets are predicted from.
fn asking_targets(chunk: &[&Example], block: Block) -> Asking {
    let mut asking = Asking::default();
    for (index, example) in chunk.iter().enumerate() {
        for &(position, _) in &example.targets {
            asking.rows.push(block.row(index, position));
            asking.positions.push(position);
        }
        asking.ends.push(asking.rows.len());
    }
    asking
}
