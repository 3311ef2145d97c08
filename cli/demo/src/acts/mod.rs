//! The six acts. Each returns what it reports; money and transactions are read off the chain, not
//! remembered.

mod cases;
mod copies;
mod payments;
mod publishing;
