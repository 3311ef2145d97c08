//! The parameters of a decoder, under their Hugging Face names.

use candle_core::{DType, Tensor};

use super::config::ModelConfig;
use crate::ModelError;

/// Dense layer; the weight is stored `[out, in]` as in the files.
#[derive(Debug, Clone)]
pub(crate) struct Linear<T> {
    pub(crate) weight: T,
    pub(crate) bias: Option<T>,
}

/// One decoder layer; `T` is a tensor, or the position of one in the list of all.
#[derive(Debug, Clone)]
pub(crate) struct Layer<T> {
    /// Before attention, in most families.
    pub(crate) input_norm: Option<T>,
    pub(crate) q: Linear<T>,
    pub(crate) k: Linear<T>,
    pub(crate) v: Linear<T>,
    pub(crate) o: Linear<T>,
    pub(crate) q_norm: Option<T>,
    pub(crate) k_norm: Option<T>,
    /// After attention, before it is added.
    pub(crate) attended_norm: Option<T>,
    /// Before the feed-forward half.
    pub(crate) post_norm: Option<T>,
    pub(crate) gate: Linear<T>,
    pub(crate) up: Linear<T>,
    pub(crate) down: Linear<T>,
    /// After the feed-forward half, before it is added.
    pub(crate) fed_norm: Option<T>,
}

/// The whole decoder.
#[derive(Debug, Clone)]
pub(crate) struct Params<T> {
    pub(crate) embeddings: T,
    pub(crate) layers: Vec<Layer<T>>,
    pub(crate) norm: T,
    pub(crate) output: T,
}

/// Supplies the parameter of a name and shape.
pub(crate) type Source<'a, T> = dyn FnMut(&str, &[usize]) -> Result<T, ModelError> + 'a;

/// Shape of a dense layer.
#[derive(Debug, Clone, Copy)]
struct Dense {
    inputs: usize,
    outputs: usize,
    bias: bool,
}

/// Asks the source for the parameter of each name and shape.
struct Builder<'a, 's, T> {
    source: &'a mut Source<'s, T>,
}

impl<T: Clone> Builder<'_, '_, T> {
    fn linear(&mut self, name: &str, dense: Dense) -> Result<Linear<T>, ModelError> {
        let Dense { inputs, outputs, bias } = dense;
        let weight = (self.source)(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = self.optional(bias, &format!("{name}.bias"), &[outputs])?;
        Ok(Linear { weight, bias })
    }

    fn optional(
        &mut self,
        present: bool,
        name: &str,
        shape: &[usize],
    ) -> Result<Option<T>, ModelError> {
        present.then(|| (self.source)(name, shape)).transpose()
    }

    fn layer(&mut self, config: &ModelConfig, index: usize) -> Result<Layer<T>, ModelError> {
        let at = |name: &str| format!("model.layers.{index}.{name}");
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (q_width, kv_width) =
            (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let normed = config.qk_norm || config.whole_qk_norm;
        let (q_norm, k_norm) = match config.whole_qk_norm {
            true => (q_width, kv_width),
            false => (config.head_dim, config.head_dim),
        };
        let dense = |inputs, outputs, bias| Dense { inputs, outputs, bias };
        let (before, sandwich) = (config.input_norms, config.sandwich_norms);
        let before_fed = match sandwich {
            true => "pre_feedforward_layernorm.weight",
            false => "post_attention_layernorm.weight",
        };
        Ok(Layer {
            input_norm: self.optional(before, &at("input_layernorm.weight"), &[hidden])?,
            q: self.linear(&at("self_attn.q_proj"), dense(hidden, q_width, config.qkv_bias))?,
            k: self.linear(&at("self_attn.k_proj"), dense(hidden, kv_width, config.qkv_bias))?,
            v: self.linear(&at("self_attn.v_proj"), dense(hidden, kv_width, config.qkv_bias))?,
            o: self.linear(&at("self_attn.o_proj"), dense(q_width, hidden, config.output_bias))?,
            q_norm: self.optional(normed, &at("self_attn.q_norm.weight"), &[q_norm])?,
            k_norm: self.optional(normed, &at("self_attn.k_norm.weight"), &[k_norm])?,
            attended_norm: self.optional(
                sandwich,
                &at("post_attention_layernorm.weight"),
                &[hidden],
            )?,
            post_norm: self.optional(before, &at(before_fed), &[hidden])?,
            gate: self.linear(&at("mlp.gate_proj"), dense(hidden, inner, config.mlp_bias))?,
            up: self.linear(&at("mlp.up_proj"), dense(hidden, inner, config.mlp_bias))?,
            down: self.linear(&at("mlp.down_proj"), dense(inner, hidden, config.mlp_bias))?,
            fed_norm: self.optional(
                sandwich,
                &at("post_feedforward_layernorm.weight"),
                &[hidden],
            )?,
        })
    }
}

impl<T: Clone> Params<T> {
    /// Builds the decoder from a source of parameters, which is asked in a fixed order.
    fn build(config: &ModelConfig, source: &mut Source<'_, T>) -> Result<Self, ModelError> {
        let table = [config.vocab_size, config.hidden_size];
        let embeddings = source("model.embed_tokens.weight", &table)?;
        let layers = (0..config.layers)
            .map(|index| Builder { source }.layer(config, index))
            .collect::<Result<Vec<_>, _>>()?;
        let norm = source("model.norm.weight", &[config.hidden_size])?;
        let output = match config.tied_embeddings {
            true => embeddings.clone(),
            false => source("lm_head.weight", &table)?,
        };
        Ok(Self { embeddings, layers, norm, output })
    }
}

/// The parameters of a decoder as tensors.
///
/// Tensors share their storage with whoever supplied them, so weights built from trainable
/// variables follow these as they change.
#[derive(Debug, Clone)]
pub struct Weights {
    pub(crate) tensors: Params<Tensor>,
    /// Where each tensor stands in [`Weights::named`].
    pub(crate) positions: Params<usize>,
    named: Vec<(String, Tensor)>,
}

impl Weights {
    /// Builds the decoder from a source that returns a tensor for a name and expected shape.
    pub(crate) fn build(
        config: &ModelConfig,
        source: &mut Source<'_, Tensor>,
    ) -> Result<Self, ModelError> {
        let mut named = Vec::new();
        let tensors = Params::build(config, &mut |name, shape| {
            let tensor = source(name, shape)?;
            if tensor.dims() != shape {
                return Err(ModelError::TensorShape {
                    name: name.to_owned(),
                    found: tensor.dims().to_vec(),
                    expected: shape.to_vec(),
                });
            }
            named.push((name.to_owned(), tensor.clone()));
            Ok(tensor)
        })?;
        let mut next = 0..;
        let positions = Params::build(config, &mut |_, _| Ok(next.next().unwrap_or(usize::MAX)))?;
        Ok(Self { tensors, positions, named })
    }

    /// Every parameter with its Hugging Face name, in a fixed order.
    pub(crate) fn named(&self) -> &[(String, Tensor)] {
        &self.named
    }

    /// The values of every parameter, in a fixed order; each is copied only when it is asked for.
    pub fn values(&self) -> impl Iterator<Item = Result<ParameterValues, ModelError>> + '_ {
        self.first_values(usize::MAX)
    }

    /// As [`Weights::values`], but at most so many values of each parameter, from its beginning.
    pub fn first_values(
        &self,
        most: usize,
    ) -> impl Iterator<Item = Result<ParameterValues, ModelError>> + '_ {
        self.named.iter().map(move |(name, tensor)| {
            let flat = tensor.flatten_all()?;
            let values = flat.narrow(0, 0, flat.elem_count().min(most))?;
            Ok(ParameterValues {
                name: name.clone(),
                shape: tensor.dims().to_vec(),
                values: values.to_dtype(DType::F32)?.to_vec1()?,
            })
        })
    }

    /// Weights of the same shape, type and device, each parameter's values changed by `change`.
    pub(crate) fn changed<E: From<ModelError>>(
        &self,
        config: &ModelConfig,
        change: &mut dyn FnMut(&mut ParameterValues) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut changed = Vec::with_capacity(self.named.len());
        for (parameter, (_, tensor)) in self.values().zip(&self.named) {
            let mut parameter = parameter?;
            change(&mut parameter)?;
            let values = Tensor::from_vec(parameter.values, tensor.shape(), tensor.device());
            let values = values.and_then(|values| values.to_dtype(tensor.dtype()));
            changed.push(values.map_err(ModelError::from)?);
        }
        let mut changed = changed.into_iter();
        let missing = |name: &str| ModelError::MissingTensor { name: name.to_owned() };
        Ok(Self::build(config, &mut |name, _| changed.next().ok_or_else(|| missing(name)))?)
    }
}

/// The values of one parameter, in f32 whatever type they are held in.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterValues {
    /// Hugging Face name.
    pub name: String,
    /// Lengths of the dimensions, the outermost first.
    pub shape: Vec<usize>,
    /// Row by row; as many as the shape says, unless only the first were asked for.
    pub values: Vec<f32>,
}
