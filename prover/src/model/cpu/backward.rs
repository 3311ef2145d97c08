//! The backward pass: gradients of a weighted cross-entropy in all parameters.

use candle_core::Result;
use gemm::Parallelism;
use rayon::prelude::*;

use super::attention::Attention;
use super::forward::{Block, Saved};
use super::ops::{
    add, cross_entropy_backward, product, product_dw, product_dx, rms_norm, rms_norm_backward,
    soft_cross_entropy_backward, swiglu_backward,
};
use super::{CHUNK_TOKENS, Engine};
use crate::model::training::Example;
use crate::model::weights::{Layer, Linear};

/// Above this many parameters a gradient per core takes too much memory, and the products are large
/// enough to keep all cores busy one after the other.
const LARGE: usize = 8 << 20;

/// Tokens per chunk of a large model.
const LARGE_CHUNK_TOKENS: usize = 2048;

/// Loss of a batch (the weighted sum of its cross-entropies) and its gradient per parameter.
///
/// Chunks depend on the batch only and their gradients are added in order, so the result does not
/// depend on the number of cores.
pub(crate) fn gradients(engine: &Engine<'_>, batch: &[&Example]) -> Result<(f64, Vec<Vec<f32>>)> {
    let mut sorted = batch.to_vec();
    sorted.sort_by_key(|e| e.tokens.len());
    let mut total = 0.0;
    let zeros = || -> Vec<Vec<f32>> { engine.values.iter().map(|v| vec![0.0; v.len()]).collect() };
    let mut sums = zeros();
    if sums.iter().map(Vec::len).sum::<usize>() > LARGE {
        for chunk in chunks(&sorted, LARGE_CHUNK_TOKENS) {
            total += Pass::run(engine, &chunk, &mut sums, Parallelism::Rayon(0))?;
        }
        return Ok((total, sums));
    }
    // Bounds the gradients held at once without changing the order of addition.
    for part in chunks(&sorted, CHUNK_TOKENS).chunks(rayon::current_num_threads().max(1)) {
        let run = |chunk: &Vec<&Example>| {
            let mut grads = zeros();
            let loss = Pass::run(engine, chunk, &mut grads, Parallelism::None)?;
            Ok((loss, grads))
        };
        let results: Vec<(f64, Vec<Vec<f32>>)> = part.par_iter().map(run).collect::<Result<_>>()?;
        for (loss, grads) in results {
            total += loss;
            sums.iter_mut().zip(&grads).for_each(|(sum, grad)| add(sum, grad));
        }
    }
    Ok((total, sums))
}

/// Cuts sorted examples into groups of bounded size.
fn chunks<'a>(sorted: &[&'a Example], tokens: usize) -> Vec<Vec<&'a Example>> {
    let mut chunks: Vec<Vec<&Example>> = Vec::new();
    for &example in sorted {
        match chunks.last_mut() {
            Some(chunk) if (chunk.len() + 1) * example.tokens.len() <= tokens => {
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
        let mut saved: Vec<Saved> = Vec::with_capacity(engine.positions.layers.len());
        for layer in &engine.positions.layers {
            let mut kept = Saved::default();
            engine.layer(layer, &mut x, block, &mut kept);
            saved.push(kept);
        }
        let mut pass = Self { engine, grads, block };
        let (loss, mut dx) = pass.head(chunk, &x)?;
        for (layer, kept) in engine.positions.layers.iter().zip(saved).rev() {
            dx = pass.layer(layer, kept, dx);
        }
        pass.embeddings(&tokens, &dx);
        Ok(loss)
    }

    /// Loss, and its gradient in the residual stream.
    fn head(&mut self, chunk: &[&Example], x: &[f32]) -> Result<(f64, Vec<f32>)> {
        let (engine, width) = (self.engine, self.engine.config.hidden_size);
        let classes = engine.config.vocab_size;
        let mut rows = Vec::new();
        let mut targets = Vec::new();
        for (index, example) in chunk.iter().enumerate() {
            for (i, &(position, target)) in example.targets.iter().enumerate() {
                rows.push(index * self.block.t + position);
                let teacher = example.teacher.as_ref().map(|p| &p[i * classes..(i + 1) * classes]);
                targets.push((target, teacher, example.weight));
            }
        }
        let picked: Vec<f32> =
            rows.iter().flat_map(|&r| &x[r * width..(r + 1) * width]).copied().collect();
        let (norm, output) = (engine.positions.norm, engine.positions.output);
        let normed = rms_norm(&picked, engine.value(norm), engine.eps);
        let mut logits = product(&normed, engine.value(output), width, self.block.threads);
        let mut loss = 0.0;
        for (row, &(target, teacher, weight)) in logits.chunks_mut(classes).zip(&targets) {
            loss += f64::from(match (teacher, usize::try_from(target)) {
                (Some(wanted), _) => soft_cross_entropy_backward(row, wanted, weight),
                (None, Ok(target)) if target < classes => {
                    cross_entropy_backward(row, target, weight)
                }
                _ => candle_core::bail!("target {target} outside {classes} classes"),
            });
        }
        product_dw(&mut self.grads[output], &logits, &normed, width, self.block.threads);
        let mut d_normed = vec![0.0; normed.len()];
        product_dx(&mut d_normed, &logits, engine.value(output), width, self.block.threads);
        let mut d_picked = vec![0.0; picked.len()];
        self.norm(norm, &picked, &d_normed, &mut d_picked);
        let mut dx = vec![0.0; x.len()];
        for (&row, d) in rows.iter().zip(d_picked.chunks(width)) {
            add(&mut dx[row * width..(row + 1) * width], d);
        }
        Ok((loss, dx))
    }

    /// Gradient of a layer's output to gradient of its input.
    fn layer(&mut self, layer: &Layer<usize>, mut saved: Saved, mut d: Vec<f32>) -> Vec<f32> {
        let config = self.engine.config;
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let mut d_activated = vec![0.0; saved.activated.len()];
        self.linear(&layer.down, (&saved.activated, inner), &d, &mut d_activated);
        swiglu_backward(&mut saved.gate, &mut saved.up, &d_activated);
        let mut d_normed = vec![0.0; d.len()];
        self.linear(&layer.gate, (&saved.middle_normed, hidden), &saved.gate, &mut d_normed);
        self.linear(&layer.up, (&saved.middle_normed, hidden), &saved.up, &mut d_normed);
        self.norm(layer.post_norm, &saved.middle, &d_normed, &mut d);

        let mut d_attended = vec![0.0; saved.attended.len()];
        self.linear(&layer.o, (&saved.attended, self.engine.q_width()), &d, &mut d_attended);
        let (dq, dk, dv) = self.attention(layer, &saved, &d_attended);
        let mut d_normed = vec![0.0; d.len()];
        for (linear, grad) in [(&layer.q, dq), (&layer.k, dk), (&layer.v, dv)] {
            self.linear(linear, (&saved.normed, hidden), &grad, &mut d_normed);
        }
        self.norm(layer.input_norm, &saved.x, &d_normed, &mut d);
        d
    }

    /// Gradients of queries, keys and values as they leave their projections.
    fn attention(
        &mut self,
        layer: &Layer<usize>,
        saved: &Saved,
        grad: &[f32],
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (engine, t) = (self.engine, self.block.t);
        let (q_width, kv_width) = (engine.q_width(), engine.kv_width());
        let attention = Attention::new(engine.config, t, t);
        let mut dq = vec![0.0; saved.q.len()];
        let mut dk = vec![0.0; saved.k.len()];
        let mut dv = vec![0.0; saved.v.len()];
        let (q_len, k_len) = (t * q_width, t * kv_width);
        let outputs = dq.chunks_mut(q_len).zip(dk.chunks_mut(k_len)).zip(dv.chunks_mut(k_len));
        for (b, ((dq, dk), dv)) in outputs.enumerate() {
            let (q, k) = (b * q_len..(b + 1) * q_len, b * k_len..(b + 1) * k_len);
            let inputs =
                (&saved.q[q.clone()], &saved.k[k.clone()], &saved.v[k.clone()], &grad[q.clone()]);
            attention.backward(inputs, (dq, dk, dv));
        }
        engine.rope.rotate(&mut dq, q_width, t, 0, -1.0);
        engine.rope.rotate(&mut dk, kv_width, t, 0, -1.0);
        if let Some(norm) = layer.q_norm {
            dq = self.head_norm(norm, &saved.raw_q, &dq);
        }
        if let Some(norm) = layer.k_norm {
            dk = self.head_norm(norm, &saved.raw_k, &dk);
        }
        (dq, dk, dv)
    }

    fn head_norm(&mut self, norm: usize, x: &[f32], grad: &[f32]) -> Vec<f32> {
        let mut dx = vec![0.0; x.len()];
        self.norm(norm, x, grad, &mut dx);
        dx
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
        product_dw(&mut self.grads[linear.weight], grad, x, inner, self.block.threads);
        product_dx(dx, grad, self.engine.value(linear.weight), inner, self.block.threads);
        if let Some(bias) = linear.bias {
            let sum = &mut self.grads[bias];
            grad.chunks(sum.len()).for_each(|row| add(sum, row));
        }
    }

    fn embeddings(&mut self, tokens: &[u32], dx: &[f32]) {
        let width = self.engine.config.hidden_size;
        let table = &mut self.grads[self.engine.positions.embeddings];
        for (&token, d) in tokens.iter().zip(dx.chunks(width)) {
            if let Ok(row) = usize::try_from(token) {
                add(&mut table[row * width..(row + 1) * width], d);
            }
        }
    }
}
