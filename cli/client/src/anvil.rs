//! Where the program of a local chain is.

use crate::error::{FailureKind, Result, fail};
use std::path::{Path, PathBuf};

/// Finds anvil: `OML_ANVIL`, the checkout's own, or the PATH.
///
/// # Errors
/// It is nowhere.
pub fn find_anvil() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("OML_ANVIL") {
        return Ok(path.into());
    }
    let in_checkout = |base: &Path| base.join("contracts/tooling/bin/anvil");
    let exe = std::env::current_exe()?;
    let candidates =
        std::env::current_dir().into_iter().chain(exe.ancestors().map(Path::to_path_buf));
    if let Some(found) = candidates.map(|base| in_checkout(&base)).find(|p| p.is_file()) {
        return Ok(found);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join("anvil")).find(|p| p.is_file());
    found.ok_or_else(|| {
        fail(
            "anvil, the local chain, was not found",
            "run ./scripts/setup.sh in the checkout, or set OML_ANVIL to its path",
            FailureKind::Failed,
        )
    })
}
