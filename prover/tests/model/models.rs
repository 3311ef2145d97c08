//! Models that the tests run on.

use std::path::PathBuf;

use oml_engine::{LoadOptions, Model};

/// Directory of the repository's own small model.
pub(crate) fn tiny_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny")
}

/// The repository's own small model.
pub(crate) fn tiny() -> Model {
    Model::load(&tiny_dir(), &LoadOptions::default()).expect("the repository's model loads")
}

/// A small model that others pretrained; `None` (and a note) where it is not installed.
pub(crate) fn stories() -> Option<Model> {
    let root = std::env::var_os("OML_SHARED_MODELS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/models"),
        PathBuf::from,
    );
    let dir = root.join("stories260K");
    if !dir.is_dir() {
        eprintln!("skipped: {} is not installed", dir.display());
        return None;
    }
    Some(Model::load(&dir, &LoadOptions::default()).expect("the installed model loads"))
}
