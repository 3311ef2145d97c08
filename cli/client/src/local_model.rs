//! Models by directory or hub id.

use crate::error::{FailureKind, HintExt, Result};
use oml_engine::{LoadOptions, Model};
use std::path::{Path, PathBuf};

/// A model's directory, from its path or its hub id.
///
/// # Errors
/// There is no such model.
pub fn locate(dir_or_hub_id: &str) -> Result<PathBuf> {
    oml_engine::resolve(dir_or_hub_id).hint(
        format!("no model at {dir_or_hub_id:?}"),
        "give a directory with config.json, tokenizer.json and *.safetensors, e.g. prover/assets/models/tiny",
        FailureKind::Failed,
    )
}

/// Loads a model by its directory or hub id.
///
/// # Errors
/// There is no such model, or its files can't be used.
pub fn load(dir_or_hub_id: &str, options: &LoadOptions) -> Result<Model> {
    let dir = locate(dir_or_hub_id)?;
    Model::load(&dir, options).hint(
        format!("the model in {} could not be loaded", dir.display()),
        "the cause names the file and what is wrong with it",
        FailureKind::Failed,
    )
}

/// Hash of a model directory's weights, as it is registered on chain.
///
/// # Errors
/// The directory holds no weights, or they can't be read.
pub fn weights_hash(dir: &Path) -> Result<alloy::primitives::B256> {
    let hash = oml_prover::weights_hash(dir).hint(
        format!("the weights in {} could not be hashed", dir.display()),
        "the directory must hold config.json and *.safetensors",
        FailureKind::Failed,
    )?;
    Ok(hash.into())
}
