//! An OpenAI-compatible HTTP server over a model of this crate's own.
//!
//! `GET /v1/models`, `POST /v1/completions`, `POST /v1/chat/completions`, both also streamed. The
//! model is owned by one thread; its queue is bounded, and a full queue is answered 503.

#[cfg(test)]
mod echo;
mod engine;
mod error;
mod openai;
mod params;
mod scores;
mod server;
#[cfg(test)]
mod tests;
mod wiring;
mod worker;

pub use engine::ServedModel;
pub use scores::TokenLogProbability;
pub use server::{InferenceError, serve, serve_on};
pub(crate) use wiring::wire;
