//! The attention of one chunk on its way back.

use crate::cpu::buffer::Buffer;
use crate::cpu::decoder::CpuDecoder;
use crate::cpu::heads::{HeadRowGradients, HeadRows};
use crate::cpu::lanes::TrainingAttention;
use crate::cpu::rows::{
    Asking, Block, RowAttention, RowScratch, SavedLayer, SharedRows, Turn, rotate,
};

/// Gradients in queries, keys and values.
pub(super) struct HeadBuffers {
    pub(super) q: Buffer,
    pub(super) k: Buffer,
    pub(super) v: Buffer,
}

impl HeadBuffers {
    /// As many as a layer kept of each.
    fn of(saved: &SavedLayer, make: impl Fn(usize) -> Buffer) -> Self {
        Self { q: make(saved.q.len()), k: make(saved.k.len()), v: make(saved.v.len()) }
    }
}

/// The attention of a layer, and what it kept.
pub(super) struct AttentionPass<'a> {
    pub(super) decoder: &'a CpuDecoder<'a>,
    pub(super) block: Block,
    /// The number of the layer among all.
    pub(super) index: usize,
    pub(super) saved: &'a SavedLayer,
    /// The rows that ask; all if there is none.
    pub(super) asking: Option<&'a Asking>,
}

impl AttentionPass<'_> {
    /// Gradients of queries, keys and values before they were rotated, of that of the answers.
    pub(super) fn gradients(&self, grad: Buffer) -> HeadBuffers {
        let (decoder, block) = (self.decoder, self.block);
        let (q_width, kv_width) = (decoder.q_width(), decoder.kv_width());
        let HeadBuffers { q: mut dq, k: dk, v: dv } = self.heads(grad);
        let mut dk = block.sum(dk, kv_width);
        let dv = block.sum(dv, kv_width);
        let rope = decoder.rope.layer(self.index);
        let rows = block.positions(dk.len() / kv_width);
        rotate(rope, &mut dk, kv_width, rows, Turn::Back, block.threads);
        if let Some(asking) = self.asking {
            let rows = asking.positions.iter().copied();
            rotate(rope, &mut dq, q_width, rows, Turn::Back, block.threads);
        } else {
            dq = block.sum(dq, q_width);
            let rows = block.positions(dq.len() / q_width);
            rotate(rope, &mut dq, q_width, rows, Turn::Back, block.threads);
        }
        HeadBuffers { q: dq, k: dk, v: dv }
    }

    /// Gradients of heads as attention reads them, sequence by sequence.
    fn heads(&self, grad: Buffer) -> HeadBuffers {
        let Self { decoder, block, saved, .. } = *self;
        if let Some(asking) = self.asking {
            return self.by_sequence(&grad, asking);
        }
        let sequences = saved.k.len() / (block.t * decoder.kv_width());
        let grad = block.spread(grad, decoder.q_width(), SharedRows::First);
        match TrainingAttention::new(decoder.config, self.index, sequences, block.t) {
            None => self.by_sequence(&grad, &Asking::all(block, sequences)),
            Some(lanes) => {
                let mut heads = HeadBuffers::of(saved, Buffer::uncleared);
                let x = HeadRows { q: &saved.q, k: &saved.k, v: &saved.v };
                let HeadBuffers { q, k, v } = &mut heads;
                lanes.backward(x, &grad, HeadRowGradients { q, k, v }, block.threads);
                heads
            }
        }
    }

    /// The same one sequence after the other.
    fn by_sequence(&self, grad: &[f32], asking: &Asking) -> HeadBuffers {
        let (decoder, saved, t) = (self.decoder, self.saved, self.block.t);
        let (q_width, k_len) = (decoder.q_width(), t * decoder.kv_width());
        let attention = RowAttention::new(decoder.config, t, decoder.config.window(self.index));
        let (mut heads, mut scratch) =
            (HeadBuffers::of(saved, Buffer::zeros), RowScratch::default());
        let HeadBuffers { q: dq, k: dk, v: dv } = &mut heads;
        let outputs = dk.chunks_mut(k_len).zip(dv.chunks_mut(k_len)).zip(asking.sequences());
        for (b, ((dk, dv), range)) in outputs.enumerate() {
            let (q, k) = (range.start * q_width..range.end * q_width, b * k_len..(b + 1) * k_len);
            let x = HeadRows { q: &saved.q[q.clone()], k: &saved.k[k.clone()], v: &saved.v[k] };
            let out = HeadRowGradients { q: &mut dq[q.clone()], k: dk, v: dv };
            attention.backward(&asking.positions[range], x, &grad[q], out, &mut scratch);
        }
        heads
    }
}
