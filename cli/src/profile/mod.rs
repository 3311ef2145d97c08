//! Profiles: what a person would type with every command, kept in one file.
//!
//! A flag wins over its variable, and a variable over the profile; a profile only fills what
//! neither says.

mod apply;
mod edit;
mod file;

pub(crate) use apply::{Context, Filled, Origin, Setting, chosen};
pub(crate) use edit::{EditedProfiles, KEYS};
pub(crate) use file::{ProfileEntry, ProfileFile, Role};

use crate::error::{FailureKind, fail};
use eyre::Result;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the file is: `oml/config.toml` in the folder that XDG names, else in `~/.config`.
pub(crate) fn path() -> Result<PathBuf> {
    place(std::env::var_os("XDG_CONFIG_HOME"), std::env::home_dir()).ok_or_else(|| {
        fail(
            "there is no place for profiles: no home directory",
            "set HOME or XDG_CONFIG_HOME",
            FailureKind::Failed,
        )
    })
}

/// The XDG base directory specification has relative paths ignored.
fn place(xdg: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let xdg = xdg.map(PathBuf::from).filter(|path| path.is_absolute());
    let base = xdg.or_else(|| home.map(|home| home.join(".config")))?;
    Some(base.join("oml").join("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_where_xdg_says() {
        let home = || Some(PathBuf::from("/h/a"));
        let found = |xdg: &str| place(Some(xdg.into()), home()).unwrap();
        assert_eq!(found("/x"), PathBuf::from("/x/oml/config.toml"));
        for ignored in ["", "x"] {
            assert_eq!(found(ignored), PathBuf::from("/h/a/.config/oml/config.toml"));
        }
        assert_eq!(place(None, None), None);
    }
}
