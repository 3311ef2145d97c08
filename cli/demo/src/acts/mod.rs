//! The seven acts. Each returns what it reports; money and transactions are read off the chain, not
//! remembered.

mod copies;
mod keys;
mod payments;
mod publishing;
mod rounds;
