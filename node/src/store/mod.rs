//! What survives a restart: one set of queries over two engines, SQLite (default) and PostgreSQL.

mod cases;
mod chain;
mod engine;
mod error;
mod intents;
mod jobs;
mod money;
mod rows;

pub use engine::Store;
pub use error::StoreError;
pub use rows::{
    AttemptRow, BlockRef, CaseRow, CaseSecret, ChannelRow, DeploymentRow, EventRow, IntentRow, IntentState,
    JobRow, JobState, LicenseRow, NewJob, OfferRow, ReceiptRow, UniverseRow, VoucherRow,
};
