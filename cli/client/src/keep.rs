//! Files that must not be lost: whole or not at all, and never over another.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Who can read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever may read the folder.
    Anyone,
    /// Only the account that writes it.
    OwnerOnly,
}

impl Readers {
    const fn mode(self) -> u32 {
        match self {
            Self::Anyone => 0o644,
            Self::OwnerOnly => 0o600,
        }
    }
}

/// Writes a file that does not exist yet, making its folder. It is on the disk, whole, when this
/// returns.
///
/// # Errors
/// With [`ErrorKind::AlreadyExists`] if something is there, which is left as it is.
pub(crate) fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let part = write_part(path, bytes, readers)?;
    let linked = match std::fs::hard_link(&part, path) {
        // A file system without links: taking the name first is exclusive as well.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            let named = OpenOptions::new().write(true).create_new(true).open(path);
            named.and_then(|_| std::fs::rename(&part, path))
        }
        linked => linked,
    };
    // Gone already where it was renamed.
    let _ = std::fs::remove_file(&part);
    linked?;
    sync_folder(path);
    Ok(())
}

/// Writes a file whole in the place of the one that is there, if there is one.
///
/// # Errors
/// The folder can't be written.
pub(crate) fn replace(path: &Path, bytes: &[u8], readers: Readers) -> Result<()> {
    // What is no file of a folder, such as a terminal, can only be written to.
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return std::fs::write(path, bytes);
    }
    let part = write_part(path, bytes, readers)?;
    let renamed = std::fs::rename(&part, path);
    if renamed.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    sync_folder(path);
    renamed
}

/// Writes a file beside `path` and waits until it is on the disk.
fn write_part(path: &Path, bytes: &[u8], readers: Readers) -> Result<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)?;
    }
    let name = path.file_name().ok_or(ErrorKind::IsADirectory)?.to_string_lossy();
    let part = path.with_file_name(format!(".{name}.{:08x}.part", rand::random::<u32>()));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(readers.mode()).open(&part)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = std::fs::remove_file(&part);
        return Err(error);
    }
    Ok(part)
}

/// Has the folder's own entry written, where the system lets it.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/channel.json");
        write_new(&path, b"salt", Readers::OwnerOnly).unwrap();
        let error = write_new(&path, b"other", Readers::Anyone).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"salt");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // Neither what a link points to.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &link).unwrap();
        assert!(write_new(&link, b"x", Readers::Anyone).is_err());
        assert!(!dir.path().join("nowhere").exists());
    }

    #[test]
    fn replacing_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        replace(&path, b"1", Readers::Anyone).unwrap();
        replace(&path, b"2", Readers::Anyone).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"2");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        assert!(write_new(Path::new("/proc/none/t.json"), b"", Readers::Anyone).is_err());
        assert!(replace(Path::new("/"), b"", Readers::Anyone).is_err());
    }
}
