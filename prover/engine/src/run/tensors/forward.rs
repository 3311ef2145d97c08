//! The forward pass in operations of the tensor library: any device, differentiable, and the
//! reference that the hand-written code is tested against.

use candle_core::{DType, Result, Tensor};

use super::ops::{Scores, attention, rms_norm, soft_cap};
use crate::logits::token_id;
use crate::model::rope::Rotations;
use crate::model::weights::{Layer, Linear, Params};
use crate::model::{Activation, ModelConfig};
use crate::run::setup::Setup;

/// Keys and values of the positions seen so far, per layer, `[batch, s, kv_heads, d]`.
#[derive(Debug)]
pub(crate) struct TensorCache {
    pub(crate) batch: usize,
    layers: Vec<(Tensor, Tensor)>,
}

impl TensorCache {
    pub(crate) fn new(batch: usize) -> Self {
        Self { batch, layers: Vec::new() }
    }

    fn positions(&self) -> Result<usize> {
        self.layers.first().map_or(Ok(0), |(k, _)| k.dim(1))
    }

    /// Appends new keys and values of a layer and returns all of them.
    fn extend(&mut self, layer: usize, k: Tensor, v: Tensor) -> Result<(Tensor, Tensor)> {
        let Some(slot) = self.layers.get_mut(layer) else {
            self.layers.push((k.clone(), v.clone()));
            return Ok((k, v));
        };
        *slot = (Tensor::cat(&[&slot.0, &k], 1)?, Tensor::cat(&[&slot.1, &v], 1)?);
        Ok(slot.clone())
    }

    pub(crate) fn select(&self, rows: &[usize]) -> Result<Self> {
        let ids: Vec<u32> = rows.iter().map(|&row| token_id(row)).collect();
        let pick =
            |t: &Tensor| t.index_select(&Tensor::from_slice(&ids, rows.len(), t.device())?, 0);
        let layers =
            self.layers.iter().map(|(k, v)| Ok((pick(k)?, pick(v)?))).collect::<Result<_>>()?;
        Ok(Self { batch: rows.len(), layers })
    }
}

/// A decoder as a computation on tensors.
pub(crate) struct TensorForward<'a> {
    config: &'a ModelConfig,
    weights: &'a Params<Tensor>,
    rope: &'a Rotations,
}

/// The block of positions a call works on.
#[derive(Debug, Clone, Copy)]
struct Span {
    batch: usize,
    t: usize,
    start: usize,
}

impl<'a> TensorForward<'a> {
    /// The computation of a decoder; differentiable.
    pub(crate) fn new(setup: &'a Setup) -> Self {
        Self { config: &setup.config, weights: &setup.weights.tensors, rope: &setup.rope }
    }

    /// Logits after the last token of each sequence, `[batch, vocabulary]`; `tokens: [batch, t]`
    /// continue what the cache holds.
    pub(crate) fn last_logits(&self, tokens: &Tensor, cache: &mut TensorCache) -> Result<Tensor> {
        let (batch, t) = tokens.dims2()?;
        let span = Span { batch, t, start: cache.positions()? };
        let x = self.run(tokens, span, Some(cache))?.reshape((batch, t, ()))?;
        self.logits(&x.narrow(1, t - 1, 1)?.contiguous()?.squeeze(1)?)
    }

    /// Residual stream after the last layer, `[batch · t, hidden]`. Padding on the right of a
    /// sequence changes nothing to its left.
    pub(crate) fn hidden(&self, tokens: &Tensor) -> Result<Tensor> {
        let (batch, t) = tokens.dims2()?;
        self.run(tokens, Span { batch, t, start: 0 }, None)
    }

    /// Vocabulary logits of rows of the residual stream, as f32.
    pub(crate) fn logits(&self, rows: &Tensor) -> Result<Tensor> {
        let logits = self.norm(rows, &self.weights.norm)?.matmul(&self.weights.output.t()?)?;
        let logits = logits.to_dtype(DType::F32)?;
        match self.config.logit_cap {
            Some(cap) => soft_cap(&logits, cap),
            None => Ok(logits),
        }
    }

    fn run(
        &self,
        tokens: &Tensor,
        span: Span,
        mut cache: Option<&mut TensorCache>,
    ) -> Result<Tensor> {
        let mut x = self.weights.embeddings.index_select(&tokens.flatten_all()?, 0)?;
        if self.config.embedding_scale != 1.0 {
            x = (x * f64::from(self.config.embedding_scale))?;
        }
        for index in 0..self.weights.layers.len() {
            x = self.layer(index, x, span, cache.as_deref_mut())?;
        }
        Ok(x)
    }

    fn layer(
        &self,
        index: usize,
        x: Tensor,
        span: Span,
        cache: Option<&mut TensorCache>,
    ) -> Result<Tensor> {
        let ModelConfig { heads, kv_heads, .. } = *self.config;
        let layer = &self.weights.layers[index];
        let normed = self.maybe_norm(x.clone(), layer.input_norm.as_ref())?;
        let (q_norm, k_norm) = (layer.q_norm.as_ref(), layer.k_norm.as_ref());
        let q = self.heads(&layer.q, &normed, span, heads, q_norm)?;
        let k = self.heads(&layer.k, &normed, span, kv_heads, k_norm)?;
        let rope = self.rope.layer(index);
        let (q, k) = (rope.rotate_tensor(&q, span.start)?, rope.rotate_tensor(&k, span.start)?);
        let v = linear(&layer.v, &normed)?.reshape((span.batch, span.t, kv_heads, ()))?;
        let (k, v) = match cache {
            Some(cache) => cache.extend(index, k, v)?,
            None => (k, v),
        };
        let how = Scores {
            scale: f64::from(self.config.attention_scale()),
            cap: self.config.attention_cap,
            window: self.config.window(index),
        };
        let attended = attention(&q, &k, &v, how)?.reshape((span.batch * span.t, ()))?;
        let x =
            (x + self.maybe_norm(linear(&layer.o, &attended)?, layer.attended_norm.as_ref())?)?;
        let normed = self.maybe_norm(x.clone(), layer.post_norm.as_ref())?;
        let fed = linear(&layer.down, &self.gated(layer, &normed)?)?;
        x + self.maybe_norm(fed, layer.fed_norm.as_ref())?
    }

    fn gated(&self, layer: &Layer<Tensor>, x: &Tensor) -> Result<Tensor> {
        let gate = linear(&layer.gate, x)?;
        let gate = match self.config.activation {
            Activation::Silu => gate.silu()?,
            Activation::GeluTanh => gate.gelu()?,
        };
        gate * linear(&layer.up, x)?
    }

    fn maybe_norm(&self, x: Tensor, norm: Option<&Tensor>) -> Result<Tensor> {
        match norm {
            Some(norm) => self.norm(&x, norm),
            None => Ok(x),
        }
    }

    /// Queries or keys: projected, and normed where the model does that, over all heads at once or
    /// head by head.
    fn heads(
        &self,
        projection: &Linear<Tensor>,
        x: &Tensor,
        span: Span,
        heads: usize,
        norm: Option<&Tensor>,
    ) -> Result<Tensor> {
        let (whole, by_head) = match self.config.whole_qk_norm {
            true => (norm, None),
            false => (None, norm),
        };
        let x = self.maybe_norm(linear(projection, x)?, whole)?;
        self.maybe_norm(x.reshape((span.batch, span.t, heads, ()))?, by_head)
    }

    fn norm(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        rms_norm(x, w, self.config.rms_norm_eps)
    }
}

/// `x · Wᵀ + b` for `x: [rows, in]`.
fn linear(linear: &Linear<Tensor>, x: &Tensor) -> Result<Tensor> {
    let y = x.matmul(&linear.weight.t()?)?;
    match &linear.bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}
