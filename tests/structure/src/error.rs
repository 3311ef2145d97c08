//! Why the checker could not do its work; what it finds is a [`crate::Breach`] instead.

use std::path::PathBuf;

/// The workspace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StructureError {
    /// A file could not be read.
    #[error("{file} cannot be read")]
    Read {
        /// The file, relative to the root of the workspace where it lies in it.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A program that the checker asks, cargo or git, could not be started.
    #[error("{program} cannot be started")]
    Start {
        /// The name of the program.
        program: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A program that the checker asks ended with an error.
    #[error("{command} failed: {said}")]
    Failed {
        /// The program with its arguments.
        command: String,
        /// What it wrote to its standard error.
        said: String,
    },
    /// The answer of `cargo metadata` has another shape than documented.
    #[error("the answer of cargo metadata cannot be read")]
    Metadata(#[from] serde_json::Error),
    /// The file of the rules is not valid.
    #[error("{file} is not a valid file of rules")]
    Rules {
        /// The file of the rules.
        file: PathBuf,
        /// What is wrong with it, with its line.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A Rust file that a target uses does not parse.
    #[error("{file}:{line} is not Rust")]
    Parse {
        /// The file, relative to the root of the workspace.
        file: String,
        /// The line at which the parser gave up.
        line: usize,
        /// What the parser said.
        #[source]
        source: syn::Error,
    },
}
