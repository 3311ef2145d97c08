//! A local OpenAI endpoint that pays: any client in any language works by its base URL.
//!
//! Every request is promised a voucher within the budgets, sent to the gateway byte by byte, and
//! answered byte by byte; the receipt is checked and kept. Requests of one channel run one after
//! the other, as vouchers do.
//!
//! | file | what is in it |
//! |---|---|
//! | `guard.rs` | who may spend |
//! | `budget.rs` | how much the next request may promise |
//! | `journal.rs` | what was spent, on the disk before it is promised |
//! | `paying.rs` | one request: budget, journal, voucher, answer, receipt |
//! | `refusal.rs` | failures in the shape of OpenAI's API |
//! | `server.rs` | HTTP |

mod budget;
mod calendar;
mod guard;
mod journal;
mod paying;
mod refusal;
mod server;

pub use budget::SpendingLimits;
pub use journal::{SpentOutcome, SpentRequest, csv, journal_of, require_no_endpoint, spent};
pub use server::{PayingEndpoint, PayingOptions};

#[cfg(test)]
mod tests;
