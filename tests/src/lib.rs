//! Shared parts of the end-to-end tests: where the program and the models are.

use eyre::{Result, eyre};
use oml_cli::demo::Options;
use std::path::{Path, PathBuf};

/// Root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// The built `oml`, next to the test's own executable.
///
/// # Errors
/// It was not built.
pub fn oml() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let found = test.ancestors().map(|dir| dir.join("oml")).find(|path| path.is_file());
    found.ok_or_else(|| eyre!("build the program first: cargo build -p oml-cli"))
}

/// Options of a play that writes to `dir`.
#[must_use]
pub fn options(dir: &Path) -> Options {
    let models = root().join("prover/assets/models");
    Options {
        model: models.join("tiny").display().to_string(),
        other_model: models.join("tiny-b").display().to_string(),
        dir: Some(dir.to_owned()),
        ..Options::default()
    }
}
