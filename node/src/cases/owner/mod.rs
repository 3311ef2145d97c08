//! The owner's part in a case: questions and decoys, handed out sealed, and the leaves behind them.

mod acts;
mod decoys;
mod desk;
mod opening;
mod questions;
mod universe;
mod universe_file;

pub use acts::Universes;
pub(crate) use acts::{OwnerActs, OwnerError};
pub use decoys::make_decoys;
pub use desk::questions_router;
pub use universe::OpenableUniverse;
pub(crate) use universe_file::load as load_universe;
