//! The secret keys to which a host's copies are sealed.

use std::path::{Path, PathBuf};

use oml_prover::sealed_box::EncryptionKey;
use zeroize::Zeroizing;

use crate::chain::load_key_bytes;
use crate::config::PrivateKeySource;

/// Ending of a key's file, as `oml license acquire` names it.
const ENDING: &str = "copy-key";

/// All usable keys in `folder`. A file that holds something else, or that others can read, is named
/// in the log and holds up no other.
///
/// # Errors
/// The folder can't be read.
pub(super) fn copy_keys(folder: &Path) -> std::io::Result<Vec<EncryptionKey>> {
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            match load(path.clone()) {
                Ok(key) => keys.push(key),
                Err(error) => {
                    tracing::warn!(file = %path.display(), error, "a key of copies is left out");
                }
            }
        }
    }
    Ok(keys)
}

fn load(path: PathBuf) -> Result<EncryptionKey, String> {
    let source = PrivateKeySource { private_key_file: Some(path), ..PrivateKeySource::default() };
    let bytes = load_key_bytes(&source).map_err(|error| error.to_string())?;
    let digits = Zeroizing::new(hex::encode(bytes.as_slice()));
    EncryptionKey::from_hex(&digits).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_that_is_no_key_holds_up_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let key = EncryptionKey::generate().unwrap();
        for (name, text, mode) in [
            ("good.copy-key", key.to_hex().to_string(), 0o600),
            ("open.copy-key", key.to_hex().to_string(), 0o644),
            ("short.copy-key", "0x12".to_owned(), 0o600),
            ("license.json", "{}".to_owned(), 0o600),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let found = copy_keys(dir.path()).unwrap();
        let public: Vec<_> = found.iter().map(EncryptionKey::public).collect();
        assert_eq!(public, [key.public()]);
        assert!(copy_keys(&dir.path().join("none")).is_err());
    }
}
