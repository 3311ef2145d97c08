//! Seeds of licenses and universes, the delivery of copies, and where a license stands for its
//! host.
//!
//! Nothing that spends a host's money is automatic: rejection, cancellation and withdrawal are a
//! person's decisions, for which `host_status` says what is possible. So is the acceptance of a
//! copy, unless the host's configuration leaves it to the node (`host.receive.accept`).

mod copies;
mod decide;
mod delivery;
mod downloads;
mod error;
mod key_step;
mod receive;
mod service;
mod submit;
mod wiring;

pub use key_step::{Acceptance, CopyName, HostAnswer, KeyStep, key_step};
pub use service::LicenseService;
pub(crate) use wiring::wire;
