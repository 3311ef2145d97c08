//! The parameters of a decoder, under their Hugging Face names.

use candle_core::{Result as TensorResult, Tensor};

use super::{ModelConfig, ModelError, kernels::Kernels};

/// Dense layer; the weight is stored `[out, in]` as in the files.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// `x · Wᵀ + b` for `x` of shape `[rows, in]`.
    pub(crate) fn forward(&self, x: &Tensor, kernels: Kernels) -> TensorResult<Tensor> {
        let y = kernels.matmul_transposed(x, &self.weight)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// One decoder layer.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) input_norm: Tensor,
    pub(crate) q: Linear,
    pub(crate) k: Linear,
    pub(crate) v: Linear,
    pub(crate) o: Linear,
    pub(crate) q_norm: Option<Tensor>,
    pub(crate) k_norm: Option<Tensor>,
    pub(crate) post_norm: Tensor,
    pub(crate) gate: Linear,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
}

/// All parameters of a decoder.
///
/// Tensors share their storage with whoever supplied them, so weights built from trainable
/// variables follow these as they change.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    pub(crate) embeddings: Tensor,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Tensor,
    pub(crate) output: Tensor,
    named: Vec<(String, Tensor)>,
}

/// Asks the source for each tensor, keeping the list of names in order.
struct Builder<'a> {
    source: &'a mut dyn FnMut(&str, &[usize]) -> Result<Tensor, ModelError>,
    named: Vec<(String, Tensor)>,
}

impl Builder<'_> {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let tensor = (self.source)(name, shape)?;
        if tensor.dims() != shape {
            return Err(ModelError::TensorShape {
                name: name.to_owned(),
                found: tensor.dims().to_vec(),
                expected: shape.to_vec(),
            });
        }
        self.named.push((name.to_owned(), tensor.clone()));
        Ok(tensor)
    }

    fn linear(
        &mut self,
        name: &str,
        (input, output): (usize, usize),
        bias: bool,
    ) -> Result<Linear, ModelError> {
        let weight = self.tensor(&format!("{name}.weight"), &[output, input])?;
        let bias =
            if bias { Some(self.tensor(&format!("{name}.bias"), &[output])?) } else { None };
        Ok(Linear { weight, bias })
    }

    fn layer(&mut self, config: &ModelConfig, index: usize) -> Result<Layer, ModelError> {
        let at = |name: &str| format!("model.layers.{index}.{name}");
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (q_width, kv_width) =
            (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let head_norm = [config.head_dim];
        Ok(Layer {
            input_norm: self.tensor(&at("input_layernorm.weight"), &[hidden])?,
            q: self.linear(&at("self_attn.q_proj"), (hidden, q_width), config.qkv_bias)?,
            k: self.linear(&at("self_attn.k_proj"), (hidden, kv_width), config.qkv_bias)?,
            v: self.linear(&at("self_attn.v_proj"), (hidden, kv_width), config.qkv_bias)?,
            o: self.linear(&at("self_attn.o_proj"), (q_width, hidden), config.output_bias)?,
            q_norm: match config.qk_norm {
                true => Some(self.tensor(&at("self_attn.q_norm.weight"), &head_norm)?),
                false => None,
            },
            k_norm: match config.qk_norm {
                true => Some(self.tensor(&at("self_attn.k_norm.weight"), &head_norm)?),
                false => None,
            },
            post_norm: self.tensor(&at("post_attention_layernorm.weight"), &[hidden])?,
            gate: self.linear(&at("mlp.gate_proj"), (hidden, inner), config.mlp_bias)?,
            up: self.linear(&at("mlp.up_proj"), (hidden, inner), config.mlp_bias)?,
            down: self.linear(&at("mlp.down_proj"), (inner, hidden), config.mlp_bias)?,
        })
    }
}

impl Weights {
    /// Builds the decoder from a source that returns a tensor for a name and expected shape.
    pub(crate) fn build(
        config: &ModelConfig,
        source: &mut dyn FnMut(&str, &[usize]) -> Result<Tensor, ModelError>,
    ) -> Result<Self, ModelError> {
        let mut builder = Builder { source, named: Vec::new() };
        let table = [config.vocab_size, config.hidden_size];
        let embeddings = builder.tensor("model.embed_tokens.weight", &table)?;
        let layers = (0..config.layers)
            .map(|index| builder.layer(config, index))
            .collect::<Result<Vec<_>, _>>()?;
        let norm = builder.tensor("model.norm.weight", &[config.hidden_size])?;
        let output = match config.tied_embeddings {
            true => embeddings.clone(),
            false => builder.tensor("lm_head.weight", &table)?,
        };
        Ok(Self { embeddings, layers, norm, output, named: builder.named })
    }

    /// Every parameter with its Hugging Face name, in a fixed order.
    pub(crate) fn named(&self) -> &[(String, Tensor)] {
        &self.named
    }
}
