//! The OML node.
//!
//! Follows the chain, stores what follows from it, and acts in the roles that are configured:
//! owner, prover, host. The core of each role is pure, `(state, input) → (state, effects)`; input
//! and output live at its edge.

mod api;
mod causes;
pub mod chain;
mod clock;
pub mod config;
mod context;
mod gateway;
pub mod inference;
pub mod jobs;
pub mod ledger;
pub mod licenses;
mod metrics;
mod node;
mod redeem;
pub mod rounds;
pub mod signing;
mod status;
pub mod store;
mod tasks;

pub use config::NodeConfig;
pub use context::{NodeContext, RoleError, RoleParts};
pub use node::{Node, NodeError};
pub use tasks::Tasks;
