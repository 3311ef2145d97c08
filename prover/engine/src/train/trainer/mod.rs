//! Gradient descent on a decoder's weights: what pretraining and embedding share.

use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::descent::Descent;
use super::in_place::{square_sum, with_values};
use super::lora::{Adapter, LoraOptions};
use super::parameter::{AdamW, Parameter, State, Update};
use crate::ModelError;
use crate::cpu::{on_a_worker, softmax};
use crate::example::Example;
use crate::model::Weights;
use crate::run::{Decoder, Model};

/// What a model says after each token of a text but the last, as probabilities.
///
/// # Errors
/// `Tensor`, also if the text is longer than the context.
pub fn teacher(model: &Model, text: &[u32]) -> Result<Arc<[f32]>, ModelError> {
    teacher_of(&model.decoder, text)
}

/// [`teacher`] without a tokenizer.
fn teacher_of(decoder: &Decoder, text: &[u32]) -> Result<Arc<[f32]>, ModelError> {
    let given = &text[..text.len() - 1];
    let mut logits = decoder.next_token_logits(given, given.len())?;
    logits.chunks_mut(decoder.config().vocab_size).for_each(softmax);
    Ok(logits.into())
}

/// A decoder under training.
pub struct Trainer {
    /// Runs on the weights as they are now.
    pub(crate) decoder: Decoder,
    parameters: Vec<Parameter>,
    /// If there are any, only these are trained.
    adapters: Vec<Adapter>,
    optimizer: AdamW,
    steps: i32,
    descent: Descent,
}

impl fmt::Debug for Trainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Trainer {
    /// Copies the weights of a decoder and sets out to train the copy.
    ///
    /// `micro_batch_tokens` bounds the tokens of one forward and backward pass; gradients of a
    /// batch accumulate over as many passes as needed.
    ///
    /// # Errors
    /// `Tensor` if the copy fails.
    pub fn new(
        base: &Model,
        optimizer: AdamW,
        micro_batch_tokens: usize,
    ) -> Result<Self, ModelError> {
        Self::of_decoder(&base.decoder, optimizer, micro_batch_tokens)
    }

    /// [`Trainer::new`] without a tokenizer.
    pub(crate) fn of_decoder(
        base: &Decoder,
        optimizer: AdamW,
        micro_batch_tokens: usize,
    ) -> Result<Self, ModelError> {
        let mut parameters = Vec::new();
        let named: HashMap<&str, &Tensor> =
            base.weights().named().iter().map(|(name, t)| (name.as_str(), t)).collect();
        let weights = Weights::build(base.config(), &mut |name, _| {
            let source = named
                .get(name)
                .ok_or_else(|| ModelError::MissingTensor { name: name.to_owned() })?;
            let parameter = Parameter::new(name.to_owned(), source)?;
            let tensor = parameter.running.as_tensor().clone();
            parameters.push(parameter);
            Ok(tensor)
        })?;
        let decoder = base.with_weights(weights);
        let descent = Descent::of(&decoder, micro_batch_tokens);
        Ok(Self { decoder, parameters, adapters: Vec::new(), optimizer, steps: 0, descent })
    }

    /// Trains low-rank adapters from here on, and nothing else.
    ///
    /// # Errors
    /// `Parameter` for options that make no sense; `Tensor`.
    pub fn adapt(&mut self, options: &LoraOptions, seed: u64) -> Result<(), ModelError> {
        options.check()?;
        for (index, Parameter { name, running, .. }) in self.parameters.iter().enumerate() {
            if options.applies_to(name) {
                self.adapters.push(Adapter::new(index, name, running.as_tensor(), options, seed)?);
            }
        }
        // Nothing asks for the gradients of the others.
        let weights = self.weights_from(|Parameter { name, running, .. }| {
            Ok(match options.applies_to(name) {
                true => running.as_tensor().clone(),
                false => running.as_detached_tensor(),
            })
        })?;
        self.decoder = self.decoder.with_weights(weights);
        Ok(())
    }

    /// What the optimizer moves.
    fn trained(&self) -> Vec<&Parameter> {
        if self.adapters.is_empty() {
            return self.parameters.iter().collect();
        }
        self.adapters.iter().flat_map(|adapter| [&adapter.a, &adapter.b]).collect()
    }

    /// Hands the gradients of merged matrices to their factors and drops all others.
    fn distribute_gradients(&mut self) -> Result<(), ModelError> {
        for adapter in &mut self.adapters {
            let Parameter { grad, running, .. } = &mut self.parameters[adapter.index];
            if let Some(grad) = grad.take() {
                adapter.take_gradient(&grad)?;
            } else if let Some(grad) = self.descent.sum(adapter.index) {
                let grad = Tensor::from_slice(grad, running.shape(), &Device::Cpu)?;
                adapter.take_gradient(&grad)?;
            }
        }
        if !self.adapters.is_empty() {
            self.descent.clear();
            self.parameters.iter_mut().for_each(|parameter| parameter.grad = None);
        }
        Ok(())
    }

    /// One step of all factors; then the merged matrices follow.
    fn step_adapters(&mut self, update: Update) -> Result<(), ModelError> {
        for adapter in &mut self.adapters {
            for factor in [&mut adapter.a, &mut adapter.b] {
                self.descent.step_factor(factor, self.optimizer, update)?;
            }
            adapter.pull(update.pull)?;
        }
        self.merge()
    }

    fn merge(&mut self) -> Result<(), ModelError> {
        for adapter in &self.adapters {
            self.parameters[adapter.index].run_on(&adapter.merged()?)?;
        }
        Ok(())
    }

    /// A view of the weights for inference, which follows the training.
    ///
    /// # Errors
    /// `Tensor`.
    pub fn current(&self) -> Result<Weights, ModelError> {
        self.weights_from(|parameter| Ok(parameter.running.as_detached_tensor()))
    }

    /// Weights that no longer change with the training.
    ///
    /// # Errors
    /// `Tensor` if the copy fails.
    pub fn frozen(&self) -> Result<Weights, ModelError> {
        self.weights_from(|parameter| Ok(parameter.running.as_detached_tensor().copy()?))
    }

    fn weights_from(
        &self,
        take: impl Fn(&Parameter) -> Result<Tensor, ModelError>,
    ) -> Result<Weights, ModelError> {
        let named: HashMap<&str, &Parameter> =
            self.parameters.iter().map(|p| (p.name.as_str(), p)).collect();
        Weights::build(self.decoder.config(), &mut |name, _| match named.get(name) {
            Some(parameter) => take(parameter),
            None => Err(ModelError::MissingTensor { name: name.to_owned() }),
        })
    }

    /// Adds the gradient of a batch to what the next [`Trainer::apply`] descends along; returns the
    /// batch's loss, the weighted sum of its cross-entropies.
    ///
    /// # Errors
    /// `Tensor` if the tensor library fails.
    pub fn accumulate(&mut self, batch: &[&Example]) -> Result<f64, ModelError> {
        if batch.is_empty() {
            return Ok(0.0);
        }
        self.descent.accumulate(&self.decoder, &mut self.parameters, batch)
    }

    /// One optimizer step along the accumulated gradient, which it uses up. Afterwards the weights
    /// move toward `anchor` by its share: `θ ← (1 − λ) θ + λ θ_anchor`.
    ///
    /// # Errors
    /// `Tensor` if the tensor library fails.
    pub fn apply(&mut self, rate: f64, anchor: Option<(&Weights, f64)>) -> Result<(), ModelError> {
        self.steps += 1;
        self.distribute_gradients()?;
        let norm = self.gradient_norm()?;
        let optimizer = self.optimizer;
        let update = Update {
            rate,
            scale: if norm > optimizer.clip { optimizer.clip / norm } else { 1.0 },
            correction1: 1.0 - optimizer.beta1.powi(self.steps),
            correction2: 1.0 - optimizer.beta2.powi(self.steps),
            pull: anchor.map_or(0.0, |(_, lambda)| lambda),
        };
        if !self.adapters.is_empty() {
            return self.step_adapters(update);
        }
        let (parameters, descent) = (&mut self.parameters, &self.descent);
        on_a_worker(|| {
            for (index, parameter) in parameters.iter_mut().enumerate() {
                let anchor = anchor.map(|(weights, _)| &weights.named()[index].1);
                descent.step(index, parameter, optimizer, update, anchor)?;
            }
            Ok::<(), ModelError>(())
        })?;
        self.descent.clear();
        Ok(())
    }

    fn gradient_norm(&self) -> Result<f64, ModelError> {
        let mut sum: f64 = self.descent.sums().iter().map(|grad| square_sum(grad)).sum();
        for grad in self.trained().into_iter().filter_map(|p| p.grad.as_ref()) {
            sum += match grad.device() {
                Device::Cpu => with_values(grad, square_sum)?,
                _ => f64::from(grad.sqr()?.sum_all()?.to_scalar::<f32>()?),
            };
        }
        Ok(sum.sqrt())
    }

    /// Writes weights and moments, enough to go on exactly here.
    ///
    /// # Errors
    /// `Tensor` if the file cannot be written.
    pub fn save_state(&self, path: &Path) -> Result<(), ModelError> {
        let mut tensors: HashMap<String, Tensor> = HashMap::new();
        for parameter in self.trained() {
            let (name, State { values, first, second }) = (&parameter.name, parameter.state()?);
            tensors.insert(format!("weight/{name}"), values.into_inner());
            tensors.insert(format!("first/{name}"), first);
            tensors.insert(format!("second/{name}"), second);
        }
        let steps = Tensor::from_slice(&[i64::from(self.steps)], 1, &Device::Cpu)?;
        tensors.insert("steps".to_owned(), steps);
        Ok(candle_core::safetensors::save(&tensors, path)?)
    }

    /// Restores what [`Trainer::save_state`] wrote for the same configuration.
    ///
    /// # Errors
    /// `MissingTensor`, `TensorShape` if the file is of another configuration; `Tensor`.
    pub fn load_state(&mut self, path: &Path) -> Result<(), ModelError> {
        let tensors = candle_core::safetensors::load(path, self.decoder.setup().device())?;
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
        let Self { parameters, adapters, .. } = self;
        let trained: Vec<&mut Parameter> = if adapters.is_empty() {
            parameters.iter_mut().collect()
        } else {
            adapters.iter_mut().flat_map(|adapter| [&mut adapter.a, &mut adapter.b]).collect()
        };
        for parameter in trained {
            let (name, mut state) = (&parameter.name, parameter.state()?);
            let weight = take(format!("weight/{name}"), state.values.as_tensor())?;
            state.first = take(format!("first/{name}"), &state.first)?;
            state.second = take(format!("second/{name}"), &state.second)?;
            state.values.set(&weight)?;
            parameter.keep(state)?;
        }
        let steps = tensors
            .get("steps")
            .ok_or_else(|| ModelError::MissingTensor { name: "steps".to_owned() })?
            .to_vec1::<i64>()?;
        self.steps = steps.first().and_then(|&s| i32::try_from(s).ok()).unwrap_or(0);
        self.merge()
    }
}

#[cfg(test)]
mod tests;
