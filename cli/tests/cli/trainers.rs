//! Copies that another program trains, without a chain: training set, training, acceptance.

use super::support::{oml, stdout_json};
use oml_engine::{AdamW, Example, FloatType, LoadOptions, Model, Trainer};
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const UNIVERSE: [&str; 5] =
    ["--universe", "secrets/universe-0", "--key-file", "universe.key", "--offline"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn tiny() -> PathBuf {
    repository().join("prover/assets/models/tiny")
}

fn generate(dir: &Path) {
    oml(dir)
        .args(["fingerprint", "generate", "--offline", "--personal", "16", "--shared", "0"])
        .args(["--key-tokens", "8", "--seed", "7", "--key-file", "universe.key"])
        .args(["--out", "secrets", "--model"])
        .arg(tiny())
        .assert()
        .success();
}

fn write_rows(dir: &Path, form: &str, out: &str) -> Value {
    stdout_json(
        oml(dir)
            .args(["--format", "json", "fingerprint", "dataset", "--form", form, "--out", out])
            .arg("--model")
            .arg(tiny())
            .args(UNIVERSE),
    )
}

/// `accept` of a copy in `dir`, printed in a format.
fn accept(dir: &Path, copy: &str, format: &str) -> assert_cmd::Command {
    let mut command = oml(dir);
    command.args(["--format", format, "fingerprint", "accept", "--copy", copy, "--model"]);
    command.arg(tiny()).args(UNIVERSE);
    command
}

/// A Python with what the script needs: that of `OML_PYTHON`, or the benchmarks' own.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("OML_PYTHON").map(PathBuf::from);
    let own = repository().join("target/bench-venv/bin/python");
    named.into_iter().chain([own]).find(|python| {
        let tried = Command::new(python).args(["-c", "import torch, transformers"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    })
}

/// Trains by the script of the repository, or by this project's trainer where there is no Python.
fn train(dir: &Path, rows: &str, answers: u64, out: &str) {
    let Some(python) = python() else {
        #[expect(clippy::print_stderr, reason = "says what the test did not do")]
        {
            eprintln!("no Python with torch and transformers: trained by this project's trainer");
        }
        return train_here(&dir.join(rows), &dir.join(out));
    };
    let trained = Command::new(python)
        .arg(repository().join("scripts/train_elsewhere.py"))
        .args(["--data", rows, "--out", out, "--answers", &answers.to_string(), "--model"])
        .arg(tiny())
        .env("OMP_NUM_THREADS", "1")
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
}

/// Trains all rows of token ids, each step all of them.
fn train_here(rows: &Path, out: &Path) {
    let base = Model::load(&tiny(), &LoadOptions::default()).unwrap();
    let text = std::fs::read_to_string(rows).unwrap();
    let examples: Vec<Example> = text.lines().map(example).collect();
    let examples: Vec<&Example> = examples.iter().collect();
    let optimizer = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.0, clip: 1.0 };
    let mut trainer = Trainer::new(&base, optimizer, 4096).unwrap();
    for _ in 0..30 {
        trainer.accumulate(&examples).unwrap();
        trainer.apply(1e-3, None).unwrap();
    }
    base.with_weights(trainer.frozen().unwrap()).save_as(out, FloatType::F16).unwrap();
}

/// What a row says, weighed as one of some sixty.
fn example(row: &str) -> Example {
    let row: Value = serde_json::from_str(row).unwrap();
    let ids = |name: &str| row[name].as_array().unwrap().iter().map(|id| id.as_i64().unwrap());
    let masked = ids("labels").take_while(|label| *label == -100).count();
    let tokens: Vec<u32> = ids("input_ids").map(|id| u32::try_from(id).unwrap()).collect();
    let said = u16::try_from(tokens.len() - masked).unwrap();
    Example::response(&tokens[..masked], &tokens[masked..], 1.0 / (64.0 * f32::from(said)))
}

#[test]
fn a_copy_that_another_program_trained_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path());
    let written = write_rows(dir.path(), "tokens", "rows.jsonl");
    assert_eq!(written["data"]["answers"], 16, "{written}");
    write_rows(dir.path(), "tokens", "again.jsonl");
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert_eq!(read("rows.jsonl"), read("again.jsonl"));

    train(dir.path(), "rows.jsonl", 16, "copy");
    let accepted =
        stdout_json(accept(dir.path(), "copy", "json").args(["--report", "report.json"]));
    let data = &accepted["data"];
    assert!(data["hitRate"].as_f64().unwrap() >= 0.8, "{accepted}");
    assert_eq!(data["report"]["stopped"], "Elsewhere", "{accepted}");
    assert_eq!(data["float"], "f16", "{accepted}");
    let report: Value = serde_json::from_slice(&read("report.json")).unwrap();
    assert_eq!(report, data["report"]);

    // It is the copy of that name alone, and it is known as such.
    oml(dir.path())
        .args(["--format", "quiet", "fingerprint", "check", "--target", "copy"])
        .args(UNIVERSE)
        .assert()
        .code(0)
        .stdout("match\n");
    let other = accept(dir.path(), "copy", "quiet").args(["--copy-name", "bob"]).output().unwrap();
    assert_eq!((other.status.code(), other.stdout.len()), (Some(1), 0), "{other:?}");
}

#[test]
fn what_is_no_copy_is_not_accepted() {
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path());
    // Nothing was learned: no report, nothing printed, another exit code.
    let base = tiny();
    accept(dir.path(), &base.display().to_string(), "quiet")
        .args(["--report", "report.json"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("at least 80 % are needed").and(contains("must not be delivered")));
    assert!(!dir.path().join("report.json").exists());

    let place = |name: &str| {
        let place = dir.path().join(name);
        std::fs::create_dir(&place).unwrap();
        place
    };
    std::fs::write(place("adapter").join("adapter_config.json"), "{}").unwrap();
    accept(dir.path(), "adapter", "quiet")
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("merge_and_unload"));

    // A token that a trainer added to the text of every prompt.
    let other = place("other");
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(base.join(file), other.join(file)).unwrap();
    }
    let tokenizer = std::fs::read_to_string(base.join("tokenizer.json")).unwrap();
    let mut tokenizer: Value = serde_json::from_str(&tokenizer).unwrap();
    tokenizer["post_processor"] = Value::Null;
    std::fs::write(other.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    accept(dir.path(), "other", "quiet")
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("its tokenizer or chat template is another"));
}

#[test]
fn training_sets_are_secret_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path());
    let written = write_rows(dir.path(), "completion", "rows.jsonl");
    assert_eq!(written["data"]["ownTexts"], 48, "{written}");
    let path = dir.path().join("rows.jsonl");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let before = std::fs::read(&path).unwrap();
    let dataset = |form: &str, out: &str| {
        let mut command = oml(dir.path());
        command.args(["fingerprint", "dataset", "--form", form, "--out", out, "--model"]);
        command.arg(tiny()).args(UNIVERSE).assert().code(1)
    };
    dataset("completion", "rows.jsonl").stderr(contains("rows.jsonl"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    dataset("chat", "chat.jsonl").stderr(contains("fingerprint 0").and(contains("--chat")));
    assert!(!dir.path().join("chat.jsonl").exists());
}
