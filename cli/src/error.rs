//! Failures of commands: what the client fails with, and the exit codes of its kinds.

pub(crate) use oml_client::{FailureKind, HintExt};

/// A failure of our own, with a hint.
pub(crate) fn fail(
    message: impl Into<String>,
    hint: impl Into<String>,
    kind: FailureKind,
) -> eyre::Report {
    oml_client::fail(message, hint, kind).into()
}

/// The hint and the kind of the outermost explained failure in a report.
pub(crate) fn find(report: &eyre::Report) -> (Option<&str>, FailureKind) {
    oml_client::find(report.as_ref())
}

/// Exit code of a kind of failure; 2 is clap's for bad usage.
pub(crate) const fn exit_code(kind: FailureKind) -> u8 {
    match kind {
        FailureKind::Failed => 1,
        FailureKind::Signer => 4,
        FailureKind::Network => 5,
        FailureKind::Reverted => 6,
        FailureKind::Timeout => 7,
        FailureKind::NoMatch => 10,
        FailureKind::Inconclusive => 11,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_survives_further_context() {
        let report = fail("no keystore", "name one with --keystore", FailureKind::Signer)
            .wrap_err("could not sign");
        let (hint, kind) = find(&report);
        assert_eq!(hint, Some("name one with --keystore"));
        assert_eq!(exit_code(kind), 4);
    }

    #[test]
    fn an_error_without_a_hint_exits_with_one() {
        let report = eyre::eyre!("plain");
        let (hint, kind) = find(&report);
        assert_eq!((hint, exit_code(kind)), (None, 1));
    }
}
