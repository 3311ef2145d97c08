//! Every noun explains itself.

use super::support::oml;

const NOUNS: [&str; 23] = [
    "model",
    "fingerprint",
    "offer",
    "license",
    "host",
    "deployment",
    "channel",
    "pay",
    "report",
    "round",
    "proof",
    "settle",
    "status",
    "recover",
    "balance",
    "prover",
    "node",
    "chain",
    "profile",
    "demo",
    "doctor",
    "completions",
    "man",
];

fn help(args: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let output = oml(dir.path()).args(args).arg("--help").output().unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Names and descriptions of the subcommands that a help text lists.
fn commands(help: &str) -> Vec<(String, String)> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = lines.take_while(|line| !line.trim().is_empty());
    let entries = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    entries
        .map(|line| {
            let (name, about) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            (name.to_owned(), about.trim().to_owned())
        })
        .filter(|(name, _)| name != "help")
        .collect()
}

#[test]
fn the_program_lists_its_nouns() {
    let listed: Vec<String> = commands(&help(&[])).into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, NOUNS);
}

#[test]
fn every_command_says_what_it_does() {
    let mut waiting: Vec<Vec<String>> = NOUNS.iter().map(|noun| vec![(*noun).to_owned()]).collect();
    while let Some(path) = waiting.pop() {
        let args: Vec<&str> = path.iter().map(String::as_str).collect();
        let text = help(&args);
        assert!(text.contains(&format!("Usage: oml {}", args.join(" "))), "{text}");
        for (name, about) in commands(&text) {
            assert!(about.len() > 8, "oml {} {name} does not say what it does", args.join(" "));
            waiting.push([path.clone(), vec![name]].concat());
        }
    }
}

/// Flags once stood under the heading of those before them, such as `--keys` under Secret.
#[test]
fn own_flags_stand_under_options() {
    let text = help(&["fingerprint", "generate"]);
    let place = |needle: &str| text.find(needle).unwrap();
    assert!(
        place("\nOptions:") < place("--keys") && place("--keys") < place("\nSecret:"),
        "{text}"
    );
    // The name alone asks what there is.
    let dir = tempfile::tempdir().unwrap();
    oml(dir.path()).assert().success();
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    let dir = tempfile::tempdir().unwrap();
    oml(dir.path()).args(["model", "hash", "--no-such-flag"]).assert().code(2);
    oml(dir.path()).arg("settle").assert().code(2);
}

#[test]
fn the_reference_names_every_command() {
    let reference = include_str!("../../../docs/cli.md");
    for noun in NOUNS {
        assert!(reference.contains(&format!("`oml {noun}`")), "oml {noun}");
        for (verb, _) in commands(&help(&[noun])) {
            let named = [format!("`{verb}`"), format!("`{verb} "), format!("`{noun} {verb}")];
            assert!(named.iter().any(|n| reference.contains(n.as_str())), "oml {noun} {verb}");
        }
    }
}
