//! The owner's rounds secret, and whether its words are those on chain.

use crate::chain::Chain;
use crate::error::{ClientError, FailureKind, HintExt, Result, fail};
use crate::files;
use crate::license;
use oml_node::rounds::{LicenseWords, RoundSecret};
use std::path::Path;

/// Makes a rounds secret that only its owner can read; never replaces one.
///
/// # Errors
/// The file exists or can't be written.
pub fn keygen(path: &Path) -> Result<()> {
    let secret = RoundSecret::generate().map_err(|error| ClientError::Other(error.into()))?;
    files::write_secret(path, secret.to_hex().as_bytes())
}

/// Reads a rounds secret.
///
/// # Errors
/// The file is not there, others can read it, or it holds something else.
pub fn load_secret(path: &Path) -> Result<RoundSecret> {
    RoundSecret::load(path).hint(
        format!("{} is no usable rounds secret", path.display()),
        "`oml round keygen` makes one; only the one that a license's words were committed with \
         can seal and open its rounds",
        FailureKind::Signer,
    )
}

/// Refuses words that are not those on chain: what they seal could not be opened.
pub(super) async fn require_committed(chain: &Chain, words: &LicenseWords) -> Result<()> {
    let (id, root) = (words.license(), words.words().root());
    let kept = license::kept(chain, id).await?;
    if kept.cases_root == root {
        return Ok(());
    }
    if kept.cases_root.is_zero() {
        return Err(fail(
            format!("no words of license {id} are committed"),
            "commit to them with `oml round commit`; rounds that are sealed before do not count",
            FailureKind::Failed,
        ));
    }
    Err(other_secret(words, &kept))
}

/// The words on chain are of another secret.
pub(super) fn other_secret(words: &LicenseWords, kept: &license::KeptLicense) -> ClientError {
    fail(
        format!(
            "license {} has words of another secret: their root on chain is {}, this secret gives {}",
            words.license(),
            kept.cases_root,
            words.words().root()
        ),
        "words are committed once; give the rounds secret with which that was done",
        FailureKind::Failed,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rounds.secret");
        keygen(&path).unwrap();
        load_secret(&path).unwrap();
        assert!(keygen(&path).is_err());
        std::fs::write(&path, "no secret").unwrap();
        let error = load_secret(&path).unwrap_err().to_string();
        assert!(error.contains("rounds.secret"), "{error}");
    }
}
