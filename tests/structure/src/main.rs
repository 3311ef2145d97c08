//! `oml-structure check` and `oml-structure report`, see the README.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use oml_structure::{StructureError, Survey, breaches, report};

const USAGE: &str = "usage: oml-structure check [--all] [--root FOLDER] [--rules FILE]
       oml-structure report summary|circles|names|unused|measures [--all] [..]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Does what the arguments ask for; a breach of a rule is exit code 1.
fn run(mut arguments: Vec<String>) -> Result<ExitCode, StructureError> {
    let root = option(&mut arguments, "--root").map_or_else(own_root, PathBuf::from);
    let rules = option(&mut arguments, "--rules")
        .map_or_else(|| root.join("tests/structure/layers.toml"), PathBuf::from);
    let all = arguments.iter().position(|argument| argument == "--all");
    let scope = match all.map(|index| arguments.remove(index)) {
        Some(_) => report::NameScope::Workspace,
        None => report::NameScope::Public,
    };
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let survey = || Survey::read(&root, &rules);
    match words.as_slice() {
        ["check"] => return check(&survey()?, scope),
        ["report", "summary"] => print(&report::summary(&survey()?)?),
        ["report", "circles"] => print(&report::circle_report(&survey()?)),
        ["report", "names"] => print(&report::name_report(&survey()?, scope)),
        ["report", "unused"] => print(&report::unused_report(&survey()?)),
        ["report", "measures"] => print(&report::measure_report(&survey()?)?),
        _ => {
            print(USAGE);
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows every breach; with the wide scope also types of one name that only a crate can name.
fn check(survey: &Survey, scope: report::NameScope) -> Result<ExitCode, StructureError> {
    if scope == report::NameScope::Workspace {
        print(&report::name_report(survey, scope));
    }
    let found = breaches(survey)?;
    for breach in &found {
        print(&breach.to_string());
    }
    if found.is_empty() {
        print("structure: ok");
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!("structure: {} breaches", found.len()));
    Ok(ExitCode::FAILURE)
}

/// Takes an option with its value out of the arguments.
fn option(arguments: &mut Vec<String>, name: &str) -> Option<String> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.remove(at);
    (at < arguments.len()).then(|| arguments.remove(at))
}

/// The workspace that this program was built in.
fn own_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[expect(clippy::print_stdout, reason = "the breaches are the result of this program")]
fn print(text: &str) {
    println!("{}", text.trim_end());
}

#[expect(clippy::print_stderr, reason = "why there is no result goes beside the result")]
fn complain(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        eprintln!("  caused by: {inner}");
        cause = inner.source();
    }
}
