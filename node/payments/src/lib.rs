//! Paying for requests to a licensed model.
//!
//! What payer and host exchange ([`SignedVoucher`], [`SignedReceipt`], [`PaymentRequired`]), what
//! it costs ([`Price`]), how a request is read as far as its payment depends on it
//! ([`MeteredRequest`]), the payer's way to a gateway ([`PayerSession`]), and receipts as evidence
//! ([`evidence`], [`copies`]). A program that pays needs this crate alone: no server, no database,
//! no node of a chain.

mod canonical;
mod channel;
pub mod copies;
mod count;
pub mod evidence;
mod log;
mod payer;
mod price;
mod request;
mod session;
pub mod sse;
mod wire;

pub use channel::PayerChannel;
pub use count::{ByteEstimate, TokenCounter};
pub use log::{EvidenceLog, LogEntry, LogError};
pub use payer::{PayerState, ReceiptProblem};
pub use price::Price;
pub use request::{MeteredRequest, RequestError, ServedPath, TokenLimits};
pub use session::{
    AnswerPart, Completion, KeysAnswer, OnPart, OnText, PayerError, PayerSession, ServingKeySource,
    SignatureAnswer, VoucherSigner,
};
pub use wire::{
    GatewayTerms, PaymentRequired, RECEIPT_EVENT, RECEIPT_HEADER, RequiredVoucher, SignedReceipt,
    SignedVoucher, VOUCHER_HEADER, WireError, decode, encode,
};
