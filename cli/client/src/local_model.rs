//! Models by directory or hub id.

use crate::error::{FailureKind, HintExt, Result};
use oml_engine::{LoadOptions, Model};
use std::path::{Path, PathBuf};

/// A model's directory, from its path or its hub id.
///
/// # Errors
/// There is no such model.
pub fn locate(dir_or_hub_id: &str) -> Result<PathBuf> {
    if let Some(own) = in_checkout(Path::new(dir_or_hub_id)) {
        return Ok(own);
    }
    oml_engine::resolve(dir_or_hub_id).hint(
        format!("no model at {dir_or_hub_id:?}"),
        "give a directory with config.json, tokenizer.json and *.safetensors, e.g. prover/assets/models/tiny",
        FailureKind::Failed,
    )
}

/// A model of this repository, wherever the program is called from: beside the program, as it is
/// built in a checkout.
fn in_checkout(path: &Path) -> Option<PathBuf> {
    if path.exists() || !path.starts_with("prover/assets/models") {
        return None;
    }
    let exe = std::env::current_exe().ok()?;
    exe.ancestors().map(|base| base.join(path)).find(|found| found.is_dir())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repositorys_models_are_found_from_anywhere() {
        // The tests' folder is that of the crate, where there is no such path.
        let found = locate("prover/assets/models/tiny").unwrap();
        assert!(found.join("config.json").is_file(), "{}", found.display());
        assert!(locate("prover/assets/models/none").is_err());
    }
}
