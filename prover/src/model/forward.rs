//! The decoder's forward pass, shared by inference and training.

use candle_core::{Device, Result, Tensor};
use std::sync::Arc;

use super::kernels::{Kernels, RopeTable};
use super::weights::{Layer, Weights};
use super::ModelConfig;

/// Weights with everything that running them needs. Cheap to clone: tensors are shared.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    pub(crate) config: Arc<ModelConfig>,
    pub(crate) weights: Weights,
    pub(crate) kernels: Kernels,
    pub(crate) device: Device,
    rope: Arc<RopeTable>,
}

/// Keys and values of the positions seen so far, per layer, `[batch, s, kv_heads, d]`.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    layers: Vec<(Tensor, Tensor)>,
}

impl Cache {
    fn positions(&self) -> Result<usize> {
        self.layers.first().map_or(Ok(0), |(k, _)| k.dim(1))
    }

    /// Appends new keys and values of a layer and returns all of them.
    fn extend(&mut self, layer: usize, k: Tensor, v: Tensor) -> Result<(Tensor, Tensor)> {
        let all = match self.layers.get(layer) {
            Some((old_k, old_v)) => {
                (Tensor::cat(&[old_k, &k], 1)?, Tensor::cat(&[old_v, &v], 1)?)
            }
            None => (k, v),
        };
        match self.layers.get_mut(layer) {
            Some(slot) => *slot = all.clone(),
            None => self.layers.push(all.clone()),
        }
        Ok(all)
    }

    /// Keeps only the given sequences of the batch, in the given order; repeats are allowed.
    pub(crate) fn select(&self, rows: &Tensor) -> Result<Self> {
        let pick = |t: &Tensor| t.index_select(rows, 0);
        let layers =
            self.layers.iter().map(|(k, v)| Ok((pick(k)?, pick(v)?))).collect::<Result<Vec<_>>>()?;
        Ok(Self { layers })
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
        let rope = Arc::new(RopeTable::new(&config, context, device)?);
        let kernels = Kernels::for_device(device);
        Ok(Self { config, weights, kernels, device: device.clone(), rope })
    }

    /// The same decoder over other weights of the same shape.
    pub(crate) fn with_weights(&self, weights: Weights) -> Self {
        Self { weights, ..self.clone() }
    }

    /// Positions a sequence may have.
    pub(crate) fn context(&self) -> usize {
        self.rope.positions()
    }

    /// Logits after the last token of each sequence: `[batch, vocabulary]`.
    ///
    /// `tokens` is `[batch, t]` and continues what the cache holds; all sequences have one length,
    /// so nothing is padded.
    pub(crate) fn last_logits(&self, tokens: &Tensor, cache: &mut Cache) -> Result<Tensor> {
        let x = self.run(tokens, Some(cache), true)?;
        self.logits(&x)
    }

    /// Residual stream after the last layer, `[batch · t, hidden]`, without a cache.
    ///
    /// Differentiable. Padding on the right changes nothing to its left.
    pub(crate) fn hidden(&self, tokens: &Tensor) -> Result<Tensor> {
        self.run(tokens, None, false)
    }

    /// Vocabulary logits of rows of the residual stream.
    pub(crate) fn logits(&self, rows: &Tensor) -> Result<Tensor> {
        let normed = self.norm(rows, &self.weights.norm)?;
        self.kernels.matmul_transposed(&normed, &self.weights.output)
    }

    fn run(&self, tokens: &Tensor, mut cache: Option<&mut Cache>, last: bool) -> Result<Tensor> {
        let (batch, t) = tokens.dims2()?;
        let start = cache.as_ref().map_or(Ok(0), |c| c.positions())?;
        let mut x = self.weights.embeddings.index_select(&tokens.flatten_all()?, 0)?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let last_layer = index + 1 == self.weights.layers.len();
            let span = Span { batch, t, start, only_last: last && last_layer && t > 1 };
            let slot = cache.as_deref_mut().map(|c| (c, index));
            x = self.layer(layer, x, span, slot)?;
        }
        Ok(x)
    }

    fn layer(
        &self,
        layer: &Layer,
        x: Tensor,
        span: Span,
        cache: Option<(&mut Cache, usize)>,
    ) -> Result<Tensor> {
        let normed = self.norm(&x, &layer.input_norm)?;
        let (k, v) = self.keys_and_values(layer, &normed, span)?;
        let (k, v) = match cache {
            Some((cache, index)) => cache.extend(index, k, v)?,
            None => (k, v),
        };
        // The last layer's other positions influence nothing that is asked for.
        let (x, normed, span) = match span.only_last {
            true => (span.last_rows(&x)?, span.last_rows(&normed)?, span.last()),
            false => (x, normed, span),
        };
        let q = self.heads(&layer.q.forward(&normed, self.kernels)?, span, self.config.heads)?;
        let q = self.rotate(q, layer.q_norm.as_ref(), span)?;
        let attended = self.kernels.attention(&q, &k, &v)?.reshape((span.rows(), ()))?;
        let x = (x + layer.o.forward(&attended, self.kernels)?)?;
        let normed = self.norm(&x, &layer.post_norm)?;
        let gate = layer.gate.forward(&normed, self.kernels)?;
        let up = layer.up.forward(&normed, self.kernels)?;
        x + layer.down.forward(&self.kernels.swiglu(&gate, &up)?, self.kernels)?
    }

    fn keys_and_values(&self, layer: &Layer, x: &Tensor, span: Span) -> Result<(Tensor, Tensor)> {
        let k = self.heads(&layer.k.forward(x, self.kernels)?, span, self.config.kv_heads)?;
        let v = self.heads(&layer.v.forward(x, self.kernels)?, span, self.config.kv_heads)?;
        Ok((self.rotate(k, layer.k_norm.as_ref(), span)?, v))
    }

    fn heads(&self, x: &Tensor, span: Span, heads: usize) -> Result<Tensor> {
        x.reshape((span.batch, span.t, heads, self.config.head_dim))
    }

    fn rotate(&self, x: Tensor, norm: Option<&Tensor>, span: Span) -> Result<Tensor> {
        let x = match norm {
            Some(norm) => self.norm(&x, norm)?,
            None => x,
        };
        self.kernels.rope(&x, &self.rope, span.start)
    }

    fn norm(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        #[expect(clippy::cast_possible_truncation, reason = "epsilons are plain small numbers")]
        let eps = self.config.rms_norm_eps as f32;
        self.kernels.rms_norm(x, w, eps)
    }
}

/// The block of positions a call works on.
#[derive(Debug, Clone, Copy)]
struct Span {
    batch: usize,
    t: usize,
    start: usize,
    only_last: bool,
}

impl Span {
    fn rows(self) -> usize {
        self.batch * self.t
    }

    fn last(self) -> Self {
        Self { t: 1, start: self.start + self.t - 1, ..self }
    }

    fn last_rows(self, x: &Tensor) -> Result<Tensor> {
        let width = x.dim(1)?;
        let x = x.reshape((self.batch, self.t, width))?;
        x.narrow(1, self.t - 1, 1)?.contiguous()?.reshape((self.batch, width))
    }
}
