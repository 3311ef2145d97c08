//! Flags that choose a deployment's beacon.

use clap::{Args, ValueEnum};
use oml_client::beacon::{BeaconChoice, BeaconKind};

/// Which beacon the draws come from. Left out, it follows from the chain.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Beacon")]
pub(crate) struct BeaconArgs {
    /// Where draws come from; known chains choose by themselves
    #[arg(long, value_enum, conflicts_with = "params")]
    beacon: Option<Kind>,
    /// Public key of a drand network of your own, as its relay's /info has it
    #[arg(long, value_name = "HEX", conflicts_with = "params")]
    drand_public_key: Option<String>,
    /// Time of that network's first round, Unix seconds
    #[arg(long, value_name = "SECONDS", conflicts_with = "params")]
    drand_genesis: Option<u64>,
    /// Seconds between that network's rounds
    #[arg(long, value_name = "SECONDS", conflicts_with = "params")]
    drand_period: Option<u32>,
    /// Blocks (randao) or seconds (drand) from a commitment to its value
    #[arg(long, value_name = "N", conflicts_with = "params")]
    margin: Option<u32>,
    /// Slots in a row that somebody may hold: bits that every round of randao pays for
    #[arg(long, value_name = "N", conflicts_with = "params")]
    bias_bits: Option<u8>,
    /// Take randao although the chain's sequencer chooses it, or nobody knows who does
    #[arg(long)]
    accept_sequencer_randomness: bool,
}

/// Kinds of beacons.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// RANDAO of a block, for chains whose blocks are made by many
    Randao,
    /// drand on BN254, for every chain
    DrandEvmnet,
    /// drand on BLS12-381, for chains with the precompiles of EIP-2537
    DrandQuicknet,
}

impl BeaconArgs {
    /// What the flags say.
    pub(super) fn choice(&self) -> BeaconChoice {
        let kind = self.beacon.map(|kind| match kind {
            Kind::Randao => BeaconKind::Randao,
            Kind::DrandEvmnet => BeaconKind::DrandEvmnet,
            Kind::DrandQuicknet => BeaconKind::DrandQuicknet,
        });
        BeaconChoice {
            kind,
            public_key: self.drand_public_key.clone(),
            genesis: self.drand_genesis,
            period: self.drand_period,
            margin: self.margin,
            bias_bits: self.bias_bits,
            accepts_sequencer: self.accept_sequencer_randomness,
            is_local: false,
        }
    }
}
