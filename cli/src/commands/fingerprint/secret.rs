//! What opens a universe, and where it lies.

use crate::error::{FailureKind, HintExt as _, fail};
use clap::Args;
use eyre::Result;
use oml_client::universe::make_key;
use oml_prover::fingerprint::{SecretText, WrapKey};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

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
            return Ok(read_text(path)?);
        }
        Ok(typed(&ask("passphrase of the universe: ")?)?)
    }

    /// The key for a new universe; makes the key file if it does not exist.
    pub(crate) fn create(&self) -> Result<WrapKey> {
        if let Some(path) = self.key_file.as_ref().filter(|path| !path.exists()) {
            return Ok(make_key(path)?);
        }
        let secret = match (&self.key_file, &self.passphrase_file) {
            (None, None) => ask_twice()?,
            _ => self.open()?,
        };
        Ok(secret.sealing_key().hint(
            "this secret can't seal a universe",
            "whoever has the file can try passphrases without end; use a longer one or --key-file",
            FailureKind::Failed,
        )?)
    }
}

fn ask(prompt: &str) -> oml_client::Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).hint(
        "no passphrase given",
        "use --key-file FILE or --passphrase-file FILE where nobody can type",
        FailureKind::Failed,
    )
}

fn ask_twice() -> Result<SecretText> {
    let (first, again) = (ask("new passphrase of the universe: ")?, ask("again: ")?);
    if first != again {
        return Err(fail(
            "the two passphrases differ",
            "type the same one twice",
            FailureKind::Failed,
        ));
    }
    Ok(typed(&first)?)
}

fn typed(text: &str) -> oml_client::Result<SecretText> {
    SecretText::new(text).hint(
        "the passphrase can't be used",
        "type it again, or keep a key in a file with --key-file FILE",
        FailureKind::Failed,
    )
}

fn read_text(path: &Path) -> oml_client::Result<SecretText> {
    SecretText::read(path).hint(
        format!("{} holds no secret", path.display()),
        "it is a text file with a passphrase or 64 hex digits",
        FailureKind::Failed,
    )
}

fn read_key(path: &Path) -> Result<SecretText> {
    let secret = read_text(path)?;
    if secret.is_raw_key() {
        return Ok(secret);
    }
    Err(fail(
        format!("{} is not a universe's key file", path.display()),
        "it holds 64 hex digits; `oml fingerprint generate --key-file FILE` makes one",
        FailureKind::Failed,
    ))
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
            let said = format!("{:#}", args.create().unwrap_err());
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
}
