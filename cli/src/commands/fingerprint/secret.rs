//! What opens a universe, and where it lies.

use crate::error::{Exit, HintExt, fail};
use crate::files;
use clap::Args;
use eyre::Result;
use oml_prover::fingerprint::{SecretText, Universe, WrapKey};
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
    pub(crate) fn open(&self) -> Result<SecretText> {
        if let Some(path) = &self.key_file {
            return read_key(path);
        }
        if let Some(path) = &self.passphrase_file {
            return read_text(path);
        }
        typed(&ask("passphrase of the universe: ")?)
    }

    /// The key for a new universe; makes the key file if it does not exist.
    pub(crate) fn create(&self) -> Result<WrapKey> {
        if let Some(path) = self.key_file.as_ref().filter(|path| !path.exists()) {
            return make_key(path);
        }
        let secret = match (&self.key_file, &self.passphrase_file) {
            (None, None) => ask_twice()?,
            _ => self.open()?,
        };
        secret.sealing_key().hint(
            "this secret can't seal a universe",
            "whoever has the file can try passphrases without end; use a longer one or --key-file",
            Exit::Failed,
        )
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).hint(
        "no passphrase given",
        "use --key-file FILE or --passphrase-file FILE where nobody can type",
        Exit::Failed,
    )
}

fn ask_twice() -> Result<SecretText> {
    let (first, again) = (ask("new passphrase of the universe: ")?, ask("again: ")?);
    if first != again {
        return Err(fail("the two passphrases differ", "type the same one twice", Exit::Failed));
    }
    typed(&first)
}

fn typed(text: &str) -> Result<SecretText> {
    SecretText::new(text).hint(
        "the passphrase can't be used",
        "type it again, or keep a key in a file with --key-file FILE",
        Exit::Failed,
    )
}

fn read_text(path: &Path) -> Result<SecretText> {
    SecretText::read(path).hint(
        format!("{} holds no secret", path.display()),
        "it is a text file with a passphrase or 64 hex digits",
        Exit::Failed,
    )
}

/// Makes a key file that only its owner can read.
pub(crate) fn make_key(path: &Path) -> Result<WrapKey> {
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
    let text = Zeroizing::new(format!("{}\n", alloy::primitives::hex::encode(&key[..])));
    files::write_secret(path, text.as_bytes())?;
    Ok(WrapKey::Raw(key))
}

fn read_key(path: &Path) -> Result<SecretText> {
    let secret = read_text(path)?;
    if secret.is_raw_key() {
        return Ok(secret);
    }
    Err(fail(
        format!("{} is not a universe's key file", path.display()),
        "it holds 64 hex digits; `oml fingerprint generate --key-file FILE` makes one",
        Exit::Failed,
    ))
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
pub(crate) fn load(path: &Path, secret: &SecretText) -> Result<Universe> {
    let file = locate(path)?;
    Universe::open(&file, secret).hint(
        format!("universe {} could not be opened", file.display()),
        "check --key-file or the passphrase; the cause says whether the file itself is damaged",
        Exit::Failed,
    )
}

/// Writes a universe to `universe-<epoch>/universe.oml` under `dir`; never over another one.
pub(crate) fn save(universe: &Universe, dir: &Path, key: &WrapKey) -> Result<PathBuf> {
    let folder = folder(dir, universe.epoch());
    refuse_existing(dir, universe.epoch())?;
    std::fs::create_dir_all(&folder)?;
    universe.save(&folder.join(FILE), key).hint(
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
        let opened = args(&path).open().unwrap().sealing_key().unwrap();
        for key in [args(&path).create().unwrap(), opened] {
            assert!(matches!(key, WrapKey::Raw(key) if key == made));
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
    fn a_secret_that_can_not_seal_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        let args = SecretArgs { key_file: None, passphrase_file: Some(path.clone()) };
        for (file, part) in [
            (b"\n".as_slice(), "it is empty"),
            (b"abc\n", "has 3 characters"),
            (b"\xff\xfea\0", "no UTF-8 text"),
            (b"\xef\xbb\xbfcorrect horse", "byte order mark"),
        ] {
            std::fs::write(&path, file).unwrap();
            let report = args.create().unwrap_err();
            let said = format!("{report:#}");
            assert!(said.contains(part), "{said}");
        }
        std::fs::write(&path, "correct horse\n").unwrap();
        assert!(matches!(args.create().unwrap(), WrapKey::Passphrase(_)));
    }

    #[test]
    fn a_universe_sealed_with_a_short_passphrase_opens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "abc\n").unwrap();
        let args = SecretArgs { key_file: None, passphrase_file: Some(path) };
        assert!(args.open().is_ok());
    }

    #[test]
    fn a_missing_universe_says_where_it_was_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let error = locate(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
    }
}
