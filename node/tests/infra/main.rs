//! Store, follower, sender and the whole node against SQLite, PostgreSQL and a local chain.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

mod chain;
mod endpoint;
mod endpoints;
mod follower;
mod jobs;
mod node;
mod rounds;
mod sender;
mod several;
mod simulation;
mod store;
