//! Bindings to the OML contracts.
//!
//! Ids and money as newtypes, EIP-712 structs, events, decoded reverts, and the hashing formats
//! that must equal those of `contracts/src/libraries`. Golden vectors under `tests/vectors` hold the
//! two sides equal.
