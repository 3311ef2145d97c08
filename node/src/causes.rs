//! Errors as one line.

use std::error::Error;

/// An error and what caused it: the outermost text alone says "can't access the file".
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
