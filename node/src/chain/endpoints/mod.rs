//! The endpoints of one chain: which of them is asked, how often, and what is wrong with the
//! others.
//!
//! Each endpoint has a health, a rate that was learnt from its refusals, and a range of log
//! queries of its own. Requests go to one of them until it fails, so that answers belong together;
//! `survey` asks all of them which chain they serve, and `judge` says who contradicts whom.

mod health;
mod judge;
mod one;
mod pool;
mod rate;
mod survey;
mod transport;

pub(crate) use one::{Endpoint, EndpointState};
pub(crate) use pool::Endpoints;
pub(crate) use survey::ChainIdentity;
