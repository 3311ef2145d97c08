//! Provers: their encryption keys, where they are reached, and their tickets' way in and out.

mod keys;
mod stake;
mod standing;

pub use keys::{keygen, public_key};
pub use stake::{TicketChoice, announce, compact, evict, join, leave, stay_alive, withdraw};
pub use standing::{
    ProverStanding, ProverTickets, TicketSettings, TicketStanding, config, list, show,
};
