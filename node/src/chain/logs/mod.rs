//! Logs of the contracts, and the proof that an endpoint has left none out.
//!
//! The header of a block has a filter over the addresses and topics of all its logs. What `bloom`
//! finds in it and not in the answer is looked for in the block's receipts.

mod bloom;
mod reader;
mod receipts;

pub(super) use bloom::WatchedContract;
pub(super) use reader::LogReader;
