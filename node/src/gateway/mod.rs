//! The metering gateway in front of an OpenAI-compatible upstream.
//!
//! request + voucher → [`admission::decide`] → receipt's number reserved → voucher stored →
//! upstream → metered → receipt signed and stored → answer with receipt. What fails before the
//! receipt is not charged: its voucher stays in the ledger without a receipt, and such vouchers are
//! never claimed.

mod admission;
mod answers;
mod channels;
mod meter;
mod pump;
mod routes;
mod server;
mod shared;
mod source;
#[cfg(test)]
mod tests;
mod upstream;
mod wiring;

pub(crate) use wiring::wire;
