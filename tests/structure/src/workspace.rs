//! The packages of the workspace as Cargo knows them, and the files that git would commit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::error::StructureError;

/// A Cargo workspace that is checked.
#[derive(Debug)]
pub struct Workspace {
    /// The folder of its `Cargo.toml`.
    pub root: PathBuf,
    /// The packages that belong to it.
    pub packages: Vec<Package>,
    /// Every file that git tracks or would add, relative to the root.
    pub files: Vec<String>,
}

/// A member of the workspace.
#[derive(Debug, Clone, Deserialize)]
pub struct Package {
    /// Its name in `Cargo.toml`.
    pub name: String,
    /// What it depends on, with the kind of each dependency.
    pub dependencies: Vec<Dependency>,
    /// What it builds.
    pub targets: Vec<Target>,
    /// Its `Cargo.toml`, as an absolute path.
    manifest_path: PathBuf,
}

/// A dependency as a manifest declares it.
#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    /// The package that is depended upon.
    pub name: String,
    /// The name that the manifest gives it, if it is another one.
    pub rename: Option<String>,
    /// `dev` or `build`; none for a normal dependency.
    pub kind: Option<String>,
}

/// Something that a package builds.
#[derive(Debug, Clone, Deserialize)]
pub struct Target {
    /// Its name; for a library, the name that other crates write.
    pub name: String,
    /// Kinds such as `lib`, `bin`, `test`, `example` and `custom-build`.
    pub kind: Vec<String>,
    /// The file of its root module, as an absolute path.
    src_path: PathBuf,
}

/// What a target is for, which decides which rules it has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetUse {
    /// A library that other crates name.
    Library,
    /// A program or build script.
    Program,
    /// An integration test, example or benchmark.
    Trial,
}

impl Workspace {
    /// Asks cargo and git about the workspace at `root`.
    ///
    /// # Errors
    /// If one of them cannot be started, fails, or answers something else than documented.
    pub fn read(root: &Path) -> Result<Self, StructureError> {
        #[derive(Deserialize)]
        struct Metadata {
            packages: Vec<Package>,
        }
        let root = root
            .canonicalize()
            .map_err(|source| StructureError::Read { file: root.to_owned(), source })?;
        let mut command = Command::new("cargo");
        command.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
        let answer = output_of("cargo", command.current_dir(&root))?;
        let metadata: Metadata = serde_json::from_str(&answer)?;
        let mut command = Command::new("git");
        command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = output_of("git", command.current_dir(&root))?;
        // A set, because git names a file in conflict several times.
        let files: BTreeSet<String> = listed
            .split('\0')
            .filter(|file| !file.is_empty() && root.join(file).is_file())
            .map(str::to_owned)
            .collect();
        let files = files.into_iter().collect();
        Ok(Self { root, packages: metadata.packages, files })
    }

    /// The text of a file.
    ///
    /// # Errors
    /// If it cannot be read as UTF-8.
    pub fn text_of(&self, file: &str) -> Result<String, StructureError> {
        std::fs::read_to_string(self.root.join(file))
            .map_err(|source| StructureError::Read { file: PathBuf::from(file), source })
    }

    /// The member of this name.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The manifest of a member, relative to the root.
    #[must_use]
    pub fn manifest_of(&self, package: &Package) -> String {
        self.relative(&package.manifest_path)
    }

    /// The folder of a member, relative to the root and with a slash at its end.
    #[must_use]
    pub fn folder_of(&self, package: &Package) -> String {
        let manifest = self.manifest_of(package);
        manifest.trim_end_matches("Cargo.toml").to_owned()
    }

    /// The root file of a target, relative to the root of the workspace.
    #[must_use]
    pub fn root_file_of(&self, target: &Target) -> String {
        self.relative(&target.src_path)
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().replace('\\', "/")
    }
}

impl Package {
    /// The library of the package, if it has one.
    #[must_use]
    pub fn library(&self) -> Option<&Target> {
        self.targets.iter().find(|target| target.purpose() == TargetUse::Library)
    }
}

impl Target {
    /// What the target is for.
    #[must_use]
    pub fn purpose(&self) -> TargetUse {
        let is = |kind: &str| self.kind.iter().any(|own| own == kind);
        if is("lib") || is("rlib") || is("proc-macro") {
            TargetUse::Library
        } else if is("bin") || is("custom-build") {
            TargetUse::Program
        } else {
            TargetUse::Trial
        }
    }
}

/// The packages of the whole normal dependency tree of one member, built alone.
///
/// `cargo metadata` would join the features that all members ask for, so a package could seem to
/// need what only another one does; `cargo tree` resolves the features of this package only.
///
/// # Errors
/// If cargo cannot be started or fails.
pub(crate) fn normal_tree(root: &Path, package: &str) -> Result<BTreeSet<String>, StructureError> {
    let mut command = Command::new("cargo");
    command.args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    command.args(["--package", package]);
    let listed = output_of("cargo", command.current_dir(root))?;
    Ok(listed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

fn output_of(program: &'static str, command: &mut Command) -> Result<String, StructureError> {
    let output = command.output().map_err(|source| StructureError::Start { program, source })?;
    if !output.status.success() {
        return Err(StructureError::Failed {
            command: format!("{command:?}"),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
