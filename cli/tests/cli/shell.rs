//! What shells and readers of manuals install.

use super::support::oml;

/// A script that bash takes, and one for each other shell, that know the deepest command.
#[test]
fn shells_complete_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = oml(dir.path()).args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}");
        for word in ["signing-history", "take-report", "per-request", "profile"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
        std::fs::write(dir.path().join(shell), script).unwrap();
    }
    let line = "source ./bash && complete -p oml";
    let mut bash = std::process::Command::new("bash");
    let said = bash_output(bash.args(["-c", line]).current_dir(dir.path()));
    assert!(said.contains("-F _oml"), "{said}");
    oml(dir.path()).args(["completions", "tcsh"]).assert().code(2);
}

fn bash_output(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_has_a_manual_page_with_examples() {
    let dir = tempfile::tempdir().unwrap();
    oml(dir.path()).args(["man", "--out", "man1"]).assert().success();
    let page = |name: &str| {
        std::fs::read_to_string(dir.path().join("man1").join(format!("{name}.1"))).unwrap()
    };
    for name in ["oml", "oml-channel-open", "oml-host-keys-rotate", "oml-pay-proxy"] {
        assert!(page(name).contains("Examples:"), "{name}");
    }
    assert!(page("oml-channel-open").contains("amount"));
    // No private key from a variable is written into a page.
    let out = dir.path().join("other");
    oml(dir.path())
        .env("OML_PRIVATE_KEY", "0xfeedbeef")
        .args(["man", "--out"])
        .arg(&out)
        .assert()
        .success();
    for entry in std::fs::read_dir(out).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("feedbeef"));
    }
    oml(dir.path()).args(["man", "--out", "/proc/none"]).assert().code(1);
}
