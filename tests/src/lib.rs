//! Shared parts of the end-to-end tests: where the program and the models are.

use eyre::{Result, eyre};
use oml_client::Progress;
use oml_demo::DemoOptions;
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
///
/// # Errors
/// The program was not built.
pub fn options(dir: &Path) -> Result<DemoOptions> {
    let models = root().join("prover/assets/models");
    Ok(DemoOptions {
        model: models.join("tiny").display().to_string(),
        other_model: models.join("tiny-b").display().to_string(),
        dir: Some(dir.to_owned()),
        ..DemoOptions::new(oml()?)
    })
}

/// Says on stderr what a play does, where a failed test shows it.
#[derive(Clone, Copy, Debug)]
pub struct Told;

impl Progress for Told {
    #[expect(clippy::print_stderr, reason = "tests have no other output")]
    fn say(&self, line: &str) {
        eprintln!("{line}");
    }
}
