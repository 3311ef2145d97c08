//! What survives a restart: one set of queries over two engines, SQLite (default) and PostgreSQL.

mod cases;
mod chain;
mod chain_write;
mod closes;
mod connect;
mod engine;
mod error;
mod intents;
mod jobs;
mod migrations;
mod money;
mod paid;
mod rows;

pub use closes::SignedCloseRow;
pub use engine::Store;
pub use error::StoreError;
pub use paid::PaidRow;
pub use rows::{
    AttemptRow, BlockRef, CaseRow, CaseScope, CaseSecret, ChainBatch, ChannelRow, DeploymentRow,
    EventRow, Fact, IntentRow, IntentState, JobRow, JobState, LicenseRow, NewJob, OfferRow,
    PutVoucher, ReceiptRow, UniverseRow, VoucherRow,
};
