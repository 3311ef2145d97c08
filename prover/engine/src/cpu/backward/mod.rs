//! The backward pass: gradients of a weighted cross-entropy in all parameters.

mod attention;
mod batch;
mod gradients;
mod pass;

pub(crate) use batch::{gradients, is_large};
pub(crate) use gradients::Gradients;
