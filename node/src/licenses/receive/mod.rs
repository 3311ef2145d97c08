//! A host's node receives the copies that its account has bought: it fetches, checks, accepts,
//! waits for the key and opens, as `oml license receive` does by hand.
//!
//! `step` decides (pure), `work` fetches and opens on threads of its own, `service` does at every
//! head what is due, `report` says how far each copy is. What is done follows from the chain at the
//! head, from the files that are here and from one word in the store: the copy that was accepted
//! first, which is written before its transaction and never changes.

mod keys;
mod report;
mod service;
mod step;
mod work;

pub(super) use report::CopyReports;
pub(super) use service::ReceiveService;
