//! One trainable tensor and the optimizer's steps on it.

use candle_core::{DType, Tensor, Var};

use super::in_place::{Moving, update_parts};
use crate::ModelError;
use crate::numbers::narrow;

/// AdamW (Loshchilov & Hutter 2019) without its learning rate, which may change per step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Share of the first moment that each step keeps.
    pub beta1: f64,
    /// Share of the second moment that each step keeps.
    pub beta2: f64,
    /// Added to the root of the second moment, so that nothing is divided by zero.
    pub eps: f64,
    /// Share of the learning rate by which weights shrink in each step.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient; longer ones are scaled down.
    pub clip: f64,
}

/// What one step does to every parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update {
    pub(super) rate: f64,
    /// Factor that clips the gradient.
    pub(super) scale: f64,
    /// `1 − β₁ᵗ` and `1 − β₂ᵗ`.
    pub(super) correction1: f64,
    pub(super) correction2: f64,
    /// Share by which weights move toward the anchor.
    pub(super) pull: f64,
}

/// One trainable tensor.
pub(super) struct Parameter {
    pub(super) name: String,
    /// The values that the decoder runs on.
    pub(super) running: Var,
    /// What the optimizer keeps; `None` until it is needed, for most of a model that is only
    /// adapted never is.
    pub(super) state: Option<State>,
    pub(super) grad: Option<Tensor>,
}

/// Values and moments of a parameter, all in f32: small steps would vanish in anything narrower.
#[derive(Clone)]
pub(super) struct State {
    /// The running values themselves, where those are in f32.
    pub(super) values: Var,
    pub(super) first: Tensor,
    pub(super) second: Tensor,
}

impl Parameter {
    /// Sets out to train a copy of the values; the decoder runs on their type.
    pub(super) fn new(name: String, values: &Tensor) -> Result<Self, ModelError> {
        let running = Var::from_tensor(&values.copy()?)?;
        Ok(Self { name, running, state: None, grad: None })
    }

    /// What the optimizer knows, at first the values and no moments. Shares its memory with what is
    /// kept.
    pub(super) fn state(&self) -> Result<State, ModelError> {
        if let Some(state) = &self.state {
            return Ok(state.clone());
        }
        let values = match self.running.dtype() {
            DType::F32 => self.running.clone(),
            _ => Var::from_tensor(&self.running.to_dtype(DType::F32)?)?,
        };
        let (first, second) = (values.zeros_like()?, values.zeros_like()?);
        Ok(State { values, first, second })
    }

    /// Keeps the state and lets the decoder follow its values.
    pub(super) fn keep(&mut self, state: State) -> Result<(), ModelError> {
        if self.running.dtype() != DType::F32 {
            self.run_on(&state.values)?;
        }
        self.state = Some(state);
        Ok(())
    }

    /// Lets the decoder run on other values.
    pub(super) fn run_on(&self, values: &Tensor) -> Result<(), ModelError> {
        Ok(self.running.set(&values.to_dtype(self.running.dtype())?)?)
    }

    pub(super) fn add_grad(&mut self, grad: &Tensor) -> Result<(), ModelError> {
        let grad = &grad.to_dtype(DType::F32)?;
        self.grad = Some(match self.grad.take() {
            Some(sum) => (sum + grad)?,
            None => grad.contiguous()?,
        });
        Ok(())
    }

    /// The step in operations of the tensor library, for any device.
    pub(super) fn step_tensor(
        &mut self,
        optimizer: AdamW,
        update: Update,
        anchor: Option<&Tensor>,
    ) -> Result<(), ModelError> {
        let Some(grad) = self.grad.take() else { return Ok(()) };
        let AdamW { beta1, beta2, eps, weight_decay, .. } = optimizer;
        let mut state = self.state()?;
        let grad = (grad * update.scale)?;
        state.first = ((state.first * beta1)? + (&grad * (1.0 - beta1))?)?;
        state.second = ((state.second * beta2)? + (grad.sqr()? * (1.0 - beta2))?)?;
        let denominator = ((&state.second / update.correction2)?.sqrt()? + eps)?;
        let direction = (&state.first / update.correction1)?.div(&denominator)?;
        let kept = (state.values.as_detached_tensor() * (1.0 - update.rate * weight_decay))?;
        let mut moved = (kept - (direction * update.rate)?)?;
        if let Some(anchor) = anchor {
            let anchor = anchor.to_dtype(DType::F32)?;
            moved = ((moved * (1.0 - update.pull))? + (anchor * update.pull)?)?;
        }
        state.values.set(&moved)?;
        self.keep(state)
    }

    /// The same step where the values lie.
    pub(super) fn step_cpu(
        &mut self,
        optimizer: AdamW,
        update: Update,
        grad: &[f32],
        anchor: Option<&Tensor>,
    ) -> Result<(), ModelError> {
        let [beta1, beta2, eps] = [optimizer.beta1, optimizer.beta2, optimizer.eps].map(narrow);
        let decay = narrow(1.0 - update.rate * optimizer.weight_decay);
        let (scale, pull) = (narrow(update.scale), narrow(update.pull));
        let rate = narrow(update.rate / update.correction1);
        let correction2 = narrow(1.0 / update.correction2);
        let state = self.state()?;
        let tensors = [state.values.as_tensor(), &state.first, &state.second];
        update_parts(
            tensors,
            grad,
            anchor,
            #[inline(always)]
            |part| {
                let Moving { weights, firsts, seconds, grads, anchors } = part;
                let values = weights.iter_mut().zip(firsts).zip(seconds).zip(grads);
                for (((weight, first), second), grad) in values {
                    let grad = grad * scale;
                    *first = *first * beta1 + grad * (1.0 - beta1);
                    *second = *second * beta2 + grad * grad * (1.0 - beta2);
                    let step = rate * *first / ((*second * correction2).sqrt() + eps);
                    *weight = *weight * decay - step;
                }
                for (weight, anchor) in weights.iter_mut().zip(anchors) {
                    *weight = *weight * (1.0 - pull) + anchor * pull;
                }
            },
        )?;
        self.keep(state)
    }
}
