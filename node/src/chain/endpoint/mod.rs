//! What endpoints of a chain differ in: what they lack, what they refuse, and how they say so.
//!
//! The node and the command line ask through these functions, so that both get along with an
//! endpoint that has no pending block, no fee history, or headers with fields left out.

mod failure;
mod fees;
mod filler;
mod header;
mod newest;

pub use failure::EndpointFailure;
pub(crate) use fees::{FeesPerGas, estimate_fees};
pub use filler::EndpointFiller;
pub(crate) use header::block_headers;
pub use header::{BlockHeader, block_header};
pub use newest::on_newest_state;
