//! A decoder that is ready to run: on the CPU by hand-written code, elsewhere by the tensor library.

use candle_core::{DType, Device, Result, Tensor};
use std::sync::{Arc, OnceLock};

use super::generate::token_id;
use super::screen::Screen;
use super::tensor_forward::{TensorCache, TensorForward};
use super::tensor_ops::argmax_rows;
use crate::cpu::{
    self, Engine, Format, Gradients, Guards, LaneWeights, PackedWeights, Prompts, Sequence, Top,
};
use crate::model::rope::RopeTable;
use crate::model::{ModelConfig, Weights};
use crate::train::Example;

/// Weights with everything that running them needs. Cheap to clone: tensors are shared.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    pub(crate) config: Arc<ModelConfig>,
    pub(crate) weights: Weights,
    pub(crate) device: Device,
    rope: Arc<RopeTable>,
    /// The weights as the kernels read them, made when they are first worth it.
    packed: Arc<OnceLock<Option<PackedWeights>>>,
    /// The weights for many sequences side by side, per format, made likewise.
    lanes: Arc<[OnceLock<Option<LaneWeights>>; 3]>,
    /// What is known about answers in low precision.
    pub(crate) screen: Arc<Screen>,
}

/// Tokens of a call from which rearranging the weights pays off.
const WORTH_PACKING: usize = 64;

/// Keys and values of a batch of sequences, from which generation goes on.
#[derive(Debug)]
#[expect(private_interfaces, reason = "what a cache holds is the engine's own")]
pub enum Cache {
    /// For the hand-written code.
    Cpu(Vec<Sequence>),
    /// For the tensor library.
    Tensors(TensorCache),
}

impl Cache {
    /// The given sequences of the batch, in the given order; repeats are allowed.
    pub(crate) fn select(&self, rows: &[usize]) -> Result<Self> {
        match self {
            Self::Cpu(all) => Ok(Self::Cpu(rows.iter().map(|&row| all[row].clone()).collect())),
            Self::Tensors(cache) => cache.select(rows).map(Self::Tensors),
        }
    }
}

impl Decoder {
    /// Sets up a decoder for sequences of up to `context` positions.
    pub(crate) fn new(
        config: Arc<ModelConfig>,
        weights: Weights,
        context: usize,
        device: &Device,
    ) -> Result<Self> {
        let dtype = weights.tensors.embeddings.dtype();
        let rope = Arc::new(RopeTable::new(&config, context, device, dtype)?);
        Ok(Self {
            config,
            weights,
            device: device.clone(),
            rope,
            packed: Arc::default(),
            lanes: Arc::default(),
            screen: Arc::default(),
        })
    }

    /// The same decoder over other weights of the same shape.
    pub(crate) fn with_weights(&self, weights: Weights) -> Self {
        Self {
            weights,
            packed: Arc::default(),
            lanes: Arc::default(),
            screen: Arc::default(),
            ..self.clone()
        }
    }

    /// Positions a sequence may have.
    pub(crate) fn context(&self) -> usize {
        self.rope.positions()
    }

    /// Whether the hand-written code runs this decoder: on the processor, in f32.
    pub(crate) fn is_handwritten(&self) -> bool {
        self.device.is_cpu() && self.weights.tensors.embeddings.dtype() == DType::F32
    }

    /// A cache for a batch of sequences that start from nothing.
    pub(crate) fn new_cache(&self, batch: usize) -> Cache {
        match self.is_handwritten() {
            true => Cache::Cpu(vec![Sequence::default(); batch]),
            false => Cache::Tensors(TensorCache::new(batch)),
        }
    }

    /// The tensor library's form of this decoder; differentiable.
    pub(crate) fn tensor_forward(&self) -> TensorForward<'_> {
        TensorForward { config: &self.config, weights: &self.weights.tensors, rope: &self.rope }
    }

    /// Logits after the last token of each sequence, `[batch · vocabulary]`.
    ///
    /// `tokens` holds equally many tokens per sequence of the cache and continues what it holds, so
    /// nothing is padded.
    pub(crate) fn last_logits(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<f32>> {
        match cache {
            Cache::Cpu(sequences) => {
                let (t, start) = self.span(tokens, sequences)?;
                self.engine(tokens.len(), |engine| {
                    cpu::last_logits(engine, tokens, t, start, sequences)
                })
            }
            Cache::Tensors(cache) => {
                self.last_logits_tensor(tokens, cache)?.flatten_all()?.to_vec1()
            }
        }
    }

    /// As [`Decoder::last_logits`], `[batch, vocabulary]` on the device.
    fn last_logits_tensor(&self, tokens: &[u32], cache: &mut TensorCache) -> Result<Tensor> {
        let t = tokens.len() / cache.batch.max(1);
        let tokens = Tensor::from_slice(tokens, (cache.batch, t), &self.device)?;
        self.tensor_forward().last_logits(&tokens, cache)
    }

    /// The most likely token after the last of each sequence; else as [`Decoder::last_logits`].
    pub(crate) fn next_tokens(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<u32>> {
        match cache {
            Cache::Cpu(sequences) => {
                let (t, start) = self.span(tokens, sequences)?;
                self.engine(tokens.len(), |engine| {
                    cpu::next_tokens(engine, tokens, t, start, sequences)
                })
            }
            // A vocabulary of logits per sequence would take longer to fetch than to compute.
            Cache::Tensors(cache) => {
                let best = argmax_rows(&self.last_logits_tensor(tokens, cache)?)?.to_vec1()?;
                // Half precision can overflow, and no answer must be made up from that.
                if best.iter().any(|&id| id == token_id(self.config.vocab_size)) {
                    candle_core::bail!("logits that are not numbers; use a wider float type");
                }
                Ok(best)
            }
        }
    }

    /// The weights for sequences side by side; `None` where this processor or device has no kernels.
    fn lanes(&self, format: Format) -> Option<&LaneWeights> {
        if !self.is_handwritten() || !format.available() {
            return None;
        }
        let slot = match format {
            Format::F32 => 0,
            Format::Bf16 => 1,
            Format::Int8 => 2,
        };
        self.lanes[slot].get_or_init(|| LaneWeights::new(&self.weights, format)).as_ref()
    }

    /// Greedy continuations side by side, see [`cpu::continue_greedily`]; `tokens` are equally many
    /// per state and continue `prefix`. False, with nothing done, where there are no kernels.
    pub(crate) fn continue_greedily<S: Send>(
        &self,
        format: Format,
        (prefix, tokens): (&Cache, &[u32]),
        most: usize,
        states: &mut [S],
        step: impl Fn(&mut S, Top) -> bool + Sync,
    ) -> Result<bool> {
        let (Cache::Cpu(prefix), Some(weights)) = (prefix, self.lanes(format)) else {
            return Ok(false);
        };
        let Some(prefix) = prefix.first() else { return Ok(false) };
        let t = tokens.len() / states.len().max(1);
        let kv_width = self.config.kv_heads * self.config.head_dim;
        self.check_positions(prefix.positions(kv_width) + t + most - 1)?;
        let guards = Guards::new(&self.weights);
        let engine = Engine::new(&self.config, &self.weights, &guards, &self.rope, None)?;
        cpu::continue_greedily(
            &engine,
            weights,
            Prompts { prefix, tokens, t },
            most,
            states,
            step,
        )?;
        Ok(true)
    }

    /// Logits after the last token of sequences side by side; `None` where there are no kernels.
    pub(crate) fn lane_logits(
        &self,
        format: Format,
        prefix: &Cache,
        tokens: &[u32],
        t: usize,
    ) -> Result<Option<Vec<f32>>> {
        let (Cache::Cpu(prefix), Some(weights)) = (prefix, self.lanes(format)) else {
            return Ok(None);
        };
        let Some(prefix) = prefix.first() else { return Ok(None) };
        let guards = Guards::new(&self.weights);
        let engine = Engine::new(&self.config, &self.weights, &guards, &self.rope, None)?;
        cpu::lane_logits(&engine, weights, Prompts { prefix, tokens, t }).map(Some)
    }

    /// Tokens per sequence, and the position of the first.
    fn span(&self, tokens: &[u32], sequences: &[Sequence]) -> Result<(usize, usize)> {
        let t = tokens.len() / sequences.len().max(1);
        let kv_width = self.config.kv_heads * self.config.head_dim;
        let start = sequences.first().map_or(0, |s| s.positions(kv_width));
        self.check_positions(start + t)?;
        Ok((t, start))
    }

    /// Logits after every token of sequences of `t` tokens, `[tokens · vocabulary]`.
    pub(crate) fn next_token_logits(&self, tokens: &[u32], t: usize) -> Result<Vec<f32>> {
        self.check_positions(t)?;
        if self.is_handwritten() {
            return self.engine(tokens.len(), |engine| cpu::next_token_logits(engine, tokens, t));
        }
        let forward = self.tensor_forward();
        let tokens = Tensor::from_slice(tokens, (tokens.len() / t, t), &self.device)?;
        forward.logits(&forward.hidden(&tokens)?)?.flatten_all()?.to_vec1()
    }

    /// Loss of a batch, whose gradients are added to `sums`, by the hand-written code.
    pub(crate) fn gradients(&self, batch: &[&Example], sums: &mut Gradients) -> Result<f64> {
        let parameters = self.weights.named().iter().map(|(_, t)| t.elem_count()).sum();
        self.gradients_as(cpu::is_large(parameters), batch, sums)
    }

    /// [`Decoder::gradients`] in the way of large or of small weights.
    pub(crate) fn gradients_as(
        &self,
        large: bool,
        batch: &[&Example],
        sums: &mut Gradients,
    ) -> Result<f64> {
        let longest = batch.iter().map(|e| e.tokens.len()).max().unwrap_or(0);
        self.check_positions(longest)?;
        if large {
            return cpu::on_a_worker(|| {
                let guards = Guards::new(&self.weights);
                let engine = Engine::new(&self.config, &self.weights, &guards, &self.rope, None)?;
                cpu::gradients(&engine.blocked(), batch, sums)
            });
        }
        let guards = Guards::new(&self.weights);
        // Weights under training change with every step, so nothing made of them is kept.
        let packed = PackedWeights::with_transposes(&self.weights);
        let engine =
            Engine::new(&self.config, &self.weights, &guards, &self.rope, packed.as_ref())?;
        cpu::gradients(&engine, batch, sums)
    }

    fn engine<R>(&self, tokens: usize, run: impl FnOnce(&Engine<'_>) -> Result<R>) -> Result<R> {
        let packed = match self.packed.get() {
            Some(packed) => packed.as_ref(),
            None if tokens < WORTH_PACKING => None,
            None => self.packed.get_or_init(|| PackedWeights::new(&self.weights)).as_ref(),
        };
        let guards = Guards::new(&self.weights);
        run(&Engine::new(&self.config, &self.weights, &guards, &self.rope, packed)?)
    }

    fn check_positions(&self, needed: usize) -> Result<()> {
        if needed > self.context() {
            candle_core::bail!("{needed} positions needed, {} set up", self.context());
        }
        Ok(())
    }
}
