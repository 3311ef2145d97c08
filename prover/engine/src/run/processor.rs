//! The code written for the processor as a backend: f32 weights in memory.

use candle_core::Result;
use std::sync::{Arc, OnceLock};

use super::backend::{Backend, SideBySide};
use super::setup::Setup;
use crate::cpu::{
    self, CpuDecoder, Gradients, Guards, LaneWeights, NumberFormat, PackedWeights, Prompts,
    Sequence, Top,
};
use crate::example::Example;

/// Tokens of a call from which rearranging the weights pays off.
const WORTH_PACKING: usize = 64;

/// Runs a decoder with the kernels of [`crate::cpu`].
#[derive(Debug, Clone)]
pub(crate) struct Processor {
    pub(crate) setup: Setup,
    /// The weights as the kernels read them, made when they are first worth it.
    packed: Arc<OnceLock<Option<PackedWeights>>>,
    /// The weights for many sequences side by side, per format, made likewise.
    lanes: Arc<[OnceLock<Option<LaneWeights>>; 3]>,
}

impl Processor {
    /// Sets up the decoder.
    pub(crate) fn new(setup: Setup) -> Self {
        Self { setup, packed: Arc::default(), lanes: Arc::default() }
    }

    /// The weights for sequences side by side; `None` where this processor has no kernels.
    fn lanes(&self, format: NumberFormat) -> Option<&LaneWeights> {
        if !format.available() {
            return None;
        }
        let slot = match format {
            NumberFormat::F32 => 0,
            NumberFormat::Bf16 => 1,
            NumberFormat::Int8 => 2,
        };
        self.lanes[slot].get_or_init(|| LaneWeights::new(&self.setup.weights, format)).as_ref()
    }

    /// Tokens per sequence, and the position of the first.
    fn span(&self, tokens: &[u32], sequences: &[Sequence]) -> Result<(usize, usize)> {
        let length = tokens.len() / sequences.len().max(1);
        let start = sequences.first().map_or(0, |sequence| self.positions(sequence));
        self.setup.check_positions(start + length)?;
        Ok((length, start))
    }

    /// Positions that a sequence holds.
    fn positions(&self, sequence: &Sequence) -> usize {
        sequence.positions(self.setup.config.kv_heads * self.setup.config.head_dim)
    }

    /// Runs over the weights as the kernels read them, where a call of so many tokens is worth it.
    fn packed<R>(
        &self,
        tokens: usize,
        run: impl FnOnce(&CpuDecoder<'_>) -> Result<R>,
    ) -> Result<R> {
        let packed = match self.packed.get() {
            Some(packed) => packed.as_ref(),
            None if tokens < WORTH_PACKING => None,
            None => self.packed.get_or_init(|| PackedWeights::new(&self.setup.weights)).as_ref(),
        };
        self.engine(packed, run)
    }

    fn engine<R>(
        &self,
        packed: Option<&PackedWeights>,
        run: impl FnOnce(&CpuDecoder<'_>) -> Result<R>,
    ) -> Result<R> {
        let Setup { config, weights, rope } = &self.setup;
        let guards = Guards::new(weights);
        run(&CpuDecoder::new(config, weights, &guards, rope, packed)?)
    }

    /// Loss of a batch, whose gradients are added to `sums`. Weights under training change with
    /// every step, so nothing is packed for it.
    pub(crate) fn gradients(&self, batch: &[&Example], sums: &mut Gradients) -> Result<f64> {
        let named = self.setup.weights.named();
        let parameters = named.iter().map(|(_, tensor)| tensor.elem_count()).sum();
        match cpu::is_large(parameters) {
            true => self.gradients_of_large(batch, sums),
            false => self.gradients_of_small(batch, sums),
        }
    }

    /// [`Processor::gradients`] for large weights, whose products all cores share.
    pub(crate) fn gradients_of_large(
        &self,
        batch: &[&Example],
        sums: &mut Gradients,
    ) -> Result<f64> {
        self.check_examples(batch)?;
        cpu::on_a_worker(|| {
            self.engine(None, |engine| cpu::gradients_of_large(engine, batch, sums))
        })
    }

    /// [`Processor::gradients`] for small weights, where every core takes some of the sequences.
    pub(crate) fn gradients_of_small(
        &self,
        batch: &[&Example],
        sums: &mut Gradients,
    ) -> Result<f64> {
        self.check_examples(batch)?;
        self.engine(None, |engine| cpu::gradients_of_small(engine, batch, sums))
    }

    fn check_examples(&self, batch: &[&Example]) -> Result<()> {
        self.setup.check_positions(batch.iter().map(|e| e.tokens.len()).max().unwrap_or(0))
    }
}

impl Backend for Processor {
    type Cache = Vec<Sequence>;

    fn new_cache(&self, batch: usize) -> Vec<Sequence> {
        vec![Sequence::default(); batch]
    }

    fn select(cache: &Vec<Sequence>, rows: &[usize]) -> Result<Vec<Sequence>> {
        Ok(rows.iter().map(|&row| cache[row].clone()).collect())
    }

    fn last_logits(&self, tokens: &[u32], cache: &mut Vec<Sequence>) -> Result<Vec<f32>> {
        let (length, start) = self.span(tokens, cache)?;
        self.packed(tokens.len(), |engine| cpu::last_logits(engine, tokens, length, start, cache))
    }

    fn next_tokens(&self, tokens: &[u32], cache: &mut Vec<Sequence>) -> Result<Vec<u32>> {
        let (length, start) = self.span(tokens, cache)?;
        self.packed(tokens.len(), |engine| cpu::next_tokens(engine, tokens, length, start, cache))
    }

    fn next_token_logits(&self, tokens: &[u32], length: usize) -> Result<Vec<f32>> {
        self.setup.check_positions(length)?;
        self.packed(tokens.len(), |engine| cpu::next_token_logits(engine, tokens, length))
    }

    fn lane_logits(
        &self,
        format: NumberFormat,
        sequences: SideBySide<'_, Vec<Sequence>>,
    ) -> Result<Option<Vec<f32>>> {
        let Some((weights, prompts)) = self.lanes(format).zip(prompts(sequences)) else {
            return Ok(None);
        };
        self.engine(None, |engine| cpu::lane_logits(engine, weights, prompts)).map(Some)
    }

    fn continue_greedily<S: Send>(
        &self,
        format: NumberFormat,
        sequences: SideBySide<'_, Vec<Sequence>>,
        most: usize,
        states: &mut [S],
        step: impl Fn(&mut S, Top) -> bool + Sync,
    ) -> Result<bool> {
        let Some((weights, prompts)) = self.lanes(format).zip(prompts(sequences)) else {
            return Ok(false);
        };
        let held = self.positions(prompts.prefix);
        self.setup.check_positions(held + sequences.length + most - 1)?;
        self.engine(None, |engine| {
            cpu::continue_greedily(engine, weights, prompts, most, states, step)
        })?;
        Ok(true)
    }
}

/// The sequences as the kernels take them; `None` for a cache without a sequence.
fn prompts<'a>(sequences: SideBySide<'a, Vec<Sequence>>) -> Option<Prompts<'a>> {
    let SideBySide { prefix, tokens, length } = sequences;
    Some(Prompts { prefix: prefix.first()?, tokens, t: length })
}
