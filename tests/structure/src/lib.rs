//! Holds the structure of this repository, reading Rust as the compiler does.
//!
//! [`Survey::read`] parses the workspace once; [`breaches`] lists every breach of the rules
//! in `layers.toml`. The functions in [`report`] give the figures behind them.

mod breach;
mod check;
mod error;
mod modules;
pub mod report;
mod rules;
mod source;
mod survey;
mod workspace;

pub use breach::Breach;
pub use check::breaches;
pub use error::StructureError;
pub use survey::Survey;
