//! An OpenAI-compatible server over a model of this crate's own.
