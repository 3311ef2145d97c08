//! What is played, and with what.

use eyre::Result;
use oml_client::{FailureKind, fail};
use oml_engine::LoadOptions;
use std::path::PathBuf;

/// What is played.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Model that is licensed: directory or hub id.
    pub model: String,
    /// Model that the innocent host serves.
    pub other_model: String,
    /// How this process loads models.
    pub load: LoadOptions,
    /// Seed of everything that is not drawn by the chain.
    pub seed: u64,
    /// Where keys, copies, databases and logs are written; a new folder under `.oml/` if none is
    /// named.
    pub dir: Option<PathBuf>,
    /// Acts to play; 1 and 2 are always played.
    pub acts: Vec<u8>,
    /// Where draws come from.
    pub beacon: DemoBeacon,
    /// Leaves chain, nodes and servers running.
    pub keep: bool,
    /// The `oml` program, which nodes and model servers run.
    pub oml: PathBuf,
}

/// The number of the last act.
const LAST_ACT: u8 = 7;

/// Where the demo's draws come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoBeacon {
    /// RANDAO of the local chain's blocks.
    Randao,
    /// A drand network of one process, which nodes ask over HTTP; every draw waits half a minute,
    /// and no window can be skipped.
    Drand,
}

impl DemoOptions {
    /// All acts with the models of the checkout, for the `oml` program at `oml`.
    #[must_use]
    pub fn new(oml: PathBuf) -> Self {
        Self {
            model: "prover/assets/models/tiny".to_owned(),
            other_model: "prover/assets/models/tiny-b".to_owned(),
            load: LoadOptions::default(),
            seed: 1,
            dir: None,
            acts: (1..=LAST_ACT).collect(),
            beacon: DemoBeacon::Randao,
            keep: false,
            oml,
        }
    }

    /// Refuses acts that do not exist.
    pub(crate) fn check(&self) -> Result<()> {
        match self.acts.iter().find(|number| !(1..=LAST_ACT).contains(*number)) {
            None => Ok(()),
            Some(other) => {
                let message = format!("there is no act {other}");
                Err(fail(message, "acts are 1 to 7", FailureKind::Failed).into())
            }
        }
    }
}
