//! The backward pass: gradients of a weighted cross-entropy in all parameters.

use candle_core::Result;
use gemm::Parallelism;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

use super::attention::{Attention, Scratch};
use super::buffer::Buffer;
use super::forward::{Asking, Block, Saved};
use super::kernel::add_outer;
use super::lanes::{LANES, RowScratch};
use super::ops::{
    add, add_scaled, cross_entropy_backward, gated_backward, product_dw, product_dx, rms_norm,
    rms_norm_backward, soft_cap, soft_cross_entropy_backward,
};
use super::simd::vectorized;
use super::{CHUNK_TOKENS, Engine};
use crate::model::training::Example;
use crate::model::weights::Linear;

/// Above this many parameters, chunks are larger: each costs a pass over a whole gradient.
const LARGE: usize = 4 << 20;

/// Tokens per chunk of a large model.
const LARGE_CHUNK_TOKENS: usize = 1024;

/// Examples in a batch of a small model from which chunks are cut to fill lanes.
const WORTH_LANES: usize = 4 * LANES;

/// Above this many parameters a gradient per core takes too much memory, and the products are large
/// enough to keep all cores busy one after the other.
const HUGE: usize = 256 << 20;

/// Loss of a batch (the weighted sum of its cross-entropies) and its gradient per parameter.
///
/// Chunks depend on the batch only and their gradients are added in order, so the result does not
/// depend on the number of cores.
pub(crate) fn gradients(engine: &Engine<'_>, batch: &[&Example]) -> Result<(f64, Vec<Vec<f32>>)> {
    let mut sorted = batch.to_vec();
    sorted.sort_by_key(|e| e.tokens.len());
    let parameters: usize = engine.values.iter().map(|v| v.len()).sum();
    let zeros = || -> Vec<Vec<f32>> { engine.values.iter().map(|v| vec![0.0; v.len()]).collect() };
    let mut total = 0.0;
    if parameters > HUGE {
        let mut sums = zeros();
        for chunk in chunks(&sorted, LARGE_CHUNK_TOKENS, usize::MAX) {
            total += Pass::run(engine, &chunk, &mut sums, Parallelism::Rayon(0))?;
        }
        return Ok((total, sums));
    }
    let (tokens, most) = match parameters > LARGE {
        true => {
            let longest = sorted.last().map_or(1, |example| example.tokens.len().max(1));
            let most = (LARGE_CHUNK_TOKENS / longest).clamp(1, 2 * LANES);
            // Chunks of one size: with one large and one small a core waits for the other.
            let count = batch.len().div_ceil(most).max(1);
            (LARGE_CHUNK_TOKENS, batch.len().div_ceil(count).max(1))
        }
        // Lanes filled once, if that leaves enough chunks for some cores.
        false if batch.len() >= WORTH_LANES => (LARGE_CHUNK_TOKENS, LANES),
        false => (CHUNK_TOKENS, usize::MAX),
    };
    let mut sums: Option<Vec<Vec<f32>>> = None;
    // Gradients that were added already, zeros again: fresh memory costs more than clearing.
    let spare: Mutex<Vec<Vec<Vec<f32>>>> = Mutex::default();
    let all = chunks(&sorted, tokens, most);
    let threads = super::forward::parallelism(all.len());
    // Bounds the gradients held at once without changing the order of addition.
    for part in all.chunks(rayon::current_num_threads().max(1)) {
        let run = |chunk: &Vec<&Example>| {
            let used = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut grads = used.unwrap_or_else(zeros);
            let loss = Pass::run(engine, chunk, &mut grads, threads)?;
            Ok((loss, grads))
        };
        let results: Vec<(f64, Vec<Vec<f32>>)> = part.par_iter().map(run).collect::<Result<_>>()?;
        for (loss, mut grads) in results {
            total += loss;
            match &mut sums {
                None => sums = Some(grads),
                Some(sums) => {
                    sums.par_iter_mut().zip(&mut grads).for_each(|(sum, grad)| drain(grad, sum));
                    spare.lock().unwrap_or_else(PoisonError::into_inner).push(grads);
                }
            }
        }
    }
    Ok((total, sums.unwrap_or_else(zeros)))
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

/// One chunk's way through the decoder and back.
struct Pass<'a> {
    engine: &'a Engine<'a>,
    grads: &'a mut [Vec<f32>],
    block: Block,
}

impl<'a> Pass<'a> {
    fn run(
        engine: &'a Engine<'a>,
        chunk: &[&Example],
        grads: &'a mut [Vec<f32>],
        threads: Parallelism,
    ) -> Result<f64> {
        let t = chunk.iter().map(|e| e.tokens.len()).max().unwrap_or(0);
        let mut tokens = Vec::with_capacity(chunk.len() * t);
        for example in chunk {
            tokens.extend_from_slice(&example.tokens);
            // Later positions influence no earlier one, so any padding token does.
            tokens.resize(tokens.len() + t - example.tokens.len(), 0);
        }
        let block = Block { t, start: 0, threads };
        let mut x = engine.embed(&tokens)?;
        let layers = engine.positions.layers.len();
        let (all, last) = (Asking::all(block, chunk.len()), asking_targets(chunk, t));
        let asking = |index: usize| if index + 1 == layers { &last } else { &all };
        let mut saved: Vec<Saved> = Vec::with_capacity(layers);
        for index in 0..layers {
            let mut kept = Saved::default();
            engine.layer(index, &mut x, block, asking(index), &mut kept);
            saved.push(kept);
        }
        let mut pass = Self { engine, grads, block };
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
        let (classes, on) = (engine.config.vocab_size, self.block.threads);
        let (norm, output) = (engine.positions.norm, engine.positions.output);
        let normed = rms_norm(picked, engine.value(norm), engine.eps);
        let mut logits = engine.product(output, &normed, width, on);
        let mut slopes = Vec::new();
        if let Some(cap) = engine.config.logit_cap {
            soft_cap(&mut logits, cap, Some(&mut slopes));
        }
        let targets = chunk.iter().flat_map(|example| {
            let teacher =
                |i: usize| example.teacher.as_ref().map(|p| &p[i * classes..(i + 1) * classes]);
            let targets = example.targets.iter().enumerate();
            targets.map(move |(i, &(_, target))| (target, teacher(i), example.weight))
        });
        let mut loss = 0.0;
        for (row, (target, teacher, weight)) in logits.chunks_mut(classes).zip(targets) {
            loss += f64::from(match (teacher, usize::try_from(target)) {
                (Some(wanted), _) => soft_cross_entropy_backward(row, wanted, weight),
                (None, Ok(target)) if target < classes => {
                    cross_entropy_backward(row, target, weight)
                }
                _ => candle_core::bail!("target {target} outside {classes} classes"),
            });
        }
        logits.iter_mut().zip(&slopes).for_each(|(d, slope)| *d *= slope);
        let mut d_normed = Buffer::zeros(normed.len());
        self.matrix(output, (&normed, width), &logits, &mut d_normed);
        let mut d_picked = Buffer::zeros(picked.len());
        self.norm(norm, picked, &d_normed, &mut d_picked);
        Ok((loss, d_picked))
    }

    /// Gradient of a layer's output (of the rows that ask) to gradient of its input (of all rows).
    fn layer(&mut self, index: usize, mut saved: Saved, mut d: Buffer, asking: &Asking) -> Buffer {
        let (engine, config) = (self.engine, self.engine.config);
        let layer = &engine.positions.layers[index];
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let mut d_activated = Buffer::zeros(saved.activated.len());
        let d_fed = self.maybe_norm(layer.fed_norm, &saved.raw_fed, &d);
        let d_fed = d_fed.as_deref().unwrap_or(&d);
        self.linear(&layer.down, (&saved.activated, inner), d_fed, &mut d_activated);
        gated_backward(config.activation, &mut saved.gate, &mut saved.up, &d_activated);
        let mut d_normed = Buffer::zeros(d.len());
        self.linear(&layer.gate, (&saved.middle_normed, hidden), &saved.gate, &mut d_normed);
        self.linear(&layer.up, (&saved.middle_normed, hidden), &saved.up, &mut d_normed);
        self.norm(layer.post_norm, &saved.middle, &d_normed, &mut d);

        let mut d_attended = Buffer::zeros(saved.attended.len());
        let d_out = self.maybe_norm(layer.attended_norm, &saved.raw_attended, &d);
        let d_out = d_out.as_deref().unwrap_or(&d);
        self.linear(&layer.o, (&saved.attended, engine.q_width()), d_out, &mut d_attended);
        let (dq, dk, dv) = self.attention(index, &saved, &d_attended, asking);
        let mut d_normed = Buffer::zeros(saved.normed.len());
        if asking.rows.len() * hidden == saved.normed.len() {
            self.linear(&layer.q, (&saved.normed, hidden), &dq, &mut d_normed);
        } else {
            let normed = asking.gather(&saved.normed, hidden);
            let mut d_asking = Buffer::zeros(normed.len());
            self.linear(&layer.q, (&normed, hidden), &dq, &mut d_asking);
            asking.scatter(&d_asking, hidden, &mut d_normed);
            let mut d_all = Buffer::zeros(saved.x.len());
            asking.scatter(&d, hidden, &mut d_all);
            d = d_all;
        }
        for (linear, grad) in [(&layer.k, dk), (&layer.v, dv)] {
            self.linear(linear, (&saved.normed, hidden), &grad, &mut d_normed);
        }
        self.norm(layer.input_norm, &saved.x, &d_normed, &mut d);
        d
    }

    /// Gradients of queries, keys and values as they leave their projections.
    fn attention(
        &mut self,
        index: usize,
        saved: &Saved,
        grad: &[f32],
        asking: &Asking,
    ) -> (Buffer, Buffer, Buffer) {
        let (engine, t) = (self.engine, self.block.t);
        let layer = &engine.positions.layers[index];
        let (q_width, kv_width) = (engine.q_width(), engine.kv_width());
        let mut dq = Buffer::zeros(saved.q.len());
        let mut dk = Buffer::zeros(saved.k.len());
        let mut dv = Buffer::zeros(saved.v.len());
        let rows = dk.len() / kv_width;
        if let Some(lanes) = engine.row_attention(index, t, asking, rows) {
            let inputs = (&*saved.q, &*saved.k, &*saved.v, grad);
            lanes.backward(inputs, (&mut dq, &mut dk, &mut dv), &mut RowScratch::default());
        } else {
            self.attention_by_sequence(index, saved, grad, asking, (&mut dq, &mut dk, &mut dv));
        }
        engine.rope.rotate(&mut dq, q_width, asking.positions.iter().copied(), -1.0);
        engine.rope.rotate(&mut dk, kv_width, self.block.positions(rows), -1.0);
        let dq = self.maybe_norm(layer.q_norm, &saved.raw_q, &dq).unwrap_or(dq);
        let dk = self.maybe_norm(layer.k_norm, &saved.raw_k, &dk).unwrap_or(dk);
        (dq, dk, dv)
    }

    /// Gradients of attention, added, one sequence after the other.
    fn attention_by_sequence(
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
        rms_norm_backward(inputs, grad, dx, &mut self.grads[norm]);
    }

    fn linear(
        &mut self,
        linear: &Linear<usize>,
        (x, inner): (&[f32], usize),
        grad: &[f32],
        dx: &mut [f32],
    ) {
        self.matrix(linear.weight, (x, inner), grad, dx);
        if let Some(bias) = linear.bias {
            let sum = &mut self.grads[bias];
            grad.chunks(sum.len()).for_each(|row| add(sum, row));
        }
    }

    /// Gradients of `x · Wᵀ` in the matrix and in `x`.
    fn matrix(&mut self, w: usize, (x, inner): (&[f32], usize), grad: &[f32], dx: &mut [f32]) {
        let on = self.block.threads;
        let dw = &mut self.grads[w];
        if !matches!(on, Parallelism::None) || !add_outer(dw, grad, x, inner) {
            product_dw(dw, grad, x, inner, on);
        }
        match self.engine.packed.and_then(|packed| packed.transpose(w)) {
            Some(packed) => packed.add_product(grad, dx, on),
            None => product_dx(dx, grad, self.engine.value(w), inner, on),
        }
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
fn asking_targets(chunk: &[&Example], t: usize) -> Asking {
    let mut asking = Asking::default();
    for (index, example) in chunk.iter().enumerate() {
        for &(position, _) in &example.targets {
            asking.rows.push(index * t + position);
            asking.positions.push(position);
        }
        asking.ends.push(asking.rows.len());
    }
    asking
}
