//! Private keys from where the configuration says they are.

use super::keystore::{open_keystore, read_password};
use crate::config::{ConfigError, PrivateKeySource};
use alloy::signers::local::PrivateKeySigner;
use std::path::Path;
use zeroize::Zeroizing;

/// Loads a key as a signer of transactions.
///
/// # Errors
/// [`ConfigError::Key`], which never holds the key.
pub(super) fn load_key(source: &PrivateKeySource) -> Result<PrivateKeySigner, ConfigError> {
    if let (Some(keystore), Some(password_file)) = (&source.keystore, &source.password_file) {
        return read_password(password_file)
            .and_then(|password| open_keystore(keystore, &password))
            .map_err(|cause| problem(cause.to_string()));
    }
    let bytes = load_key_bytes(source)?;
    PrivateKeySigner::from_slice(bytes.as_slice())
        .map_err(|cause| problem(format!("not a private key: {cause}")))
}

/// Loads a key as raw bytes.
///
/// # Errors
/// [`ConfigError::Key`], which never holds the key.
pub(crate) fn load_key_bytes(
    source: &PrivateKeySource,
) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    if source.keystore.is_some() {
        return Ok(Zeroizing::new(load_key(source)?.to_bytes().0));
    }
    let (text, origin) = if let Some(name) = &source.private_key_env {
        let text = std::env::var(name).map_err(|cause| {
            problem(format!("environment variable {name}: {cause}; set it to the key as hex"))
        })?;
        (Zeroizing::new(text), format!("environment variable {name}"))
    } else if let Some(path) = &source.private_key_file {
        check_private(path)?;
        (read(path)?, format!("file {}", path.display()))
    } else {
        return Err(problem(
            "no key; give one of keystore, private_key_env, private_key_file".to_owned(),
        ));
    };
    let mut bytes = Zeroizing::new([0_u8; 32]);
    alloy::hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
        .map_err(|_| problem(format!("{origin} does not hold 32 bytes of hex")))?;
    Ok(bytes)
}

fn problem(text: String) -> ConfigError {
    ConfigError::Key { key: "private key".to_owned(), source: text.into() }
}

fn read(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|cause| problem(format!("can't read {}: {cause}", path.display())))
}

/// A key that others can read is a key that others have.
#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::PermissionsExt;
    let meta = std::fs::metadata(path)
        .map_err(|cause| problem(format!("can't read {}: {cause}", path.display())))?;
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = path.display();
        return Err(problem(format!(
            "{shown} can be read by others (mode {mode:o}); run chmod 600 {shown}"
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_path: &Path) -> Result<(), ConfigError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn key_files_must_be_private_and_whole() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("0x{}\n", "11".repeat(32))).unwrap();
        let source = PrivateKeySource {
            private_key_file: Some(path.clone()),
            ..PrivateKeySource::default()
        };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let open = load_key(&source).unwrap_err().to_string();
        assert!(open.contains("chmod 600"), "{open}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(load_key_bytes(&source).unwrap().as_slice(), [0x11; 32]);
        std::fs::write(&path, "0x1234").unwrap();
        let short = load_key(&source).unwrap_err().to_string();
        assert!(
            short.contains("does not hold 32 bytes of hex") && !short.contains("1234"),
            "{short}"
        );
    }
}
