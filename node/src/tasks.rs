//! The one place that starts tasks: every task has a name, and a critical one that ends stops the node.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why the node stopped on its own: a critical task failed, panicked, or returned before it was told to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task `{task}` {reason}")]
pub struct TaskFailure {
    /// Name given to [`Tasks::spawn_critical`].
    pub task: String,
    /// What happened, in words.
    pub reason: String,
}

/// Starts, names, cancels and waits for tasks. Clones share one set of tasks.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    cancel: CancellationToken,
    failure: Arc<Mutex<Option<TaskFailure>>>,
}

impl Tasks {
    /// An empty set of tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The token that every task must watch; cancelled when the node stops.
    #[must_use]
    pub fn cancel_token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Asks all tasks to end.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Runs `future` until it ends. If it errs, panics or returns before the node was told to stop,
    /// the failure is recorded and the whole node is cancelled.
    pub fn spawn_critical<F, E>(&self, name: &'static str, future: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let running = self.spawn_named(future);
        let tasks = self.clone();
        self.spawn_named(async move {
            let reason = match running.await {
                Ok(Ok(())) if tasks.cancel.is_cancelled() => return,
                Ok(Ok(())) => "ended although nobody asked it to".to_owned(),
                Ok(Err(error)) => format!("failed: {error}"),
                Err(error) if error.is_panic() => format!("panicked: {error}"),
                Err(_) => return,
            };
            tasks.fail(name, reason);
        });
    }

    /// Runs `future` on its own; the caller gets the handle, and its end does not stop the node.
    /// For work that belongs to one request, such as pumping an upstream's answer.
    pub fn spawn_detached<F>(&self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tracing::trace!(task = name, "task started");
        self.spawn_named(future)
    }

    /// Runs blocking or CPU-bound work on the blocking pool.
    pub fn spawn_blocking<F, R>(&self, name: &'static str, work: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        tracing::trace!(task = name, "blocking work started");
        self.tracker.spawn_blocking(work)
    }

    /// Waits until the node is cancelled, by a caller or by the failure of a critical task.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// The first failure of a critical task, if there was one.
    #[must_use]
    pub fn failure(&self) -> Option<TaskFailure> {
        self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Cancels and waits until every task ended, at most `timeout`. Returns how many were left.
    pub async fn shutdown(&self, timeout: Duration) -> usize {
        self.cancel.cancel();
        self.tracker.close();
        if tokio::time::timeout(timeout, self.tracker.wait()).await.is_err() {
            tracing::warn!(left = self.tracker.len(), "tasks did not end in time");
        }
        self.tracker.len()
    }

    fn fail(&self, name: &str, reason: String) {
        tracing::error!(task = name, reason, "a critical task ended; the node stops");
        let mut slot = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        slot.get_or_insert_with(|| TaskFailure { task: name.to_owned(), reason });
        drop(slot);
        self.cancel.cancel();
    }

    fn spawn_named<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(future)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_critical_task_cancels_the_others_and_is_named() {
        let tasks = Tasks::new();
        let cancel = tasks.cancel_token();
        tasks.spawn_critical("waits", async move {
            cancel.cancelled().await;
            Ok::<_, String>(())
        });
        tasks.spawn_critical("breaks", async { Err::<(), _>("no disk") });
        tokio::time::timeout(Duration::from_secs(5), tasks.cancelled()).await.unwrap();
        assert_eq!(tasks.shutdown(Duration::from_secs(5)).await, 0);
        let failure = tasks.failure().unwrap();
        assert_eq!(failure.to_string(), "the task `breaks` failed: no disk");
    }

    #[tokio::test]
    async fn a_panic_stops_the_node() {
        let tasks = Tasks::new();
        tasks.spawn_critical::<_, String>("panics", async { panic!("boom") });
        tokio::time::timeout(Duration::from_secs(5), tasks.cancelled()).await.unwrap();
        assert!(tasks.failure().unwrap().reason.starts_with("panicked"));
    }

    #[tokio::test]
    async fn an_orderly_end_is_no_failure() {
        let tasks = Tasks::new();
        let cancel = tasks.cancel_token();
        tasks.spawn_critical("waits", async move {
            cancel.cancelled().await;
            Ok::<_, String>(())
        });
        assert_eq!(tasks.shutdown(Duration::from_secs(5)).await, 0);
        assert_eq!(tasks.failure(), None);
    }
}
