//! A payer's way to a gateway: promise, ask, check the receipt, keep both.

mod answer;
mod error;
mod pay;
mod renegotiate;

pub use answer::OnText;
pub use error::PayerError;
pub use pay::{Completion, PayerSession};
