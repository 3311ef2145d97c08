//! The beacon: chosen for a deployment, its rounds brought, what it is worth.

mod bring;
mod choice;
mod standing;

pub(crate) use bring::{Patience, bring};
pub use choice::{BeaconChoice, BeaconKind, check, choose};
pub use standing::{BeaconStanding, RelayStanding, relays, standing};
