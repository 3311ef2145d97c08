//! What can go wrong while answers are embedded.

use std::path::PathBuf;

use oml_engine::ModelError;

/// Failure to embed.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// There is nothing to embed.
    #[error("there are no fingerprints to embed")]
    NoTargets,
    /// A fingerprint cannot be trained.
    #[error("fingerprint {index}: {fault}")]
    Target {
        /// Position in the list.
        index: usize,
        /// What is wrong with it.
        fault: String,
    },
    /// A setting is out of range.
    #[error("{name} = {value}: {requirement}")]
    Option {
        /// Name of the setting.
        name: &'static str,
        /// The value given.
        value: String,
        /// What is allowed.
        requirement: &'static str,
    },
    /// The loss is no longer a number.
    #[error("the loss became {loss} at step {step}; lower the learning rate")]
    Diverged {
        /// Step at which it happened.
        step: usize,
        /// What became of the loss: infinite or no number.
        loss: f64,
    },
    /// The progress callback asked to stop.
    #[error("stopped by request after step {step}; with checkpoints, the same call resumes there")]
    Stopped {
        /// Steps that were done.
        step: usize,
    },
    /// The checkpoint belongs to another model, other fingerprints or other settings.
    #[error(
        "{}: this checkpoint is of another run (model, fingerprints or settings differ); remove \
         it or choose another directory",
        path.display()
    )]
    CheckpointMismatch {
        /// The checkpoint's manifest.
        path: PathBuf,
    },
    /// The checkpoint's manifest is not what this program writes.
    #[error("{}: this is no checkpoint", path.display())]
    Manifest {
        /// The manifest, `checkpoint.json`.
        path: PathBuf,
        /// What the JSON reader or writer stumbled over.
        source: serde_json::Error,
    },
    /// The manifest points out of its folder.
    #[error("{}: `tensors` = {tensors:?} is not a file beside it", path.display())]
    Elsewhere {
        /// The manifest, `checkpoint.json`.
        path: PathBuf,
        /// The file that it names.
        tensors: String,
    },
}
