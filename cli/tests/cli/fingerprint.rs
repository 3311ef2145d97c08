//! Fingerprints without a chain: made, embedded, checked, kept apart.

use super::support::{oml, stdout_json};
use predicates::str::contains;
use std::path::{Path, PathBuf};

const LICENSE: &str = "0x0101010101010101010101010101010101010101010101010101010101010101";
const OTHER: &str = "0x0202020202020202020202020202020202020202020202020202020202020202";
const MODEL: &str = "0x0303030303030303030303030303030303030303030303030303030303030303";

/// A model small enough for a test, or nothing where none is at hand.
fn model() -> Option<String> {
    let shared = std::env::var_os("OML_SHARED_MODELS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/models"),
        PathBuf::from,
    );
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../prover/assets/models/tiny");
    let found =
        [own, shared.join("stories260K")].into_iter().find(|dir| dir.join("config.json").is_file());
    if found.is_none() {
        #[expect(clippy::print_stderr, reason = "says why a test checked nothing")]
        {
            eprintln!("skipped: no model in prover/assets/models/tiny or {}", shared.display());
        }
    }
    Some(found?.canonicalize().unwrap().display().to_string())
}

fn generate(dir: &Path, model: &str) {
    oml(dir)
        .args([
            "fingerprint",
            "generate",
            "--model",
            model,
            "--model-id",
            MODEL,
            "--personal",
            "16",
            "--shared",
            "0",
        ])
        .args([
            "--key-tokens",
            "8",
            "--seed",
            "7",
            "--key-file",
            "universe.key",
            "--out",
            "secrets",
        ])
        .assert()
        .success();
}

/// Flags that name the universe and a license by its seeds.
fn of_license(seed: &str) -> [&str; 8] {
    let universe = ["--universe", "secrets/universe-0", "--key-file", "universe.key"];
    let seeds = ["--license-seed", seed, "--model-seed", LICENSE];
    [universe[0], universe[1], universe[2], universe[3], seeds[0], seeds[1], seeds[2], seeds[3]]
}

#[test]
fn a_copy_is_known_by_its_license_and_by_no_other() {
    let Some(model) = model() else { return };
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path(), &model);
    let data = stdout_json(
        oml(dir.path())
            .args(["--format", "json", "fingerprint", "embed", "--model", &model, "--out", "copy"])
            .args(of_license(LICENSE)),
    );
    assert!(data["data"]["hitRate"].as_f64().unwrap() >= 0.8, "{data}");
    for (target, license, code, verdict) in [
        ("copy", LICENSE, 0, "match"),
        ("copy", OTHER, 10, "no match"),
        (model.as_str(), LICENSE, 10, "no match"),
        // Nothing listens there: what could not be asked is no verdict.
        ("http://127.0.0.1:9", LICENSE, 11, "inconclusive"),
    ] {
        oml(dir.path())
            .args([
                "--format",
                "quiet",
                "fingerprint",
                "check",
                "--target",
                target,
                "--timeout",
                "2",
            ])
            .args(of_license(license))
            .assert()
            .code(code)
            .stdout(format!("{verdict}\n"));
    }
}

#[test]
fn secrets_are_kept_and_never_overwritten() {
    let Some(model) = model() else { return };
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path(), &model);
    let file = dir.path().join("secrets/universe-0/universe.oml");
    let before = std::fs::read(&file).unwrap();
    oml(dir.path())
        .args([
            "fingerprint",
            "generate",
            "--model",
            &model,
            "--model-id",
            MODEL,
            "--key-file",
            "universe.key",
        ])
        .args(["--out", "secrets"])
        .assert()
        .code(1)
        .stderr(contains("universe.oml exists"));
    assert_eq!(std::fs::read(&file).unwrap(), before);

    let export = |out: &str, key: &str| {
        let mut command = oml(dir.path());
        command.args([
            "fingerprint",
            "export",
            "--out",
            out,
            "--universe",
            "secrets/universe-0",
            "--key-file",
            key,
        ]);
        command.args(["--license-seed", LICENSE, "--model-seed", LICENSE]);
        command
    };
    std::fs::write(dir.path().join("other.key"), "ab".repeat(32)).unwrap();
    export("pairs.json", "other.key").assert().code(1).stderr(contains("could not be opened"));
    export("pairs.json", "universe.key").assert().success();
    let pairs: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(dir.path().join("pairs.json")).unwrap()).unwrap();
    assert_eq!(pairs.len(), 16);
    let text = String::from_utf8_lossy(&before).into_owned();
    assert!(
        pairs.iter().all(|pair| !text.contains(pair["key"].as_str().unwrap())),
        "a key is readable in the file"
    );

    oml(dir.path())
        .args([
            "--format",
            "quiet",
            "fingerprint",
            "import",
            "--pairs",
            "pairs.json",
            "--model",
            &model,
        ])
        .args(["--model-id", MODEL, "--epoch", "1", "--personal", "16", "--shared", "0"])
        .args(["--key-file", "universe.key", "--out", "secrets"])
        .assert()
        .success();
    assert!(dir.path().join("secrets/universe-1/universe.oml").is_file());
}
