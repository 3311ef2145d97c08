//! Exit codes and hints carried by the one error chain of the CLI.

use std::fmt;

/// Exit codes; 2 is clap's for bad usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The command failed.
    Failed = 1,
    /// No signer, or it refused.
    Signer = 4,
    /// The chain or a server could not be reached.
    Network = 5,
    /// The transaction reverts, or did.
    Reverted = 6,
    /// Not done in time; trying again may help.
    Timeout = 7,
    /// A check ran and found no match.
    NoMatch = 10,
    /// A check could not decide.
    Inconclusive = 11,
}

/// What failed, what to do about it, and the exit code. Wrapped around the cause with
/// [`HintExt::hint`], found again by [`find`].
#[derive(Debug)]
pub(crate) struct Hinted {
    message: String,
    hint: String,
    exit: Exit,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Hinted {}

/// A failure of our own, with a hint.
pub(crate) fn fail(
    message: impl Into<String>,
    hint: impl Into<String>,
    exit: Exit,
) -> eyre::Report {
    eyre::Report::new(Hinted { message: message.into(), hint: hint.into(), exit })
}

/// Adds what failed and a hint to somebody else's error.
pub(crate) trait HintExt<T> {
    /// Wraps the error with `message`, a `hint` and the exit code.
    fn hint(
        self,
        message: impl Into<String>,
        hint: impl Into<String>,
        exit: Exit,
    ) -> eyre::Result<T>;
}

impl<T, E: Into<eyre::Report>> HintExt<T> for Result<T, E> {
    fn hint(
        self,
        message: impl Into<String>,
        hint: impl Into<String>,
        exit: Exit,
    ) -> eyre::Result<T> {
        self.map_err(|e| {
            e.into().wrap_err(Hinted { message: message.into(), hint: hint.into(), exit })
        })
    }
}

/// Puts another hint in the place of the outermost one: a caller may know more of what was done.
pub(crate) fn replace_hint(report: &mut eyre::Report, hint: &str) {
    if let Some(hinted) = report.downcast_mut::<Hinted>() {
        hint.clone_into(&mut hinted.hint);
    }
}

/// The outermost hint and exit code of an error chain.
pub(crate) fn find(report: &eyre::Report) -> (Option<&str>, Exit) {
    report
        .downcast_ref::<Hinted>()
        .map_or((None, Exit::Failed), |h| ((!h.hint.is_empty()).then_some(h.hint.as_str()), h.exit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_survives_further_context() {
        let report = fail("no keystore", "name one with --keystore", Exit::Signer)
            .wrap_err("could not sign");
        let (hint, exit) = find(&report);
        assert_eq!(hint, Some("name one with --keystore"));
        assert_eq!(exit, Exit::Signer);
    }

    #[test]
    fn a_hint_can_be_replaced() {
        let mut report = fail("refused", "nothing was sent", Exit::Reverted).wrap_err("proof");
        replace_hint(&mut report, "one of two was sent");
        assert_eq!(find(&report), (Some("one of two was sent"), Exit::Reverted));
    }

    #[test]
    fn an_error_without_a_hint_exits_with_one() {
        assert_eq!(find(&eyre::eyre!("plain")), (None, Exit::Failed));
    }
}
