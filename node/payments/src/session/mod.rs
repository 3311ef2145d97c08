//! A payer's way to a gateway: promise, ask, check the receipt, keep both.

mod answer;
mod error;
mod keys;
mod pay;
mod renegotiate;
mod signer;

pub use answer::{AnswerPart, OnPart, OnText};
pub use error::PayerError;
pub use keys::{KeysAnswer, ServingKeySource};
pub use pay::{Completion, PayerSession};
pub use signer::{SignatureAnswer, VoucherSigner};
