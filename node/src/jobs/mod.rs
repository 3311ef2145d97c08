//! Durable work: leased by one worker at a time, retried with growing pauses, never lost in a
//! crash.

mod handler;
mod worker;

pub use handler::{JobError, JobHandler};
pub use worker::{JobWorker, backoff};
