//! The whole protocol in seven acts: a local chain, nodes and model servers as real processes, and
//! a real model. It is what `oml demo` plays, and what the end-to-end tests disturb.
//!
//! The acts use the same actions as the command line does, through [`oml_client`].

mod acts;
mod clock;
mod ledger;
mod nodes;
mod options;
mod play;
mod ports;
mod processes;
mod report;
mod run;
mod scenario;

pub use ledger::{Gain, NamedTransaction, Snapshot};
pub use options::{DemoBeacon, DemoOptions};
pub use play::Play;
pub use report::{DemoCopy, DemoReport, DemoTally, PlayedAct};
pub use run::{play_many, play_once};
