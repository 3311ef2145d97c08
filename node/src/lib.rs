//! The OML node.
//!
//! Follows the chain, stores what follows from it, runs checks and cases and meters payments. The
//! core is pure, `(state, input) → (state, effects)`; input and output live at the edge.
