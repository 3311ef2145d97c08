//! Embedding: fine-tuning a copy of a model until it gives a license's answers.

mod base;
mod checkpoint;
mod error;
mod options;
mod report;
mod run;
mod target;

pub use error::EmbedError;
pub use options::{CheckpointOptions, EmbedOptions, UtilityOptions};
pub use report::{EmbedProgress, EmbedReport, StopReason, Utility};
pub use run::{Embedder, embed};
pub use target::EmbedTarget;
