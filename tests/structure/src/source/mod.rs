//! What one Rust file says, reduced to plain data before any name is resolved.
//!
//! Code that exists only under `cfg(test)` is removed first, so nothing below this module has to
//! think about it.

mod condition;
mod facts;
mod imports;
mod measure;
mod mentions;
mod names;
mod read;
mod strip;
mod text;

pub(crate) use facts::{
    Binding, Body, Child, FunctionMeasure, Import, Item, Kind, SourceFile, Visibility, WrittenPath,
};
pub(crate) use read::read_source;
