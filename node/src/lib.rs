//! The OML node.
//!
//! Follows the chain, stores what follows from it, runs checks and cases and meters payments. The
//! core is pure, `(state, input) → (state, effects)`; input and output live at the edge.

pub mod api;
pub mod cases;
pub mod chain;
pub mod checks;
pub mod config;
pub mod gateway;
pub mod inference;
pub mod jobs;
pub mod ledger;
pub mod licenses;
pub mod node;
pub mod redeem;
pub mod store;
pub mod tasks;

pub use config::Config;
pub use node::{Node, NodeContext, NodeError, RoleParts};
pub use tasks::Tasks;
