//! What every HTTP listener of a node shares: the accept loop and the shape of errors.

mod error;
mod serve;

pub(crate) use error::ApiError;
pub(crate) use serve::{ServeLimits, serve};
