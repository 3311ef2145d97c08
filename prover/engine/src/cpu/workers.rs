//! Where work runs.

/// Runs work on a worker of the thread pool: a parallel loop that begins elsewhere puts its
/// thread to sleep and wakes another, which costs more than many of the loops of a training step.
pub(crate) fn on_a_worker<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::join(work, || ()).0
}
