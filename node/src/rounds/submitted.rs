//! What is said of a transaction that a round needs.

use crate::chain::Submitted;

/// Logs what became of it; one that every try failed for is counted, too.
pub(crate) fn report(submitted: &Submitted, what: &str) {
    match submitted {
        Submitted::Sent { key } => tracing::info!(key, "{what}: sent"),
        Submitted::UnderWay => tracing::debug!("{what}: under way"),
        Submitted::NotNow { reason } => tracing::debug!(reason, "{what}: would revert"),
        Submitted::GivenUp { reason } => {
            metrics::counter!("oml_round_given_up_total").increment(1);
            tracing::error!(reason, "{what}: every try failed; a person must look at it");
        }
    }
}
