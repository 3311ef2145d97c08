//! Licenses: what owner and host do next.
