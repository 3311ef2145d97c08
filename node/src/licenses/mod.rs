//! Seeds of licenses and universes, and where a license stands for its host.
//!
//! Nothing that spends a host's money or accepts a copy is automatic: activation, cancellation and
//! withdrawal are a person's decisions, for which `host_status` says what is possible.

mod decide;
mod service;

pub use service::LicenseService;
pub(crate) use service::wire;
