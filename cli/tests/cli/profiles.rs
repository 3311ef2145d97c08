//! Profiles: which setting wins, what a wrong file says, and who is asked before money moves.

use super::money::{SECOND, SECOND_KEY, World};
use super::support::{FIRST, FIRST_KEY, oml, pretended_chain, stdout_json, write_addresses};
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn file(dir: &Path) -> PathBuf {
    dir.join("xdg/oml/config.toml")
}

fn write(dir: &Path, text: &str) {
    std::fs::create_dir_all(dir.join("xdg/oml")).unwrap();
    std::fs::write(file(dir), text).unwrap();
}

/// Value and origin of a setting, as `oml profile show` says.
fn setting(shown: &Value, key: &str) -> (String, String) {
    let settings = shown["data"]["settings"].as_array().unwrap();
    let one = settings.iter().find(|one| one["key"] == key).unwrap();
    let text = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
    (text("value"), text("from"))
}

const TWO: &str = "current = \"a\"\n[chain.c]\nrpc_url = \"http://chain\"\n\
    [profile.a]\nchain = \"c\"\ntx_timeout = 7\naccount = \"alice\"\n\
    [profile.b]\nrpc_url = \"http://b\"\n";

#[test]
fn a_flag_wins_over_its_variable_and_a_variable_over_the_profile() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), TWO);
    let show = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = oml(dir.path());
        command.envs(variables.iter().copied()).args(["--format", "json", "profile", "show"]);
        stdout_json(command.args(args))
    };
    let pair = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    let plain = show(&[], &[]);
    assert_eq!(setting(&plain, "rpc_url"), pair("http://chain", "profile"));
    assert_eq!(setting(&plain, "tx_timeout"), pair("7", "profile"));
    assert_eq!(setting(&plain, "account"), pair("alice", "profile"));
    assert_eq!(setting(&plain, "addresses"), pair("addresses.json", "default"));

    let variable = ("ETH_RPC_URL", "http://variable");
    assert_eq!(setting(&show(&[], &[variable]), "rpc_url").1, "environment");
    let both = show(&["--rpc-url", "http://flag"], &[variable]);
    assert_eq!(setting(&both, "rpc_url"), pair("http://flag", "flag"));

    // An account that is named anywhere else is the only one.
    let named = show(&[], &[("OML_PRIVATE_KEY", FIRST_KEY)]);
    assert_eq!(setting(&named, "signer"), pair("a raw key", "environment"));
    assert!(!named.to_string().contains(&FIRST_KEY[2..]), "{named}");
    let named = show(&["--account", "bob"], &[]);
    assert_eq!(setting(&named, "account"), pair("bob", "flag"));

    let other = show(&[], &[("OML_PROFILE", "b")]);
    assert_eq!(setting(&other, "rpc_url").0, "http://b");
    let back = show(&["--profile", "a"], &[("OML_PROFILE", "b")]);
    assert_eq!(setting(&back, "rpc_url").0, "http://chain");
}

#[test]
fn a_profile_reaches_the_chain_that_it_names() {
    let dir = tempfile::tempdir().unwrap();
    write_addresses(dir.path(), 31_337);
    let url = pretended_chain(31_337);
    let run = |args: &[&str]| oml(dir.path()).args(args).assert();
    run(&["chain", "add", "local", "--rpc-url", &url]).success();
    run(&["chain", "add", "local", "--rpc-url", &url])
        .code(1)
        .stderr(contains("has a chain \"local\" already").and(contains("never written over")));
    run(&["profile", "add", "me", "--chain", "local", "--role", "host", "--account", "a"])
        .success()
        .stdout(contains("in use from now on"));
    // From any folder.
    std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
    oml(dir.path())
        .current_dir(dir.path().join("elsewhere"))
        .args(["chain", "show"])
        .assert()
        .success();
    run(&["profile", "add", "you", "--rpc-url", "http://127.0.0.1:1", "--chain", "local"])
        .success();
    run(&["chain", "show"]).success();
    run(&["profile", "use", "you"]).success();
    run(&["chain", "show"]).code(5).stderr(contains("no chain answers at http://127.0.0.1:1"));
    run(&["profile", "list"]).success().stdout(contains("host"));
    run(&["profile", "set", "format", "quiet"]).success();
    run(&["profile", "list"]).success().stdout(contains("*"));
    run(&["--profile", "me", "profile", "unset", "role"]).success();
    let listed = stdout_json(oml(dir.path()).args(["--format", "json", "profile", "list"]));
    insta::assert_snapshot!(format!("{:#}", listed["data"]));
    assert!(std::fs::read_to_string(file(dir.path())).unwrap().contains("format = \"quiet\""));
}

#[test]
fn a_wrong_file_says_line_and_remedy_and_can_be_mended() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| oml(dir.path()).args(args).assert();
    write(dir.path(), "[profile.a]\nrpcurl = \"x\"\n");
    for args in [&["chain", "show"][..], &["profile", "list"], &["profile", "use", "a"]] {
        run(args)
            .code(1)
            .stderr(contains("config.toml line 2: unknown field `rpcurl`").and(contains("hint: ")));
    }
    write(dir.path(), "[profile.a]\nrole = \"host\"\n");
    run(&["--profile", "b", "chain", "show"])
        .code(1)
        .stderr(contains("no profile \"b\"").and(contains("profiles are: a")));
    run(&["--profile", "b", "profile", "add", "b"]).success();
    run(&["profile", "set", "rpc", "x"]).code(1).stderr(contains("keys are: chain, rpc_url"));
    let before = std::fs::read(file(dir.path())).unwrap();
    run(&["profile", "set", "role", "boss"]).code(1).stderr(contains("nothing was changed"));
    assert_eq!(std::fs::read(file(dir.path())).unwrap(), before);
    run(&["--private-key", FIRST_KEY, "profile", "add", "c"])
        .code(4)
        .stderr(contains("not written into a profile"));
}

/// A person at a terminal, whose answer is typed ahead; needs `script` of util-linux.
fn at_a_terminal(world: &World, answer: &str, args: &[&str]) -> Option<(i32, String)> {
    let line = [env!("CARGO_BIN_EXE_oml"), "--rpc-url", &world.chain.url, "--private-key"];
    let line = [&line[..], &[SECOND_KEY], args].concat().join(" ");
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(world.dir.path());
    command.env("XDG_CONFIG_HOME", world.dir.path());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        #[expect(clippy::print_stderr, reason = "says why a test checked nothing")]
        {
            eprintln!("skipped: `script` is not installed");
        }
        return None;
    };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Some((output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Nobody was asked, whatever a command took.
#[test]
fn people_are_asked_before_money_leaves_and_scripts_are_not() {
    let Some(world) = World::licensed() else { return };
    let open = ["channel", "open", "--license", "license.json", "--amount", "25"];
    let Some((code, said)) = at_a_terminal(&world, "n\n", &open) else { return };
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("signed by {SECOND}")), "{said}");
    assert!(said.contains("open channel takes 25 ETH (deposit 25) and gas"), "{said}");
    assert!(said.contains("nothing of it was sent"), "{said}");
    assert!(!world.dir.path().join("channel.json").exists());
    assert_eq!(world.chain.sent_by(SECOND), "0x0");

    let (code, said) = at_a_terminal(&world, "y\n", &open).unwrap();
    assert_eq!((code, world.chain.sent_by(SECOND)), (0, "0x1".into()), "{said}");
    let more = ["channel", "deposit", "--amount", "1", "--yes"];
    let (code, said) = at_a_terminal(&world, "", &more).unwrap();
    assert!(code == 0 && !said.contains("[y/N]"), "{said}");
    // No terminal, no question.
    world
        .command(SECOND_KEY, &["channel", "thaw"])
        .assert()
        .success()
        .stderr(contains("thaw channel takes gas only").and(contains("[y/N]").not()));
    world
        .command(FIRST_KEY, &["--dry-run", "license", "terminate"])
        .assert()
        .success()
        .stderr(contains("takes gas").not().and(contains(FIRST).not()));
}
