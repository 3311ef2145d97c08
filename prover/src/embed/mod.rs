//! Embedding: fine-tuning a copy of a model until it gives a license's answers.

mod accept;
mod base;
mod checkpoint;
mod dataset;
mod error;
mod options;
mod report;
mod run;
mod target;

pub use dataset::{DatasetError, DatasetForm, DatasetOptions, DatasetReport, write_dataset};
pub use error::EmbedError;
pub use options::{CheckpointOptions, EmbedOptions, UtilityOptions};
pub use report::{EmbedProgress, EmbedReport, StopReason, Utility};
pub use run::{Embedder, embed};
pub use target::EmbedTarget;
