//! `oml`: everything that a person does with the protocol.
//!
//! One file per noun under `commands/`, one subcommand per verb. Results go to stdout, everything else to stderr;
//! commands that change the chain simulate first and stop there with `--dry-run`.

mod chain;
mod commands;
mod compute;
mod contracts;
pub mod demo;
mod error;
mod files;
mod money;
pub mod output;
mod signer;

use clap::{Args, Parser};
use output::{Format, Output};
use std::process::ExitCode;

/// Own, license and monetize open models, and prove whose copy a deployment is.
#[derive(Debug, Parser)]
#[command(name = "oml", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 4 signer, 5 network, 6 reverts, 7 timeout, \
                        10 no match, 11 inconclusive."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    noun: commands::Noun,
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// How results are printed
    #[arg(long, env = "OML_FORMAT", value_enum, default_value_t, global = true)]
    pub(crate) format: Format,
    /// What is logged on stderr, e.g. `info` or `oml_node=debug` [default: warn, for servers info]
    #[arg(long, env = "OML_LOG", value_name = "FILTER", global = true)]
    pub(crate) log: Option<String>,
    #[command(flatten)]
    pub(crate) compute: compute::ComputeArgs,
    #[command(flatten)]
    pub(crate) chain: chain::ChainArgs,
    #[command(flatten)]
    pub(crate) signer: signer::SignerArgs,
}

impl Global {
    /// The output of this call.
    pub(crate) const fn output(&self) -> Output {
        Output::new(self.format)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = cli.global.output();
    cli.global.compute.choose();
    let filter = cli.global.log.as_deref().unwrap_or_else(|| cli.noun.default_log());
    let result = init_logging(filter).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(commands::run(cli.noun, &cli.global))
    });
    match result {
        Ok(code) => code,
        Err(report) => {
            let (hint, exit) = error::find(&report);
            output.failure(&report, hint);
            ExitCode::from(exit as u8)
        }
    }
}

fn init_logging(filter: &str) -> eyre::Result<()> {
    use error::{Exit, HintExt};
    let filter = tracing_subscriber::EnvFilter::try_new(filter).hint(
        format!("--log {filter:?} is not a log filter"),
        "use a level (error, warn, info, debug, trace) or target=level pairs",
        Exit::Failed,
    )?;
    let colors = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colors)
        .init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Global flags are shared by id, so a command's own argument of that id would be read as the flag.
    #[test]
    fn no_argument_takes_the_place_of_a_global_flag() {
        let mut root = Cli::command();
        root.build();
        let ids = |command: &clap::Command| -> Vec<String> {
            command
                .get_arguments()
                .filter(|a| a.is_global_set())
                .map(|a| a.get_id().to_string())
                .collect()
        };
        let globals = ids(&root);
        let mut waiting: Vec<&clap::Command> = root.get_subcommands().collect();
        while let Some(command) = waiting.pop() {
            for argument in command.get_arguments().filter(|a| !a.is_global_set()) {
                let id = argument.get_id().to_string();
                assert!(!globals.contains(&id), "{} has an argument {id}", command.get_name());
            }
            waiting.extend(command.get_subcommands());
        }
    }
}
