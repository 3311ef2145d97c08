//! Gradients in all parameters, and adding them up.

use rayon::prelude::*;

use crate::cpu::buffer::Spare;
use crate::cpu::simd::vectorized;

/// Gradients in all parameters, added up over batches.
#[derive(Debug, Default)]
pub(crate) struct Gradients {
    pub(super) values: Vec<Vec<f32>>,
    /// Whether there are any; else the values are memory to write over.
    pub(super) held: bool,
    /// Activations of the last step.
    pub(super) spare: Spare,
}

impl Gradients {
    /// Those of each parameter, if there are any.
    pub(crate) fn get(&self) -> Option<&[Vec<f32>]> {
        self.held.then_some(&self.values)
    }

    /// Forgets them, but not their memory.
    pub(crate) fn clear(&mut self) {
        self.held = false;
    }

    /// Adds the gradients of another batch.
    pub(super) fn add(&mut self, mut values: Vec<Vec<f32>>) {
        match self.held {
            true => drain_all(&mut values, &mut self.values),
            false => self.values = values,
        }
        self.held = true;
    }
}

/// Adds gradients to sums and clears them.
pub(super) fn drain_all(grads: &mut [Vec<f32>], sums: &mut [Vec<f32>]) {
    sums.par_iter_mut().zip(grads).for_each(|(sum, grad)| drain(grad, sum));
}

/// Adds a gradient to a sum and clears it.
fn drain(grad: &mut [f32], sum: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (sum, grad) in sum.iter_mut().zip(grad) {
                *sum += std::mem::take(grad);
            }
        },
    );
}
