//! What opens a universe, and where it lies.

use crate::error::{FailureKind, HintExt as _, fail};
use clap::Args;
use eyre::Result;
use oml_client::files;
use oml_client::universe::make_key;
use oml_prover::fingerprint::UniverseSecret;
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
    pub(crate) fn open(&self) -> Result<UniverseSecret> {
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
    pub(crate) fn create(&self) -> Result<UniverseSecret> {
        if let Some(path) = &self.key_file {
            return if path.exists() { read_key(path) } else { Ok(make_key(path)?) };
        }
        if self.passphrase_file.is_some() {
            return self.open();
        }
        let (first, again) = (ask("new passphrase of the universe: ")?, ask("again: ")?);
        if first != again {
            return Err(fail(
                "the two passphrases differ",
                "type the same one twice",
                FailureKind::Failed,
            ));
        }
        passphrase(first)
    }
}

fn ask(prompt: &str) -> oml_client::Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).hint(
        "no passphrase given",
        "use --key-file FILE or --passphrase-file FILE where nobody can type",
        FailureKind::Failed,
    )
}

fn passphrase(text: Zeroizing<String>) -> Result<UniverseSecret> {
    if text.is_empty() {
        return Err(fail(
            "the passphrase is empty",
            "whoever reads the file could open it",
            FailureKind::Failed,
        ));
    }
    Ok(UniverseSecret::Passphrase(text))
}

fn read_key(path: &Path) -> Result<UniverseSecret> {
    let text = Zeroizing::new(files::read(path)?);
    let digits = std::str::from_utf8(&text).unwrap_or_default().trim();
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, &mut key[..]).hint(
        format!("{} is not a universe's key file", path.display()),
        "it holds 64 hex digits; `oml fingerprint generate --key-file FILE` makes one",
        FailureKind::Failed,
    )?;
    Ok(UniverseSecret::Raw(key))
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
        let UniverseSecret::Raw(made) = args(&path).create().unwrap() else {
            panic!("not a raw key")
        };
        for secret in [args(&path).create().unwrap(), args(&path).open().unwrap()] {
            assert!(matches!(secret, UniverseSecret::Raw(key) if key == made));
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
}
