//! What opens a universe, and where it lies.

use crate::error::{Exit, HintExt, fail};
use crate::files;
use clap::Args;
use eyre::Result;
use oml_prover::fingerprint::{Universe, WrapKey};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Name of the encrypted file in a universe's directory.
const FILE: &str = "universe.oml";

/// What opens a universe; without a flag a passphrase is asked for.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Secret")]
pub(crate) struct SecretArgs {
    /// File with 32 random bytes as hex, which opens the universe
    #[arg(long, env = "OML_UNIVERSE_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// File holding the passphrase that opens the universe
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

impl SecretArgs {
    /// The secret of a universe that exists.
    pub(crate) fn open(&self) -> Result<WrapKey> {
        if let Some(path) = &self.key_file {
            return read_key(path);
        }
        if let Some(path) = &self.passphrase_file {
            let text = Zeroizing::new(String::from_utf8(files::read(path)?)?);
            return passphrase(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
        }
        passphrase(ask("passphrase of the universe: ")?)
    }

    /// The secret for a new universe; makes the key file if it does not exist.
    pub(crate) fn create(&self) -> Result<WrapKey> {
        if let Some(path) = &self.key_file {
            return if path.exists() { read_key(path) } else { make_key(path) };
        }
        if self.passphrase_file.is_some() {
            return self.open();
        }
        let (first, again) = (ask("new passphrase of the universe: ")?, ask("again: ")?);
        if first != again {
            return Err(fail(
                "the two passphrases differ",
                "type the same one twice",
                Exit::Failed,
            ));
        }
        passphrase(first)
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).hint(
        "no passphrase given",
        "use --key-file FILE or --passphrase-file FILE where nobody can type",
        Exit::Failed,
    )
}

fn passphrase(text: Zeroizing<String>) -> Result<WrapKey> {
    if text.is_empty() {
        return Err(fail(
            "the passphrase is empty",
            "whoever reads the file could open it",
            Exit::Failed,
        ));
    }
    Ok(WrapKey::Passphrase(text))
}

/// Makes a key file that only its owner can read.
pub(crate) fn make_key(path: &Path) -> Result<WrapKey> {
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
    let text = Zeroizing::new(format!("{}\n", alloy::primitives::hex::encode(&key[..])));
    files::write_secret(path, text.as_bytes())?;
    Ok(WrapKey::Raw(key))
}

fn read_key(path: &Path) -> Result<WrapKey> {
    let text = Zeroizing::new(files::read(path)?);
    let digits = std::str::from_utf8(&text).unwrap_or_default().trim();
    let mut key = Zeroizing::new([0; 32]);
    alloy::primitives::hex::decode_to_slice(digits, &mut key[..]).hint(
        format!("{} is not a universe's key file", path.display()),
        "it holds 64 hex digits; `oml fingerprint generate --key-file FILE` makes one",
        Exit::Failed,
    )?;
    Ok(WrapKey::Raw(key))
}

/// The encrypted file that `path` names: itself, or a directory that holds it.
pub(crate) fn locate(path: &Path) -> Result<PathBuf> {
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
        Exit::Failed,
    ))
}

/// Opens the universe that `path` names.
pub(crate) fn load(path: &Path, secret: &WrapKey) -> Result<Universe> {
    let file = locate(path)?;
    Universe::load(&file, secret).hint(
        format!("universe {} could not be opened", file.display()),
        "check --key-file or the passphrase; the cause says whether the file itself is damaged",
        Exit::Failed,
    )
}

/// Writes a universe to `universe-<epoch>/universe.oml` under `dir`; never over another one.
pub(crate) fn save(universe: &Universe, dir: &Path, secret: &WrapKey) -> Result<PathBuf> {
    let folder = folder(dir, universe.epoch());
    refuse_existing(dir, universe.epoch())?;
    std::fs::create_dir_all(&folder)?;
    universe.save(&folder.join(FILE), secret).hint(
        format!("the universe could not be written to {}", folder.display()),
        "check the folder and its permissions",
        Exit::Failed,
    )?;
    Ok(folder)
}

/// An error if `dir` holds a universe of this epoch: overwritten secrets of a committed one are lost for ever.
pub(crate) fn refuse_existing(dir: &Path, epoch: u32) -> Result<()> {
    let file = folder(dir, epoch).join(FILE);
    if file.exists() {
        return Err(fail(
            format!("{} exists", file.display()),
            "take another --out or --epoch; a universe is never overwritten",
            Exit::Failed,
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

    fn args(key_file: &Path) -> SecretArgs {
        SecretArgs { key_file: Some(key_file.to_owned()), passphrase_file: None }
    }

    #[test]
    fn key_files_are_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/universe.key");
        assert!(args(&path).open().is_err());
        let WrapKey::Raw(made) = args(&path).create().unwrap() else { panic!("not a raw key") };
        for secret in [args(&path).create().unwrap(), args(&path).open().unwrap()] {
            assert!(matches!(secret, WrapKey::Raw(key) if key == made));
        }
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_key_is_named_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        std::fs::write(&path, "abcdef").unwrap();
        let report = args(&path).open().unwrap_err();
        let text = format!("{report:#}");
        assert!(
            text.contains("is not a universe's key file") && !text.contains("abcdef"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_passphrase_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "\n").unwrap();
        let args = SecretArgs { key_file: None, passphrase_file: Some(path) };
        assert!(args.open().unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn a_missing_universe_says_where_it_was_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let error = locate(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
    }
}
