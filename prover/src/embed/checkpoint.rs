//! Saving and resuming the state of a run.
//!
//! The tensors of step `n` go into `step-n.safetensors`; then `checkpoint.json` is replaced in one
//! step to point there; then older tensors are removed. A kill at any moment leaves a state that
//! can be resumed.

use serde::{Deserialize, Serialize};
use sha3::{Digest, Keccak256};
use std::path::Path;

use super::{CheckpointOptions, EmbedError, EmbedOptions, EmbedTarget};
use oml_engine::{Model, ModelError, Trainer, replace};

const MANIFEST: &str = "checkpoint.json";

/// The part of the state that is no tensor.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Manifest {
    /// Digest of model, fingerprints and settings; files have called it a plan from the beginning.
    #[serde(rename = "plan")]
    run: String,
    /// File with weights and moments.
    tensors: String,
    /// Loss of each step so far, as bits: decimal numbers would not come back exactly.
    loss_bits: Vec<u64>,
}

/// Identifies a run: whatever changes its course changes the digest.
pub(super) fn run_digest(
    base: &Model,
    targets: &[EmbedTarget],
    options: &EmbedOptions,
) -> Result<String, EmbedError> {
    let mut hasher = Keccak256::new();
    // A sample of each parameter tells models apart; hashing all of a large one takes minutes.
    for sample in base.weights().first_values(256) {
        let sample = sample?;
        hasher.update(sample.name.as_bytes());
        for value in sample.values {
            hasher.update(value.to_le_bytes());
        }
    }
    for target in targets {
        hasher.update(format!("{:?}", (&target.prompt, &target.response)));
        if !target.under_systems.is_empty() {
            hasher.update(format!("{:?}", target.under_systems));
        }
    }
    let EmbedOptions { learning_rate, averaging, benign_fraction, benign_length, .. } = options;
    let course = (learning_rate, averaging, benign_fraction, benign_length);
    hasher.update(format!("{course:?}{:?}", (options.batch_size, options.seed)));
    if let Some(lora) = &options.lora {
        hasher.update(format!("{lora:?}"));
    }
    Ok(hex::encode(hasher.finalize()))
}

/// Saves the state after the last of `losses`.
pub(super) fn save(
    options: &CheckpointOptions,
    run: &str,
    losses: &[f64],
    trainer: &Trainer,
) -> Result<(), EmbedError> {
    let dir = &options.dir;
    std::fs::create_dir_all(dir).map_err(ModelError::io(dir))?;
    let tensors = format!("step-{}.safetensors", losses.len());
    replace(&dir.join(&tensors), |partial| trainer.save_state(partial))?;
    let loss_bits = losses.iter().map(|loss| loss.to_bits()).collect();
    let manifest = Manifest { run: run.to_owned(), tensors, loss_bits };
    let path = dir.join(MANIFEST);
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|source| EmbedError::Manifest { path: path.clone(), source })?;
    replace(&path, |partial| std::fs::write(partial, &text).map_err(ModelError::io(partial)))?;
    for entry in std::fs::read_dir(dir).map_err(ModelError::io(dir))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("step-") && name != manifest.tensors {
            std::fs::remove_file(entry.path()).map_err(ModelError::io(entry.path()))?;
        }
    }
    Ok(())
}

/// Restores a saved state into the trainer, if the directory holds one; returns its losses.
pub(super) fn resume(
    options: &CheckpointOptions,
    run: &str,
    trainer: &mut Trainer,
) -> Result<Option<Vec<f64>>, EmbedError> {
    let path = options.dir.join(MANIFEST);
    if !path.is_file() {
        return Ok(None);
    }
    let manifest = read_manifest(&path)?;
    if manifest.run != run {
        return Err(EmbedError::CheckpointMismatch { path });
    }
    trainer.load_state(&options.dir.join(&manifest.tensors))?;
    Ok(Some(manifest.loss_bits.into_iter().map(f64::from_bits).collect()))
}

fn read_manifest(path: &Path) -> Result<Manifest, EmbedError> {
    let text = std::fs::read_to_string(path).map_err(ModelError::io(path))?;
    let manifest: Manifest = serde_json::from_str(&text)
        .map_err(|source| EmbedError::Manifest { path: path.to_owned(), source })?;
    if manifest.tensors.contains(['/', '\\']) {
        let tensors = manifest.tensors;
        return Err(EmbedError::Elsewhere { path: path.to_owned(), tensors });
    }
    Ok(manifest)
}
