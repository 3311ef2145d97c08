//! The one place that starts tasks and threads: each has a name and is waited for when the node
//! stops, and a critical one that ends stops the node.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why the node stopped on its own: a critical task failed, panicked, or returned before it was
/// told to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task `{task}` {ending}")]
pub struct TaskFailure {
    /// Name given to [`Tasks::spawn_critical`].
    pub task: String,
    /// How it ended, in words.
    pub ending: String,
}

/// How a critical task may end: with nothing to say, or with an error that stops the node.
pub trait TaskEnd: Send + 'static {
    /// What went wrong, in words.
    fn failure(self) -> Option<String>;
}

impl TaskEnd for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: std::fmt::Display + Send + 'static> TaskEnd for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
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

    /// A set of tasks of its own that is told to stop when `cancel` is, for a part of the node with
    /// an end of its own. Its failures do not reach `cancel`.
    pub(crate) fn under(cancel: &CancellationToken) -> Self {
        Self { cancel: cancel.child_token(), ..Self::default() }
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
    pub fn spawn_critical<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output: TaskEnd> + Send + 'static,
    {
        let running = self.spawn_detached(name, future);
        let tasks = self.clone();
        self.spawn_detached(name, async move {
            let reason = match running.await.map(TaskEnd::failure) {
                Ok(None) if tasks.cancel.is_cancelled() => return,
                Ok(None) => "ended although nobody asked it to".to_owned(),
                Ok(Some(error)) => format!("failed: {error}"),
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
        self.tracker.spawn(future)
    }

    /// Tasks that end with their owner: the connections of a listener, the jobs of a worker.
    pub(crate) fn group<T: Send + 'static>(&self, name: &'static str) -> TaskGroup<T> {
        TaskGroup { name, tracker: self.tracker.clone(), running: JoinSet::new() }
    }

    /// Runs work that keeps a processor busy for as long as the node runs on a thread of its own.
    /// Its end is no failure, a panic is.
    ///
    /// # Errors
    /// The system's, if it starts no more threads.
    pub(crate) fn spawn_thread<F>(&self, name: &'static str, work: F) -> std::io::Result<()>
    where
        F: FnOnce() + Send + 'static,
    {
        let (tasks, running) = (self.clone(), self.tracker.token());
        let thread = move || {
            let _running = running;
            // What the work held is dropped with it, so nobody sees it half changed.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                tasks.fail(name, format!("panicked: {}", panic_text(panic.as_ref())));
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(thread).map(drop)
    }

    /// Runs a future on a thread of its own, because it keeps a processor or a disk busy between
    /// two waits. It must end by itself when the node stops.
    ///
    /// # Errors
    /// The system's, if it starts no more threads.
    pub(crate) fn spawn_busy<F>(&self, name: &'static str, future: F) -> std::io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Handle::current();
        self.spawn_thread(name, move || runtime.block_on(future))
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

    fn fail(&self, name: &str, ending: String) {
        tracing::error!(task = name, ending, "a critical task ended; the node stops");
        let mut slot = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        slot.get_or_insert_with(|| TaskFailure { task: name.to_owned(), ending });
        drop(slot);
        self.cancel.cancel();
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

/// Tasks of one owner. Dropping the group stops those that still run.
#[derive(Debug)]
pub(crate) struct TaskGroup<T> {
    name: &'static str,
    tracker: TaskTracker,
    running: JoinSet<T>,
}

impl<T: Send + 'static> TaskGroup<T> {
    /// Starts one more.
    pub(crate) fn spawn(&mut self, future: impl Future<Output = T> + Send + 'static) {
        tracing::trace!(task = self.name, "task started");
        self.running.spawn(self.tracker.track_future(future));
    }

    /// How many run, or have ended without being asked for.
    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    /// Waits for the next that ends; `None` if none runs.
    pub(crate) async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.running.join_next().await
    }

    /// Forgets those that have ended.
    pub(crate) fn reap(&mut self) {
        while self.running.try_join_next().is_some() {}
    }

    /// Stops all and waits until they have.
    pub(crate) async fn stop(mut self) {
        self.running.shutdown().await;
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
        tasks.spawn_critical("panics", async {
            if true {
                panic!("boom");
            }
        });
        tokio::time::timeout(Duration::from_secs(5), tasks.cancelled()).await.unwrap();
        assert!(tasks.failure().unwrap().ending.starts_with("panicked"));
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

    #[tokio::test]
    async fn the_panic_of_a_thread_stops_the_node_and_its_end_is_awaited() {
        let tasks = Tasks::new();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        tasks.spawn_thread("works", move || assert!(wait.recv().is_err())).unwrap();
        assert_eq!(tasks.shutdown(Duration::from_millis(50)).await, 1);
        drop(go);
        assert_eq!(tasks.shutdown(Duration::from_secs(5)).await, 0);
        assert_eq!(tasks.failure(), None);
        tasks.spawn_thread("panics", || panic!("no memory")).unwrap();
        tasks.shutdown(Duration::from_secs(5)).await;
        let failure = tasks.failure().unwrap();
        assert_eq!(failure.to_string(), "the task `panics` panicked: no memory");
    }

    #[tokio::test]
    async fn a_busy_future_has_a_thread_of_its_own_and_is_awaited() {
        let tasks = Tasks::new();
        let (done, ended) = tokio::sync::oneshot::channel();
        let here = std::thread::current().id();
        let busy = async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            done.send(std::thread::current().id()).unwrap();
        };
        tasks.spawn_busy("reads", busy).unwrap();
        assert_ne!(ended.await.unwrap(), here);
        assert_eq!(tasks.shutdown(Duration::from_secs(5)).await, 0);
    }

    #[tokio::test]
    async fn a_group_stops_what_it_still_runs() {
        let tasks = Tasks::new();
        let mut group = tasks.group("waits");
        group.spawn(std::future::pending::<()>());
        group.spawn(async {});
        assert!(group.join_next().await.unwrap().is_ok());
        assert_eq!(group.len(), 1);
        group.stop().await;
        assert_eq!(tasks.shutdown(Duration::from_secs(5)).await, 0);
    }
}
