//! `oml`: everything that a person does with the protocol.
//!
//! One file per noun under `commands/`, one subcommand per verb; what a verb does is in
//! [`oml_client`]. Results go to stdout, everything else to stderr; commands that change the chain
//! simulate first and stop there with `--dry-run`.
#![cfg_attr(doc, expect(rustdoc::invalid_html_tags, reason = "comments on flags are help texts"))]

mod commands;
mod compute;
mod consent;
mod currency;
mod error;
mod flags;
mod help;
mod named;
mod output;
mod profile;
mod shares;
mod span;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};
use flags::Global;
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

/// The whole command line with its help.
fn command() -> clap::Command {
    help::with_help(Cli::command())
}

fn main() -> ExitCode {
    if std::env::args_os().len() < 2 {
        // Whoever types the name alone asks what there is.
        return match command().print_help() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let matches = command().get_matches();
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Err(message) = cli.global.signer.prefer_flags(&matches) {
        command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    cli.global.note_typed(&matches);
    let filled = fill(&mut cli, &matches);
    let output = cli.global.output();
    match filled.and_then(|()| run(cli)) {
        Ok(code) => code,
        Err(report) => {
            let (hint, kind) = error::find(&report);
            output.failure(&report, hint);
            ExitCode::from(error::exit_code(kind))
        }
    }
}

/// Takes from a profile what flags and variables leave open.
fn fill(cli: &mut Cli, matches: &ArgMatches) -> eyre::Result<()> {
    if !cli.noun.takes_a_profile() {
        return Ok(());
    }
    let path = match profile::path() {
        Ok(path) => path,
        // Without a home directory there are no profiles, unless one is asked for.
        Err(_) if cli.global.profile.is_none() => return Ok(()),
        Err(error) => return Err(error),
    };
    cli.global.fill(matches, &profile::ProfileFile::load(&path)?, &path)
}

fn run(cli: Cli) -> eyre::Result<ExitCode> {
    cli.global.compute.choose();
    let filter = cli.global.log.as_deref().unwrap_or_else(|| cli.noun.default_log());
    init_logging(filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(commands::run(cli.noun, &cli.global, command))
}

fn init_logging(filter: &str) -> eyre::Result<()> {
    use error::{FailureKind, HintExt as _};
    let filter = tracing_subscriber::EnvFilter::try_new(filter).hint(
        format!("--log {filter:?} is not a log filter"),
        "use a level (error, warn, info, debug, trace) or target=level pairs",
        FailureKind::Failed,
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

    /// Global flags are shared by id, so a command's own argument of that id would be read as the
    /// flag.
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
