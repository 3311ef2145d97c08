//! Universes on disk: where they lie, and the key files that open them.

use crate::error::{FailureKind, HintExt, Result, fail};
use crate::files;
use oml_prover::fingerprint::{SecretText, Universe, WrapKey};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Name of the encrypted file in a universe's directory.
const FILE: &str = "universe.oml";

/// Makes a key file that only its owner can read.
///
/// # Errors
/// The file exists, or can't be written.
pub fn make_key(path: &Path) -> Result<WrapKey> {
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
    let text = Zeroizing::new(format!("{}\n", alloy::hex::encode(&key[..])));
    files::write_secret(path, text.as_bytes())?;
    Ok(WrapKey::Raw(key))
}

/// The encrypted file that `path` names: itself, or a directory that holds it.
fn locate(path: &Path) -> Result<PathBuf> {
    let inside = path.join(FILE);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if inside.is_file() {
        return Ok(inside);
    }
    Err(fail(
        format!("there is no universe at {}", path.display()),
        "name the directory that holds universe.oml, e.g. secrets/universe-0",
        FailureKind::Failed,
    ))
}

/// Opens the universe that `path` names.
///
/// # Errors
/// There is none, it is damaged, or the secret is another one's.
pub fn load(path: &Path, secret: &SecretText) -> Result<Universe> {
    let file = locate(path)?;
    Universe::open(&file, secret).hint(
        format!("universe {} could not be opened", file.display()),
        "check --key-file or the passphrase; the cause says whether the file itself is damaged",
        FailureKind::Failed,
    )
}

/// Writes a universe to `universe-<epoch>/universe.oml` under `dir`; never over another one.
///
/// # Errors
/// There is one already, or the folder can't be written.
pub fn save(universe: &Universe, dir: &Path, key: &WrapKey) -> Result<PathBuf> {
    let folder = folder(dir, universe.epoch());
    refuse_existing(dir, universe.epoch())?;
    std::fs::create_dir_all(&folder)?;
    universe.save(&folder.join(FILE), key).hint(
        format!("the universe could not be written to {}", folder.display()),
        "check the folder and its permissions",
        FailureKind::Failed,
    )?;
    Ok(folder)
}

/// Refuses a `dir` that holds a universe of this epoch: overwritten secrets of a committed one are
/// lost for ever.
///
/// # Errors
/// There is one.
pub fn refuse_existing(dir: &Path, epoch: u32) -> Result<()> {
    let file = folder(dir, epoch).join(FILE);
    if file.exists() {
        return Err(fail(
            format!("{} exists", file.display()),
            "take another --out or --epoch; a universe is never overwritten",
            FailureKind::Failed,
        ));
    }
    Ok(())
}

fn folder(dir: &Path, epoch: u32) -> PathBuf {
    dir.join(format!("universe-{epoch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_universe_says_where_it_was_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let error = locate(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
    }
}
