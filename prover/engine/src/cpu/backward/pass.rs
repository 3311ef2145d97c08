//! One chunk's way through the decoder and back.

use candle_core::Result;
use gemm::Parallelism;
use rayon::prelude::*;

use super::attention::{AttentionPass, HeadBuffers};
use crate::cpu::buffer::Buffer;
use crate::cpu::decoder::CpuDecoder;
use crate::cpu::gemm::{How, library};
use crate::cpu::math::{add, add_scaled};
use crate::cpu::rows::{
    Asking, Block, Norm, SavedLayer, cross_entropy_backward, gated_backward, rms_norm,
    rms_norm_backward, soft_cap, soft_cross_entropy_backward,
};
use crate::example::Example;
use crate::model::weights::Linear;

/// One chunk's way through the decoder and back.
pub(super) struct ChunkPass<'a> {
    decoder: &'a CpuDecoder<'a>,
    sums: GradientSums<'a>,
    block: Block,
}

/// Where gradients in all parameters are added up.
pub(super) struct GradientSums<'a> {
    pub(super) values: &'a mut [Vec<f32>],
    /// Whether the gradient of a parameter is yet to be written; none is if this is empty.
    pub(super) fresh: &'a mut [bool],
}

/// What a dense layer was applied to: rows of a width.
#[derive(Clone, Copy)]
struct Input<'a> {
    rows: &'a [f32],
    width: usize,
}

/// What a row of logits should say.
struct RowTarget<'a> {
    token: u32,
    /// Probabilities to match instead of the token.
    teacher: Option<&'a [f32]>,
    weight: f32,
}

impl RowTarget<'_> {
    /// Replaces logits, capped by `cap` where there is one, by the gradient of the loss in them;
    /// returns the loss.
    fn loss(&self, row: &mut [f32], cap: Option<f32>) -> Result<f64> {
        let mut slopes = Vec::new();
        if let Some(cap) = cap {
            soft_cap(row, cap, Some(&mut slopes));
        }
        let loss = match (self.teacher, usize::try_from(self.token)) {
            (Some(wanted), _) => soft_cross_entropy_backward(row, wanted, self.weight),
            (None, Ok(token)) if token < row.len() => {
                cross_entropy_backward(row, token, self.weight)
            }
            _ => candle_core::bail!("target {} outside {} classes", self.token, row.len()),
        };
        row.iter_mut().zip(&slopes).for_each(|(d, slope)| *d *= slope);
        Ok(f64::from(loss))
    }
}

impl<'a> ChunkPass<'a> {
    /// Loss of a chunk, whose gradients are added to sums.
    pub(super) fn run(
        decoder: &'a CpuDecoder<'a>,
        chunk: &[&Example],
        sums: GradientSums<'a>,
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
        let mut x = decoder.embed(&tokens)?;
        let layers = decoder.positions.layers.len();
        let last = asking_targets(chunk, block);
        let asking = |index: usize| (index + 1 == layers).then_some(&last);
        let mut saved: Vec<SavedLayer> = Vec::with_capacity(layers);
        for index in 0..layers {
            let mut kept = SavedLayer::default();
            decoder.layer(index, &mut x, block, asking(index), &mut kept);
            saved.push(kept);
        }
        let mut pass = Self { decoder, sums, block };
        let (loss, mut dx) = pass.head(chunk, &x)?;
        for (index, kept) in saved.into_iter().enumerate().rev() {
            dx = pass.layer(index, kept, dx, asking(index));
        }
        pass.embeddings(&tokens, &dx);
        Ok(loss)
    }

    /// Loss, and its gradient in the residual stream, of which only the targets' rows are left.
    fn head(&mut self, chunk: &[&Example], picked: &[f32]) -> Result<(f64, Buffer)> {
        let (decoder, width) = (self.decoder, self.decoder.config.hidden_size);
        let on = self.block.threads;
        let (norm, output) = (decoder.positions.norm, decoder.positions.output);
        let normed = rms_norm(picked, decoder.value(norm), decoder.eps, on);
        let mut logits = decoder.product(output, &normed, width, on);
        let loss = self.losses(chunk, &mut logits)?;
        let d_normed = self.matrix(output, Input { rows: &normed, width }, &logits, None);
        let mut d_picked = Buffer::zeros(picked.len());
        self.norm(norm, picked, &d_normed, &mut d_picked);
        Ok((loss, d_picked))
    }

    /// Replaces logits by the gradient of the loss in them; returns the loss.
    fn losses(&self, chunk: &[&Example], logits: &mut [f32]) -> Result<f64> {
        let (classes, cap) = (self.decoder.config.vocab_size, self.decoder.config.logit_cap);
        let targets = chunk.iter().flat_map(|example| {
            let teacher =
                |i: usize| example.teacher.as_ref().map(|p| &p[i * classes..(i + 1) * classes]);
            example.targets.iter().enumerate().map(move |(i, &(_, token))| RowTarget {
                token,
                teacher: teacher(i),
                weight: example.weight,
            })
        });
        if let Parallelism::None = self.block.threads {
            let rows = logits.chunks_mut(classes).zip(targets);
            return rows.map(|(row, target)| target.loss(row, cap)).sum();
        }
        let targets: Vec<RowTarget<'_>> = targets.collect();
        let rows = logits.par_chunks_mut(classes).zip(targets);
        let losses: Vec<f64> =
            rows.map(|(row, target)| target.loss(row, cap)).collect::<Result<_>>()?;
        Ok(losses.iter().sum())
    }

    /// Gradient of a layer's output (of the rows that ask) to gradient of its input (of all rows).
    fn layer(
        &mut self,
        index: usize,
        mut saved: SavedLayer,
        mut d: Buffer,
        asking: Option<&Asking>,
    ) -> Buffer {
        let (decoder, config) = (self.decoder, self.decoder.config);
        let layer = &decoder.positions.layers[index];
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let d_fed = self.maybe_norm(layer.fed_norm, &saved.raw_fed, &d);
        let d_fed = d_fed.as_deref().unwrap_or(&d);
        let activated = Input { rows: &saved.activated, width: inner };
        let d_activated = self.linear(&layer.down, activated, d_fed, None);
        let SavedLayer { gate, up, .. } = &mut saved;
        gated_backward(config.activation, gate, up, &d_activated, self.block.threads);
        let normed = Input { rows: &saved.middle_normed, width: hidden };
        let d_normed = self.linear(&layer.gate, normed, &saved.gate, None);
        let d_normed = self.linear(&layer.up, normed, &saved.up, Some(d_normed));
        self.norm_or_none(layer.post_norm, &saved.middle, &d_normed, &mut d);

        let d_out = self.maybe_norm(layer.attended_norm, &saved.raw_attended, &d);
        let d_out = d_out.as_deref().unwrap_or(&d);
        let attended = Input { rows: &saved.attended, width: decoder.q_width() };
        let d_attended = self.linear(&layer.o, attended, d_out, None);
        let attention = AttentionPass { decoder, block: self.block, index, saved: &saved, asking };
        let HeadBuffers { q: dq, k: dk, v: dv } = attention.gradients(d_attended);
        let dq = self.maybe_norm(layer.q_norm, &saved.raw_q, &dq).unwrap_or(dq);
        let dk = self.maybe_norm(layer.k_norm, &saved.raw_k, &dk).unwrap_or(dk);
        let normed = Input { rows: &saved.normed, width: hidden };
        let mut d_normed;
        if let Some(asking) = asking {
            let rows = asking.gather(&saved.normed, hidden);
            let d_asking = self.linear(&layer.q, Input { rows: &rows, width: hidden }, &dq, None);
            d_normed = Buffer::zeros(saved.normed.len());
            asking.scatter(&d_asking, hidden, &mut d_normed);
            let mut d_all = Buffer::zeros(saved.x.len());
            asking.scatter(&d, hidden, &mut d_all);
            d = d_all;
        } else {
            d_normed = self.linear(&layer.q, normed, &dq, None);
        }
        for (linear, grad) in [(&layer.k, dk), (&layer.v, dv)] {
            d_normed = self.linear(linear, normed, &grad, Some(d_normed));
        }
        self.norm_or_none(layer.input_norm, &saved.x, &d_normed, &mut d);
        d
    }

    /// Gradient before a norm that only some models have, given what the norm was applied to.
    fn maybe_norm(&mut self, norm: Option<usize>, x: &[f32], grad: &[f32]) -> Option<Buffer> {
        norm.map(|norm| {
            let mut dx = Buffer::zeros(x.len());
            self.norm(norm, x, grad, &mut dx);
            dx
        })
    }

    /// As [`Self::norm`]; where there is no norm the gradient passes as it is.
    fn norm_or_none(&mut self, norm: Option<usize>, x: &[f32], grad: &[f32], dx: &mut [f32]) {
        match norm {
            Some(norm) => self.norm(norm, x, grad, dx),
            None => add(dx, grad),
        }
    }

    /// Gradients of a norm, added to those of its weights and to `dx`.
    fn norm(&mut self, norm: usize, x: &[f32], grad: &[f32], dx: &mut [f32]) {
        let applied = Norm { x, w: self.decoder.value(norm), eps: self.decoder.eps };
        rms_norm_backward(applied, grad, dx, &mut self.sums.values[norm], self.block.threads);
    }

    /// [`Self::matrix`] of a dense layer, and the gradient of its bias.
    fn linear(
        &mut self,
        linear: &Linear<usize>,
        x: Input<'_>,
        grad: &[f32],
        dx: Option<Buffer>,
    ) -> Buffer {
        let dx = self.matrix(linear.weight, x, grad, dx);
        if let Some(bias) = linear.bias {
            let sum = &mut self.sums.values[bias];
            grad.chunks(sum.len()).for_each(|row| add(sum, row));
        }
        dx
    }

    /// Gradients of `x · Wᵀ` in the matrix and in `x`; the latter is added to `sum` if there is
    /// one.
    fn matrix(&mut self, w: usize, x: Input<'_>, grad: &[f32], sum: Option<Buffer>) -> Buffer {
        let (on, how) = (self.block.threads, How::adding(sum.is_some()));
        let Input { rows, width } = x;
        let mut dx = sum.unwrap_or_else(|| Buffer::uncleared(rows.len()));
        let values = self.decoder.value(w);
        let dw = &mut self.sums.values[w];
        let fresh = self.sums.fresh.get_mut(w).is_some_and(std::mem::take);
        library::product_dw(dw, How::adding(!fresh), grad, rows, width, on);
        library::product_dx(&mut dx, how, grad, values, width, on);
        dx
    }

    fn embeddings(&mut self, tokens: &[u32], dx: &[f32]) {
        let (width, scale) = (self.decoder.config.hidden_size, self.decoder.config.embedding_scale);
        let table = &mut self.sums.values[self.decoder.positions.embeddings];
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
