//! What an action fails with: the failure in words, what to do about it, its kind, and its cause.

use alloy::sol_types::SolError;
use std::error::Error;

/// Any error as the cause of another.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Result of an action.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// What kind of failure it is; programs branch on this, never on the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The action failed; the message says why.
    Failed,
    /// There is no signer, or it refused.
    Signer,
    /// The chain or a server could not be reached.
    Network,
    /// The transaction reverts, or did.
    Reverted,
    /// It was not done in time; trying again may help.
    Timeout,
    /// A check ran and found no match.
    NoMatch,
    /// A check could not decide.
    Inconclusive,
}

/// A failed action.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A failure that this crate can explain.
    #[error("{message}")]
    Explained {
        /// What failed, in words for people.
        message: String,
        /// What to do about it; may be empty.
        hint: String,
        /// What kind of failure it is.
        kind: FailureKind,
        /// Selector of the contract's error, if a contract refused.
        revert: Option<[u8; 4]>,
        /// The cause, if there is one beyond the message.
        #[source]
        cause: Option<BoxError>,
    },
    /// A failure of which nothing is known but what was going on.
    #[error("{message}")]
    During {
        /// What was going on.
        message: String,
        /// What went wrong below.
        #[source]
        cause: BoxError,
    },
    /// Somebody else's error, which says itself what is wrong.
    #[error(transparent)]
    Other(BoxError),
}

impl ClientError {
    /// The refusal of a contract whose error has this `selector`.
    pub(crate) fn reverted(message: String, hint: &str, selector: Option<[u8; 4]>) -> Self {
        let (hint, kind) = (hint.to_owned(), FailureKind::Reverted);
        Self::Explained { message, hint, kind, revert: selector, cause: None }
    }

    /// Whether a contract refused with the error `E`.
    pub(crate) fn is_revert<E: SolError>(&self) -> bool {
        matches!(self, Self::Explained { revert: Some(selector), .. } if *selector == E::SELECTOR)
    }

    /// The hint and the kind of an explained failure.
    fn explanation(&self) -> Option<(Option<&str>, FailureKind)> {
        match self {
            Self::Explained { hint, kind, .. } => {
                Some(((!hint.is_empty()).then_some(hint.as_str()), *kind))
            }
            _ => None,
        }
    }

    /// The kind of the outermost explained failure in an error and its causes.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        find(self).1
    }

    /// With another hint, if the failure is explained: a caller may know more of what was done.
    #[must_use]
    pub(crate) fn with_hint(mut self, text: &str) -> Self {
        if let Self::Explained { hint, .. } = &mut self {
            text.clone_into(hint);
        }
        self
    }

    /// With more of a hint, after what is there.
    #[must_use]
    pub(crate) fn and_hint(self, more: &str) -> Self {
        let (hint, kind) = find(&self);
        let hint = match hint {
            Some(hint) => format!("{hint}; {more}"),
            None => more.to_owned(),
        };
        match self {
            Self::Explained { message, kind, revert, cause, .. } => {
                Self::Explained { message, hint, kind, revert, cause }
            }
            Self::During { message, cause } => {
                Self::Explained { message, hint, kind, revert: None, cause: Some(cause) }
            }
            Self::Other(cause) => Self::Explained {
                message: cause.to_string(),
                hint,
                kind,
                revert: None,
                cause: Some(cause),
            },
        }
    }
}

/// Says of a command that keeps where it is that it goes on where it was stopped.
pub(crate) fn resumable<T>(done: Result<T>) -> Result<T> {
    done.map_err(|error| match error.kind() {
        FailureKind::Timeout => error.and_hint("the same command goes on where this one stopped"),
        _ => error,
    })
}

/// The hint and kind of the outermost explained failure among `error` and its causes.
#[must_use]
pub fn find<'a>(error: &'a (dyn Error + 'static)) -> (Option<&'a str>, FailureKind) {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref().and_then(ClientError::explanation) {
            return found;
        }
        next = error.source();
    }
    (None, FailureKind::Failed)
}

/// A failure of our own, with a hint.
pub fn fail(message: impl Into<String>, hint: impl Into<String>, kind: FailureKind) -> ClientError {
    let (message, hint) = (message.into(), hint.into());
    ClientError::Explained { message, hint, kind, revert: None, cause: None }
}

/// Adds to somebody else's error what failed and what to do about it.
pub trait HintExt<T> {
    /// Wraps the error with `message`, a `hint` and the kind of failure.
    ///
    /// # Errors
    /// The error, explained.
    fn hint(
        self,
        message: impl Into<String>,
        hint: impl Into<String>,
        kind: FailureKind,
    ) -> Result<T>;

    /// Wraps the error with what was going on.
    ///
    /// # Errors
    /// The error as the cause of another.
    fn during(self, message: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<BoxError>> HintExt<T> for Result<T, E> {
    fn hint(
        self,
        message: impl Into<String>,
        hint: impl Into<String>,
        kind: FailureKind,
    ) -> Result<T> {
        self.map_err(|cause| ClientError::Explained {
            message: message.into(),
            hint: hint.into(),
            kind,
            revert: None,
            cause: Some(cause.into()),
        })
    }

    fn during(self, message: impl Into<String>) -> Result<T> {
        self.map_err(|cause| ClientError::During { message: message.into(), cause: cause.into() })
    }
}

/// Errors that say themselves what is wrong and need no words of ours.
macro_rules! passed_on {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for ClientError {
            fn from(error: $error) -> Self {
                Self::Other(error.into())
            }
        })*
    };
}

passed_on! {
    alloy::sol_types::Error,
    oml_contracts::AmountError,
    oml_contracts::eip712::SignatureError,
    oml_contracts::ids::NonceError,
    oml_contracts::evidence::EvidenceError,
    oml_contracts::rpc::ConvertError,
    oml_contracts::tree::TreeError,
    oml_payments::LogError,
    oml_prover::fingerprint::FingerprintError,
    oml_prover::fingerprint::UniverseError,
    serde_json::Error,
    std::io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_survives_further_context() {
        let error =
            Err::<(), _>(fail("no keystore", "name one with --keystore", FailureKind::Signer))
                .during("could not sign")
                .unwrap_err();
        assert_eq!(find(&error), (Some("name one with --keystore"), FailureKind::Signer));
        assert_eq!(error.to_string(), "could not sign");
    }

    #[test]
    fn a_hint_can_be_replaced() {
        let error = fail("refused", "nothing was sent", FailureKind::Reverted);
        let error = error.with_hint("one of two was sent");
        assert_eq!(find(&error), (Some("one of two was sent"), FailureKind::Reverted));
    }

    #[test]
    fn a_hint_can_grow() {
        let error = fail("refused", "wait", FailureKind::Reverted).and_hint("the approval stands");
        assert_eq!(find(&error), (Some("wait; the approval stands"), FailureKind::Reverted));
        let error = ClientError::Other("plain".into()).and_hint("look");
        assert_eq!((error.to_string().as_str(), find(&error).0), ("plain", Some("look")));
    }

    #[test]
    fn an_error_without_a_hint_has_no_kind_of_its_own() {
        let error = ClientError::Other("plain".into());
        assert_eq!(find(&error), (None, FailureKind::Failed));
        assert_eq!(error.to_string(), "plain");
    }
}
