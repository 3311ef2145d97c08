//! Help as people see it: `-h` has a command's own flags and fits a screen, `--help` has all flags
//! and examples.

use clap::Command;

/// One line of a shell for every command. Words in capitals after a dollar sign are ids that
/// another command prints.
const EXAMPLES: &str = include_str!("examples.txt");

/// Examples that a command with subcommands shows.
const OF_A_NOUN: usize = 4;

/// Flags that `-h` shows of a command with many: the required ones, and the first of the others.
const ON_A_SCREEN: usize = 10;

/// What the program's own help begins with.
const OF_THE_PROGRAM: &str = "  oml demo\n  oml doctor\n  oml status --mine\n  oml profile show";

/// What `-h` says of what it leaves out.
const MORE: &str = "Examples and all flags, also of chain, signer and format: --help";

/// The whole command line with its help.
pub(crate) fn with_help(root: Command) -> Command {
    let root = root.mut_args(|arg| {
        let is_global = arg.is_global_set();
        if is_global { arg.hide_short_help(true) } else { arg }
    });
    explained(root, "oml")
}

fn explained(command: Command, path: &str) -> Command {
    let examples: Vec<String> = examples_of(path).map(|line| format!("  {line}")).collect();
    let command = command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        explained(sub, &path)
    });
    let mut shown = 0;
    let command = command.mut_args(|arg| {
        if arg.is_required_set() || arg.is_hide_short_help_set() {
            return arg;
        }
        shown += 1;
        if shown > ON_A_SCREEN { arg.hide_short_help(true) } else { arg }
    });
    let also = command.get_after_help().map(|text| format!("\n\n{text}")).unwrap_or_default();
    let examples = if path == "oml" { OF_THE_PROGRAM.to_owned() } else { examples.join("\n") };
    command
        .after_help(format!("{MORE}{also}"))
        .after_long_help(format!("Examples:\n{examples}{also}"))
}

/// Lines of a command, and of a noun the first of its verbs'.
fn examples_of(path: &str) -> impl Iterator<Item = &'static str> {
    let own = EXAMPLES.lines().filter(move |line| {
        line.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    });
    own.take(OF_A_NOUN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use clap::CommandFactory as _;

    /// The words of a line, as a shell reads them.
    fn words(line: &str) -> Vec<String> {
        let id = format!("0x{}", "07".repeat(32));
        let account = format!("0x{}", "07".repeat(20));
        let mut words = Vec::new();
        for (at, part) in line.split('"').enumerate() {
            if at % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(|word| match word {
                    "$ACCOUNT" => account.clone(),
                    word if word.starts_with('$') => id.clone(),
                    word => word.to_owned(),
                }));
            }
        }
        words
    }

    #[test]
    fn every_example_is_a_command_that_exists() {
        for line in EXAMPLES.lines() {
            let read = with_help(Cli::command()).try_get_matches_from(words(line));
            assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
        }
    }

    #[test]
    fn every_command_has_an_example_and_help_that_fits_a_screen() {
        let mut root = with_help(Cli::command());
        root.build();
        let mut waiting = vec![("oml".to_owned(), root)];
        while let Some((path, mut command)) = waiting.pop() {
            if path.ends_with(" help") || path.contains(" help ") {
                continue;
            }
            assert!(examples_of(&path).next().is_some(), "{path} has no example");
            let short = command.render_help().to_string();
            let lines = short.lines().count();
            assert!(lines <= 40, "{path} -h has {lines} lines");
            assert!(short.contains(MORE), "{path}");
            let long = command.render_long_help().to_string();
            assert!(long.contains("Examples:\n  oml ") && long.contains("--rpc-url"), "{path}");
            for sub in command.get_subcommands() {
                waiting.push((format!("{path} {}", sub.get_name()), sub.clone()));
            }
        }
    }
}
