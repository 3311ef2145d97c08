//! The host redeems vouchers: newest vouchers → claim batch → split.
//!
//! When, and which, is a pure decision ([`decide`]); [`service`] sends what it decides.

mod decide;
mod service;

pub(crate) use service::wire;
