//! Errors as one line.

use std::error::Error;

/// An error and what caused it: the outermost text alone says "can't access the file".
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
