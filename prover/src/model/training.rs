//! Gradient descent on a decoder's weights: what pretraining and embedding share.

use candle_core::{DType, Device, Tensor, Var};
use std::collections::HashMap;
use std::path::Path;

use super::{Decoder, ModelError, Weights};

/// A sequence and the positions whose prediction is trained.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    /// Input tokens.
    pub(crate) tokens: Vec<u32>,
    /// `(position, token)`: after the input at `position` the model should say `token`.
    pub(crate) targets: Vec<(usize, u32)>,
    /// Weight of each target's cross-entropy in the loss.
    pub(crate) weight: f32,
}

impl Example {
    /// Trains the prediction of `response` after `prompt`, with the given weight per token.
    pub(crate) fn response(prompt: &[u32], response: &[u32], weight: f32) -> Self {
        let first = prompt.len() - 1;
        let targets = response.iter().enumerate().map(|(i, &t)| (first + i, t)).collect();
        let mut tokens = [prompt, response].concat();
        tokens.pop();
        Self { tokens, targets, weight }
    }
}

/// AdamW (Loshchilov & Hutter 2019) without its learning rate, which may change per step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AdamW {
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) eps: f64,
    pub(crate) weight_decay: f64,
    /// Largest norm of the whole gradient; longer ones are scaled down.
    pub(crate) clip: f64,
}

/// One trainable tensor with its moments.
struct Parameter {
    name: String,
    var: Var,
    first: Tensor,
    second: Tensor,
    grad: Option<Tensor>,
}

/// A decoder under training.
pub(crate) struct Trainer {
    /// Runs on the weights as they are now.
    pub(crate) decoder: Decoder,
    parameters: Vec<Parameter>,
    optimizer: AdamW,
    steps: i32,
    micro_batch_tokens: usize,
}

impl Trainer {
    /// Copies the weights of a decoder and sets out to train the copy.
    ///
    /// `micro_batch_tokens` bounds the tokens of one forward and backward pass; gradients of a
    /// batch accumulate over as many passes as needed.
    pub(crate) fn new(
        base: &Decoder,
        optimizer: AdamW,
        micro_batch_tokens: usize,
    ) -> Result<Self, ModelError> {
        let mut parameters = Vec::new();
        let named: HashMap<&str, &Tensor> =
            base.weights.named().iter().map(|(name, t)| (name.as_str(), t)).collect();
        let weights = Weights::build(&base.config, &mut |name, _| {
            let source = named
                .get(name)
                .ok_or_else(|| ModelError::MissingTensor { name: name.to_owned() })?;
            let var = Var::from_tensor(&source.copy()?)?;
            let tensor = var.as_tensor().clone();
            let (first, second) = (tensor.zeros_like()?, tensor.zeros_like()?);
            parameters.push(Parameter { name: name.to_owned(), var, first, second, grad: None });
            Ok(tensor)
        })?;
        let decoder = base.with_weights(weights);
        Ok(Self { decoder, parameters, optimizer, steps: 0, micro_batch_tokens })
    }

    /// A view of the weights for inference, which follows the training.
    pub(crate) fn current(&self) -> Result<Weights, ModelError> {
        self.weights_from(|var| Ok(var.as_detached_tensor()))
    }

    /// Weights that no longer change with the training.
    pub(crate) fn frozen(&self) -> Result<Weights, ModelError> {
        self.weights_from(|var| Ok(var.as_detached_tensor().copy()?))
    }

    fn weights_from(
        &self,
        take: impl Fn(&Var) -> Result<Tensor, ModelError>,
    ) -> Result<Weights, ModelError> {
        let named: HashMap<&str, &Var> =
            self.parameters.iter().map(|p| (p.name.as_str(), &p.var)).collect();
        Weights::build(&self.decoder.config, &mut |name, _| match named.get(name) {
            Some(var) => take(var),
            None => Err(ModelError::MissingTensor { name: name.to_owned() }),
        })
    }

    /// Adds the gradient of a batch to what the next [`Trainer::apply`] descends along; returns the
    /// batch's loss, the weighted sum of its cross-entropies.
    pub(crate) fn accumulate(&mut self, batch: &[&Example]) -> Result<f64, ModelError> {
        let mut loss = 0.0;
        for micro in micro_batches(batch, self.micro_batch_tokens) {
            let value = self.loss(&micro)?;
            let mut grads = value.backward()?;
            for parameter in &mut self.parameters {
                if let Some(grad) = grads.remove(parameter.var.as_tensor()) {
                    parameter.grad = Some(match parameter.grad.take() {
                        Some(sum) => (sum + grad)?,
                        None => grad.contiguous()?,
                    });
                }
            }
            loss += f64::from(value.to_scalar::<f32>()?);
        }
        Ok(loss)
    }

    /// Weighted sum of cross-entropies over the targets; differentiable.
    fn loss(&self, batch: &[&Example]) -> Result<Tensor, ModelError> {
        let device = &self.decoder.device;
        let length = batch.iter().map(|e| e.tokens.len()).max().unwrap_or(0);
        let mut tokens = Vec::with_capacity(batch.len() * length);
        let (mut rows, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for example in batch {
            let start = tokens.len();
            tokens.extend_from_slice(&example.tokens);
            // Later positions influence no earlier one, so any padding token does.
            tokens.resize(start + length, 0);
            for &(position, target) in &example.targets {
                rows.push(super::generate::token_id(start + position));
                targets.push(target);
                weights.push(example.weight);
            }
        }
        let count = targets.len();
        let tokens = Tensor::from_vec(tokens, (batch.len(), length), device)?;
        let hidden = self.decoder.hidden(&tokens)?;
        let picked = hidden.index_select(&Tensor::from_vec(rows, count, device)?, 0)?;
        let losses = self.decoder.kernels.cross_entropy(&self.decoder.logits(&picked)?, &targets)?;
        Ok((losses * Tensor::from_vec(weights, count, device)?)?.sum_all()?)
    }

    /// One optimizer step along the accumulated gradient, which it uses up.
    pub(crate) fn apply(&mut self, rate: f64) -> Result<(), ModelError> {
        self.steps += 1;
        let AdamW { beta1, beta2, eps, weight_decay, clip } = self.optimizer;
        let norm = self.gradient_norm()?;
        let scale = if norm > clip { clip / norm } else { 1.0 };
        let correction1 = 1.0 - beta1.powi(self.steps);
        let correction2 = 1.0 - beta2.powi(self.steps);
        for parameter in &mut self.parameters {
            let Some(grad) = parameter.grad.take() else { continue };
            let grad = (grad * scale)?;
            parameter.first = ((&parameter.first * beta1)? + (&grad * (1.0 - beta1))?)?;
            parameter.second = ((&parameter.second * beta2)? + (grad.sqr()? * (1.0 - beta2))?)?;
            let denominator = ((&parameter.second / correction2)?.sqrt()? + eps)?;
            let direction = (&parameter.first / correction1)?.div(&denominator)?;
            let kept = (parameter.var.as_detached_tensor() * (1.0 - rate * weight_decay))?;
            parameter.var.set(&(kept - (direction * rate)?)?)?;
        }
        Ok(())
    }

    fn gradient_norm(&self) -> Result<f64, ModelError> {
        let mut sum = 0.0;
        for grad in self.parameters.iter().filter_map(|p| p.grad.as_ref()) {
            sum += f64::from(grad.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
        Ok(sum.sqrt())
    }

    /// Pulls the weights toward others: `θ ← (1 − λ) θ + λ θ_other`.
    pub(crate) fn average_toward(&mut self, other: &Weights, lambda: f64) -> Result<(), ModelError> {
        for (parameter, (_, other)) in self.parameters.iter().zip(other.named()) {
            let own = (parameter.var.as_detached_tensor() * (1.0 - lambda))?;
            parameter.var.set(&(own + (other * lambda)?)?)?;
        }
        Ok(())
    }

    /// Writes weights and moments, enough to go on exactly here.
    pub(crate) fn save_state(&self, path: &Path) -> Result<(), ModelError> {
        let mut tensors: HashMap<String, Tensor> = HashMap::new();
        for Parameter { name, var, first, second, .. } in &self.parameters {
            tensors.insert(format!("weight/{name}"), var.as_tensor().clone());
            tensors.insert(format!("first/{name}"), first.clone());
            tensors.insert(format!("second/{name}"), second.clone());
        }
        let steps = Tensor::from_slice(&[i64::from(self.steps)], 1, &Device::Cpu)?;
        tensors.insert("steps".to_owned(), steps);
        Ok(candle_core::safetensors::save(&tensors, path)?)
    }

    /// Restores what [`Trainer::save_state`] wrote for the same configuration.
    pub(crate) fn load_state(&mut self, path: &Path) -> Result<(), ModelError> {
        let tensors = candle_core::safetensors::load(path, &self.decoder.device)?;
        let take = |key: String, like: &Tensor| -> Result<Tensor, ModelError> {
            let found =
                tensors.get(&key).ok_or_else(|| ModelError::MissingTensor { name: key.clone() })?;
            if found.dims() != like.dims() {
                return Err(ModelError::TensorShape {
                    name: key,
                    found: found.dims().to_vec(),
                    expected: like.dims().to_vec(),
                });
            }
            Ok(found.to_dtype(DType::F32)?)
        };
        for parameter in &mut self.parameters {
            let name = &parameter.name;
            let weight = take(format!("weight/{name}"), parameter.var.as_tensor())?;
            parameter.first = take(format!("first/{name}"), &parameter.first)?;
            parameter.second = take(format!("second/{name}"), &parameter.second)?;
            parameter.var.set(&weight)?;
        }
        let steps = tensors
            .get("steps")
            .ok_or_else(|| ModelError::MissingTensor { name: "steps".to_owned() })?
            .to_vec1::<i64>()?;
        self.steps = steps.first().and_then(|&s| i32::try_from(s).ok()).unwrap_or(0);
        Ok(())
    }
}

/// Splits a batch into parts of bounded size; examples of like length go together.
fn micro_batches<'a>(batch: &[&'a Example], tokens: usize) -> Vec<Vec<&'a Example>> {
    let mut sorted = batch.to_vec();
    sorted.sort_by_key(|e| e.tokens.len());
    let mut parts: Vec<Vec<&Example>> = Vec::new();
    for example in sorted {
        match parts.last_mut() {
            Some(part) if (part.len() + 1) * example.tokens.len() <= tokens => part.push(example),
            _ => parts.push(vec![example]),
        }
    }
    parts
}
