//! The module trees of all targets, built by following `mod` declarations as the compiler does.

mod graph;
mod house;
mod load;
mod resolve;

pub(crate) use graph::{Circle, circles_of, uses_of};
pub(crate) use house::{House, Module, ModuleId, Sources};
pub(crate) use load::load;
pub(crate) use resolve::Meaning;
