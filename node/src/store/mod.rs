//! What survives a restart: one set of queries over two engines, SQLite (default) and PostgreSQL.

mod chain;
mod chain_write;
mod closes;
mod connect;
mod engine;
mod error;
mod intents;
mod jobs;
mod migrations;
mod paid;
mod rounds;
mod rows;
mod values;

pub use closes::SignedCloseRow;
pub use engine::Store;
pub use error::StoreError;
pub use paid::PaidRow;
pub use rows::{
    AttemptRow, BlockRef, ChainBatch, ChannelRow, DeploymentRow, EventRow, Fact, HandOutRow,
    IntentRow, IntentState, JobRow, JobState, LicenseRow, NewJob, OfferRow, ReceiptRow, RoundRow,
    SealOrderRow, SheetRow, UniverseRow, VoucherRow,
};
