//! Small workspaces on disk for the tests.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use oml_structure::{Breach, Survey, breaches};
use tempfile::TempDir;

/// A workspace that a test fills with files.
pub(crate) struct Fixture {
    folder: TempDir,
    members: Vec<String>,
    rules: String,
}

impl Fixture {
    /// An empty workspace without rules, beside which a package `alloy` lies.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let fixture = Self { folder, members: Vec::new(), rules: String::new() };
        fixture.package_file("vendor/alloy", "alloy", "").file("vendor/alloy/src/lib.rs", "")
    }

    /// Adds a member whose dependencies are lines of a manifest, and its entry in the rules.
    pub(crate) fn member(mut self, name: &str, manifest: &str, rule: &str) -> Self {
        self.members.push(name.to_owned());
        let _ = write!(self.rules, "[[crate]]\nname = {name:?}\nfolder = {name:?}\n{rule}\n");
        self.package_file(name, name, manifest).file(&format!("{name}/src/lib.rs"), "")
    }

    /// Adds a member that depends on `alloy` and on nothing else.
    pub(crate) fn with_alloy(self, name: &str) -> Self {
        self.member(name, "[dependencies]\nalloy = { path = \"../vendor/alloy\" }", "")
    }

    /// Forbids to name keys of `alloy` outside of the folder `keys`.
    pub(crate) fn forbidding_keys(self) -> Self {
        self.rules(
            "[[import]]\nwhat = \"a key\"\npaths = [\"alloy::signers::local\"]\n\
             only_in = [\"app/src/keys\"]\ninstead = \"ask keys\"\n",
        )
    }

    /// Adds lines to the file of the rules.
    pub(crate) fn rules(mut self, lines: &str) -> Self {
        self.rules.push_str(lines);
        self.rules.push('\n');
        self
    }

    /// Adds a line before all tables of the file of the rules.
    pub(crate) fn rule_first(mut self, line: &str) -> Self {
        self.rules.insert_str(0, &format!("{line}\n"));
        self
    }

    /// Writes a file.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    /// Every breach of one rule.
    pub(crate) fn breaches_of(&self, rule: &str) -> Vec<Breach> {
        let members = "[workspace]\nresolver = \"3\"\nexclude = [\"vendor\"]\n".to_string();
        self.write("Cargo.toml", &format!("{members}members = {:?}\n", self.members));
        self.write("rules.toml", &self.rules);
        let root = self.folder.path();
        let made = Command::new("git").args(["init", "--quiet"]).current_dir(root).status();
        assert!(made.unwrap().success());
        let survey = Survey::read(root, &root.join("rules.toml")).unwrap();
        let mut found = breaches(&survey).unwrap();
        found.retain(|breach| breach.rule == rule);
        found
    }

    /// The one breach of a rule, as it is shown.
    pub(crate) fn breach_of(&self, rule: &str) -> String {
        let found = self.breaches_of(rule);
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].to_string()
    }

    fn package_file(self, folder: &str, name: &str, manifest: &str) -> Self {
        let text = format!(
            "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n{manifest}\n"
        );
        self.file(&format!("{folder}/Cargo.toml"), &text)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Asserts that a message names what a reader needs to find the place and to mend it.
pub(crate) fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in:\n{message}");
    }
}
