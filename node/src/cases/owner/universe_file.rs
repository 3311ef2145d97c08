//! Opens an owner's universe file.

use std::path::{Path, PathBuf};

use oml_prover::fingerprint::{Universe, UniverseFileError, UniverseSecret};
use zeroize::Zeroizing;

use super::questions::SecretLeaf;
use super::universe::{SecretUniverse, UniverseMismatch};
use crate::causes::with_causes;
use crate::config::UniverseConfig;

/// Shortest passphrase that is taken; an empty key file is a mistake, not a secret.
const SHORTEST_PASSPHRASE: usize = 8;

/// Why a universe can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum UniverseNotLoaded {
    #[error("key file {}: {source}", path.display())]
    KeyFile { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
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
    #[error(transparent)]
    Universe(#[from] UniverseMismatch),
}

/// Opens the file and keeps what cases need of it; the candidates' texts are dropped.
pub(crate) fn load(config: &UniverseConfig) -> Result<SecretUniverse, UniverseNotLoaded> {
    let path = file_of(&config.dir, config.epoch);
    let secret = read_secret(&config.key_file)?;
    let universe = Universe::load(&path, &secret)
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
    Ok(SecretUniverse::try_from(&universe)?)
}

/// `dir` is the universe's own directory, or the one that holds `universe-<epoch>`.
fn file_of(dir: &Path, epoch: u32) -> PathBuf {
    let own = dir.join("universe.oml");
    if own.exists() { own } else { dir.join(format!("universe-{epoch}")).join("universe.oml") }
}

/// 64 hex digits are a raw key; any other text is a passphrase.
fn read_secret(path: &Path) -> Result<UniverseSecret, UniverseNotLoaded> {
    let failed = |source| UniverseNotLoaded::KeyFile { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.into()))?;
    let text = Zeroizing::new(text);
    let text = text.trim();
    let mut key = Zeroizing::new([0_u8; 32]);
    if hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), key.as_mut_slice()).is_ok() {
        return Ok(UniverseSecret::Raw(key));
    }
    if text.chars().count() < SHORTEST_PASSPHRASE {
        return Err(failed(format!(
            "it holds neither 64 hex digits nor a passphrase of {SHORTEST_PASSPHRASE} characters or more"
        )
        .into()));
    }
    Ok(UniverseSecret::Passphrase(Zeroizing::new(text.to_owned())))
}

impl TryFrom<&Universe> for SecretUniverse {
    type Error = UniverseMismatch;

    fn try_from(universe: &Universe) -> Result<Self, UniverseMismatch> {
        let leaves = universe.entries().iter().map(|entry| SecretLeaf {
            index: entry.index,
            salt: entry.salt,
            key: entry.key.question(),
            tags: entry.candidates.tags(),
        });
        Self::new(universe.model(), universe.epoch(), leaves.collect())
    }
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
        std::fs::write(dir.path().join("key"), "short\n").unwrap();
        let error = load(&config(dir.path())).unwrap_err().to_string();
        assert!(error.contains("neither 64 hex digits nor a passphrase"), "{error}");
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

    #[test]
    fn hex_is_a_key_and_anything_else_a_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, format!("0x{}\n", "01".repeat(32))).unwrap();
        assert!(matches!(read_secret(&path), Ok(UniverseSecret::Raw(key)) if *key == [1; 32]));
        std::fs::write(&path, "correct horse battery\n").unwrap();
        let Ok(UniverseSecret::Passphrase(passphrase)) = read_secret(&path) else { panic!() };
        assert_eq!(passphrase.as_str(), "correct horse battery");
    }
}
