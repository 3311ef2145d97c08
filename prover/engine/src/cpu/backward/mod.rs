//! The backward pass: gradients of a weighted cross-entropy in all parameters.

mod attention;
mod batch;
mod gradients;
mod pass;

pub(crate) use batch::{gradients_of_large, gradients_of_small, is_large};
pub(crate) use gradients::Gradients;
