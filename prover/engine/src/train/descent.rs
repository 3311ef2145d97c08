//! How gradients are made and followed, for each of the backends.

use candle_core::Tensor;

use super::in_place::with_values;
use super::parameter::{AdamW, Parameter, Update};
use crate::ModelError;
use crate::cpu::Gradients;
use crate::example::Example;
use crate::logits::token_id;
use crate::run::Decoder;
use crate::run::tensors::{TensorForward, cross_entropy};

/// The way down; which one is decided once, by where the decoder runs.
pub(super) enum Descent {
    /// By the code written for the processor: sums of the gradients of all parameters, in memory
    /// that outlives the steps.
    InPlace(Gradients),
    /// By the tensor library, which leaves a gradient beside each parameter.
    Tensors {
        /// Most tokens of one forward and backward pass.
        micro_batch_tokens: usize,
    },
}

impl Descent {
    /// The way down for a decoder.
    pub(super) fn of(decoder: &Decoder, micro_batch_tokens: usize) -> Self {
        match decoder {
            Decoder::Processor(_) => Self::InPlace(Gradients::default()),
            Decoder::Tensors(_) => Self::Tensors { micro_batch_tokens },
        }
    }

    /// Adds the gradient of a batch; returns the batch's loss.
    pub(super) fn accumulate(
        &mut self,
        decoder: &Decoder,
        parameters: &mut [Parameter],
        batch: &[&Example],
    ) -> Result<f64, ModelError> {
        match (self, decoder) {
            (Self::InPlace(sums), Decoder::Processor(backend)) => {
                Ok(backend.gradients(batch, sums)?)
            }
            (Self::Tensors { micro_batch_tokens }, _) => {
                let mut loss = 0.0;
                for micro in micro_batches(batch, *micro_batch_tokens) {
                    loss += by_tensors(decoder, parameters, &micro)?;
                }
                Ok(loss)
            }
            (Self::InPlace(_), Decoder::Tensors(_)) => Err(candle_core::Error::msg(
                "the decoder moved to another backend while it was trained",
            )
            .into()),
        }
    }

    /// Sums of the gradients, by parameter; empty where they lie beside the parameters, or are
    /// none.
    pub(super) fn sums(&self) -> &[Vec<f32>] {
        match self {
            Self::InPlace(sums) => sums.get().unwrap_or_default(),
            Self::Tensors { .. } => &[],
        }
    }

    /// The sum of a parameter's gradients.
    pub(super) fn sum(&self, index: usize) -> Option<&[f32]> {
        self.sums().get(index).map(Vec::as_slice)
    }

    /// Forgets the sums.
    pub(super) fn clear(&mut self) {
        if let Self::InPlace(sums) = self {
            sums.clear();
        }
    }

    /// One step of the parameter of this index.
    pub(super) fn step(
        &self,
        index: usize,
        parameter: &mut Parameter,
        optimizer: AdamW,
        update: Update,
        anchor: Option<&Tensor>,
    ) -> Result<(), ModelError> {
        match self {
            Self::Tensors { .. } => parameter.step_tensor(optimizer, update, anchor),
            Self::InPlace(_) => match self.sum(index) {
                Some(grad) => parameter.step_cpu(optimizer, update, grad, anchor),
                None => Ok(()),
            },
        }
    }

    /// One step of a factor of an adapter, whose gradient lies beside it.
    pub(super) fn step_factor(
        &self,
        factor: &mut Parameter,
        optimizer: AdamW,
        update: Update,
    ) -> Result<(), ModelError> {
        match self {
            Self::Tensors { .. } => factor.step_tensor(optimizer, update, None),
            Self::InPlace(_) => match factor.grad.take() {
                Some(grad) => {
                    with_values(&grad, |grad| factor.step_cpu(optimizer, update, grad, None))?
                }
                None => Ok(()),
            },
        }
    }
}

/// Adds the gradient of a batch to those beside the parameters; returns the batch's loss.
fn by_tensors(
    decoder: &Decoder,
    parameters: &mut [Parameter],
    batch: &[&Example],
) -> Result<f64, ModelError> {
    let loss = tensor_loss(decoder, batch)?;
    let grads = loss.backward()?;
    for parameter in parameters {
        if let Some(grad) = grads.get(parameter.running.as_tensor()) {
            parameter.add_grad(grad)?;
        }
    }
    Ok(f64::from(loss.to_scalar::<f32>()?))
}

/// Weighted sum of cross-entropies over the targets, as a differentiable tensor.
pub(super) fn tensor_loss(decoder: &Decoder, batch: &[&Example]) -> Result<Tensor, ModelError> {
    let device = decoder.setup().device();
    let length = batch.iter().map(|e| e.tokens.len()).max().unwrap_or(0);
    let mut tokens = Vec::with_capacity(batch.len() * length);
    let vocabulary = decoder.config().vocab_size;
    let (mut rows, mut wanted, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for example in batch {
        let start = tokens.len();
        tokens.extend_from_slice(&example.tokens);
        // Later positions influence no earlier one, so any padding token does.
        tokens.resize(start + length, 0);
        for &(position, target) in &example.targets {
            rows.push(token_id(start + position));
            weights.push(example.weight);
            if example.teacher.is_none() {
                let id = usize::try_from(target).unwrap_or(usize::MAX);
                wanted.extend((0..vocabulary).map(|i| if i == id { 1.0_f32 } else { 0.0 }));
            }
        }
        wanted.extend(example.teacher.iter().flat_map(|teacher| teacher.iter()));
    }
    let count = rows.len();
    let forward = TensorForward::new(decoder.setup());
    let hidden = forward.hidden(&Tensor::from_vec(tokens, (batch.len(), length), device)?)?;
    let picked = hidden.index_select(&Tensor::from_vec(rows, count, device)?, 0)?;
    let wanted = Tensor::from_vec(wanted, (count, vocabulary), device)?;
    let losses = cross_entropy(&forward.logits(&picked)?, &wanted)?;
    Ok((losses * Tensor::from_vec(weights, count, device)?)?.sum_all()?)
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
