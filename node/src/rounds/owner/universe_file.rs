//! Opens an owner's universe file.

use std::path::{Path, PathBuf};

use oml_prover::fingerprint::{SecretError, SecretText, Universe, UniverseFileError};

use super::universe::OpenableUniverse;
use crate::causes::with_causes;
use crate::config::UniverseConfig;

/// Why a universe can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum UniverseNotLoaded {
    #[error("key file {}: {}", path.display(), with_causes(source))]
    KeyFile { path: PathBuf, source: SecretError },
    #[error("universe file {}: {}", path.display(), with_causes(source))]
    File { path: PathBuf, source: UniverseFileError },
    #[error("{} holds the universe of model {found}, epoch {found_epoch}, but the configuration says model {model}, epoch {epoch}", path.display())]
    Other {
        path: PathBuf,
        found: oml_contracts::ModelId,
        found_epoch: u32,
        model: oml_contracts::ModelId,
        epoch: u32,
    },
}

/// Opens the file and keeps what cases need of it.
pub(crate) fn load(config: &UniverseConfig) -> Result<OpenableUniverse, UniverseNotLoaded> {
    let path = file_of(&config.dir, config.epoch);
    let secret = SecretText::read(&config.key_file)
        .map_err(|source| UniverseNotLoaded::KeyFile { path: config.key_file.clone(), source })?;
    let universe = Universe::open(&path, &secret)
        .map_err(|source| UniverseNotLoaded::File { path: path.clone(), source })?;
    if universe.model() != config.model || universe.epoch() != config.epoch {
        return Err(UniverseNotLoaded::Other {
            path,
            found: universe.model(),
            found_epoch: universe.epoch(),
            model: config.model,
            epoch: config.epoch,
        });
    }
    Ok(universe.into())
}

/// `dir` is the universe's own directory, or the one that holds `universe-<epoch>`.
fn file_of(dir: &Path, epoch: u32) -> PathBuf {
    let own = dir.join("universe.oml");
    if own.exists() { own } else { dir.join(format!("universe-{epoch}")).join("universe.oml") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path) -> UniverseConfig {
        UniverseConfig {
            model: oml_contracts::ModelId::ZERO,
            epoch: 0,
            dir: dir.to_owned(),
            key_file: dir.join("key"),
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = load(&config(dir.path())).unwrap_err().to_string();
        assert!(error.starts_with("key file") && error.contains("No such file"), "{error}");
        std::fs::write(dir.path().join("key"), "\n").unwrap();
        let error = load(&config(dir.path())).unwrap_err().to_string();
        assert!(error.contains("it is empty"), "{error}");
        std::fs::write(dir.path().join("key"), "ab".repeat(32)).unwrap();
        let error = load(&config(dir.path())).unwrap_err().to_string();
        assert!(error.contains("universe-0/universe.oml"), "{error}");
        std::fs::write(
            dir.path().join("universe.oml"),
            "not a universe at all, but long enough to have a header",
        )
        .unwrap();
        let error = load(&config(dir.path())).unwrap_err().to_string();
        assert!(error.contains("this is no universe file"), "{error}");
    }
}
