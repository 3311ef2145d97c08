//! The acts, as parts of the play.

mod copies;
mod keys;
mod payments;
mod publishing;
mod rounds;
