//! Changes to the file of profiles, which leave comments and everything else as they are.

use super::file::{ProfileFile, shown};
use crate::error::{FailureKind, HintExt as _, fail};
use eyre::Result;
use oml_client::files;
use std::fs::File;
use std::path::{Path, PathBuf};
use toml_edit::{Array, DocumentMut, Item, Table, value};

/// Keys of a profile that `oml profile set` takes.
pub(crate) const KEYS: [&str; 13] = [
    "chain",
    "rpc_url",
    "addresses",
    "drand_endpoints",
    "account",
    "keystore",
    "signer",
    "password_file",
    "address",
    "role",
    "format",
    "tx_timeout",
    "gateway",
];

/// Keys that hold a path.
const PATHS: [&str; 3] = ["addresses", "keystore", "password_file"];

/// The file while it is changed. Another process that wants to change it waits.
pub(crate) struct EditedProfiles {
    path: PathBuf,
    document: DocumentMut,
    /// Held until the change is over.
    _lock: File,
}

impl EditedProfiles {
    /// Opens the file for a change, and makes its folder.
    ///
    /// # Errors
    /// It can't be read or locked, or is not right as it stands.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let lock = std::fs::create_dir_all(folder)
            .and_then(|()| File::create(path.with_extension("lock")))
            .and_then(|file| file.lock().map(|()| file));
        let lock = lock.hint(
            format!("{} could not be made ready for a change", folder.display()),
            "check the folder and its permissions",
            FailureKind::Failed,
        )?;
        ProfileFile::load(path)?;
        let text = if path.exists() { std::fs::read_to_string(path)? } else { String::new() };
        let document = text.parse().hint(
            format!("{} is not TOML", path.display()),
            "correct it; docs/cli.md shows one under Profiles",
            FailureKind::Failed,
        )?;
        Ok(Self { path: path.to_owned(), document, _lock: lock })
    }

    /// A new profile or chain with these values.
    ///
    /// # Errors
    /// There is one of that name, or the name can't be typed.
    pub(crate) fn add(&mut self, kind: &str, name: &str, keys: &[(&str, String)]) -> Result<()> {
        require_name(kind, name)?;
        let path = self.path.display().to_string();
        let table = self.tables(kind)?;
        if table.contains_key(name) {
            return Err(fail(
                format!("{path} has a {kind} {name:?} already"),
                "it is never written over; choose another name, or change it in the file",
                FailureKind::Failed,
            ));
        }
        let mut entry = Table::new();
        for (key, text) in keys {
            entry.insert(key, item(key, text)?);
        }
        table.insert(name, Item::Table(entry));
        Ok(())
    }

    /// Sets a key of a profile, or without a value takes it away.
    ///
    /// # Errors
    /// No such profile, no such key, or a value that can't be read.
    pub(crate) fn set(&mut self, name: &str, key: &str, text: Option<&str>) -> Result<()> {
        if !KEYS.contains(&key) {
            return Err(fail(
                format!("{key:?} is no key of a profile"),
                format!("keys are: {}", KEYS.join(", ")),
                FailureKind::Failed,
            ));
        }
        let entry = self.profile(name)?;
        match text {
            Some(text) => entry.insert(key, item(key, text)?),
            None => entry.remove(key),
        };
        Ok(())
    }

    /// Makes a profile the one that is used.
    ///
    /// # Errors
    /// No such profile.
    pub(crate) fn choose(&mut self, name: &str) -> Result<()> {
        self.profile(name)?;
        self.document.insert("current", value(name));
        Ok(())
    }

    /// Whether no profile is the one that is used.
    pub(crate) fn has_no_current(&self) -> bool {
        !self.document.contains_key("current")
    }

    /// Writes the file whole, if it is right after the change.
    ///
    /// # Errors
    /// It would not be right; then it stays as it was. Or it can't be written.
    pub(crate) fn save(self) -> Result<()> {
        let text = self.document.to_string();
        ProfileFile::parse(&text, &self.path).map_err(|error| {
            let hint = crate::error::find(&error).0.unwrap_or_default().to_owned();
            fail(format!("nothing was changed: {error}"), hint, FailureKind::Failed)
        })?;
        Ok(files::write(&self.path, text.as_bytes())?)
    }

    fn profile(&mut self, name: &str) -> Result<&mut Table> {
        let path = self.path.display().to_string();
        let table = self.tables("profile")?;
        let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
        let entry = table.get_mut(name).and_then(Item::as_table_mut);
        entry.ok_or_else(|| {
            fail(
                format!("there is no profile {name:?} in {path}"),
                format!("profiles are: {}; `oml profile add` makes one", shown(names.iter())),
                FailureKind::Failed,
            )
        })
    }

    /// The table of all profiles, or of all chains.
    fn tables(&mut self, kind: &str) -> Result<&mut Table> {
        let fresh = || {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        };
        let path = self.path.display().to_string();
        self.document.entry(kind).or_insert_with(fresh).as_table_mut().ok_or_else(|| {
            fail(
                format!("{path} has its {kind}s on one line, which this command can't change"),
                format!("write them as tables, [{kind}.NAME]"),
                FailureKind::Failed,
            )
        })
    }
}

/// A typed value as TOML; paths become independent of the working directory.
fn item(key: &str, text: &str) -> Result<Item> {
    if key == "tx_timeout" {
        let seconds: i64 = text.parse().hint(
            format!("{text:?} is not a number of seconds"),
            "give a whole number",
            FailureKind::Failed,
        )?;
        return Ok(value(seconds));
    }
    if key == "drand_endpoints" {
        return Ok(value(text.split(',').filter(|url| !url.is_empty()).collect::<Array>()));
    }
    if PATHS.contains(&key) && !text.starts_with("~/") {
        let path = std::path::absolute(text).hint(
            format!("{text:?} is not a path"),
            "name a file",
            FailureKind::Failed,
        )?;
        return Ok(value(path.display().to_string()));
    }
    Ok(value(text))
}

/// Names stand in commands and as keys of the file.
fn require_name(kind: &str, name: &str) -> Result<()> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_fit) {
        return Ok(());
    }
    Err(fail(
        format!("{name:?} is no name for a {kind}"),
        "use letters, digits, - and _",
        FailureKind::Failed,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_order_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("oml/config.toml");
        let mut file = EditedProfiles::open(&path).unwrap();
        file.add("profile", "me", &[("account", "a".to_owned())]).unwrap();
        file.choose("me").unwrap();
        file.save().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("# mine\n{text}# end\n")).unwrap();

        let mut file = EditedProfiles::open(&path).unwrap();
        file.set("me", "tx_timeout", Some("9")).unwrap();
        file.set("me", "account", None).unwrap();
        file.save().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\ncurrent = \"me\"\n"), "{text}");
        assert!(
            text.contains("[profile.me]\ntx_timeout = 9\n") && text.contains("# end"),
            "{text}"
        );
    }

    #[test]
    fn a_change_that_would_break_the_file_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "[profile.me]\nrole = \"host\"\n").unwrap();
        let before = std::fs::read(&path).unwrap();
        let mut file = EditedProfiles::open(&path).unwrap();
        file.set("me", "role", Some("boss")).unwrap();
        let error = file.save().unwrap_err().to_string();
        assert!(error.contains("nothing was changed") && error.contains("`boss`"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);

        let mut file = EditedProfiles::open(&path).unwrap();
        assert!(file.set("me", "rpc", Some("x")).is_err());
        assert!(file.set("you", "role", Some("host")).is_err());
        assert!(file.add("profile", "me", &[]).is_err());
        assert!(file.add("profile", "a b", &[]).is_err());
    }
}
