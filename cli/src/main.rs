//! `oml`: the command line of the protocol.

use clap::Parser;

/// Own, license and monetize open models, and prove whose copy a deployment is.
#[derive(Debug, Parser)]
#[command(name = "oml", version)]
struct Cli {}

fn main() {
    Cli::parse();
}
