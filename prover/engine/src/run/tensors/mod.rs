//! The decoder as operations of a tensor library: any device, any float type, differentiable.

mod backend;
mod forward;
mod ops;

pub(crate) use backend::Tensors;
pub(crate) use forward::{TensorCache, TensorForward};
#[cfg(test)]
pub(crate) use ops::argmax_rows;
pub(crate) use ops::cross_entropy;
