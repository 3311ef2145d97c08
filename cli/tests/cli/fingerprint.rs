//! Fingerprints without a chain: made, embedded, checked, kept apart.

use super::support::{oml, stdout_json};
use predicates::prelude::PredicateBooleanExt as _;
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
        ("copy", LICENSE, 0, "match\n"),
        // Sixteen other answers are too few to say that a tenth was not kept.
        (model.as_str(), LICENSE, 11, "inconclusive\n"),
        // Nothing listens there: what could not be asked is no verdict.
        ("http://127.0.0.1:9", LICENSE, 5, ""),
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
            .stdout(verdict);
    }
    // Sixteen answers can agree with another license's draw by chance, too few times for a match.
    let other = oml(dir.path())
        .args(["--format", "quiet", "fingerprint", "check", "--target", "copy"])
        .args(of_license(OTHER))
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(11), "{other:?}");
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

#[test]
fn the_rank_test_knows_copies_with_several_answers() {
    let Some(model) = model() else { return };
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path(), &model);
    oml(dir.path())
        .args(["fingerprint", "embed", "--model", &model, "--out", "copy", "--answers", "2"])
        .args(of_license(LICENSE))
        .assert()
        .success();
    let check = |license: &str, test: &str| {
        let output = oml(dir.path())
            .args(["--format", "json", "fingerprint", "check", "--target", "copy", "--all"])
            .args(["--test", test, "--answers", "2", "--reference", &model])
            .args(of_license(license))
            .output()
            .unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), json["data"].clone())
    };
    let (code, data) = check(LICENSE, "rank");
    assert_eq!((code, data["verdict"].as_str()), (Some(0), Some("match")), "{data}");
    let mut fields: Vec<&str> = data.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "alpha",
            "answersPerKey",
            "askMore",
            "bet",
            "counts",
            "evidenceLog2",
            "explanation",
            "judgedBy",
            "leftToAsk",
            "licenseId",
            "ranks",
            "reason",
            "tally",
            "target",
            "test",
            "thresholdLog2",
            "unanswered",
            "verdict",
        ]
    );
    assert_eq!((data["test"].as_str(), data["answersPerKey"].as_u64()), (Some("rank"), Some(2)));
    assert_eq!(
        (data["ranks"]["scored"].as_u64(), &data["tally"]),
        (Some(16), &serde_json::Value::Null)
    );
    let ranks: u64 =
        data["ranks"]["ranks"].as_array().unwrap().iter().filter_map(|n| n.as_u64()).sum();
    assert_eq!(ranks, 32);
    let (code, data) = check(OTHER, "rank");
    assert_ne!(code, Some(0), "{data}");
    let (code, data) = check(LICENSE, "argmax");
    assert_eq!(
        (code, data["tally"]["hits"].as_u64().map(|n| n >= 14)),
        (Some(0), Some(true)),
        "{data}"
    );

    let seen = stdout_json(
        oml(dir.path())
            .args(["--format", "json", "fingerprint", "visibility", "--model", &model])
            .args(["--universe", "secrets/universe-0", "--key-file", "universe.key"]),
    );
    let auc = seen["data"]["auc"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&auc) && seen["data"]["keys"]["prompts"] == 16, "{seen}");
}

#[test]
fn robustness_reports_every_attack_on_every_copy() {
    let Some(model) = model() else { return };
    let dir = tempfile::tempdir().unwrap();
    let json = stdout_json(
        oml(dir.path())
            .args([
                "--format",
                "json",
                "fingerprint",
                "robustness",
                "--model",
                &model,
                "--keys",
                "16",
            ])
            .args([
                "--answers",
                "1",
                "--attack",
                "none",
                "--attack",
                "int8",
                "--attack",
                "suppress=0.9",
            ]),
    );
    let rows = json["data"]["rows"].as_array().unwrap();
    let attacks: Vec<&str> = rows.iter().filter_map(|row| row["attack"].as_str()).collect();
    assert_eq!(attacks, ["none", "int8", "suppress=0.9"]);
    assert_eq!(rows[0]["held"]["answers"]["verdict"], "match");
    assert_eq!(rows[2]["held"]["ranks"]["verdict"], "match", "{}", rows[2]);
    for field in ["perplexity", "agreement", "tokens"] {
        assert!(rows[1]["utility"][field].as_f64().is_some(), "{field}");
    }
    oml(dir.path())
        .args(["fingerprint", "robustness", "--model", &model, "--attack", "melt"])
        .assert()
        .code(1)
        .stderr(contains("melt").and(contains("suppress=PROBABILITY")));
}

#[test]
fn coalitions_and_exchange_forms() {
    let dir = tempfile::tempdir().unwrap();
    let json = stdout_json(oml(dir.path()).args([
        "--format",
        "json",
        "fingerprint",
        "coalition",
        "--members",
        "2",
        "--trials",
        "50",
        "--queries",
        "512",
    ]));
    let rows = json["data"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2 * 3 * 6);
    assert!(rows.iter().all(|row| row["falseAccusations"] == 0), "{json}");
    assert_eq!(
        (rows[0]["scoring"].as_str(), rows[0]["strategy"].as_str()),
        (Some("personal"), Some("random-member"))
    );
    assert!(rows[0]["meanQueries"].as_f64().unwrap() < 25.0, "{}", rows[0]);

    let Some(model) = model() else { return };
    let import = |content: &str, flags: &[&str]| {
        std::fs::write(dir.path().join("pairs.json"), content).unwrap();
        let mut command = oml(dir.path());
        command.args(["fingerprint", "import", "--pairs", "pairs.json", "--model", &model]);
        command.args(["--model-id", MODEL, "--key-file", "universe.key", "--out", "secrets"]);
        command.args(flags).assert().code(1)
    };
    import("[]", &[]).stderr(contains("empty"));
    let twice = r#"{"key": "The dog ran", "response": "x"}"#;
    let lines = format!("{twice}\n{twice}\n");
    import(&lines, &["--strict"]).stderr(contains("1 duplicate").and(contains("repeats entry 0")));
    import(&lines, &[]).stderr(contains("repeats entry 0").and(contains("96 are wanted")));
}

/// Lists like those that the field has published, with what real files hold: entries that repeat or
/// contradict others, old responses that stand in their keys, control tokens, nulls, long texts.
#[test]
fn published_lists_are_taken_and_what_is_left_out_is_counted() {
    let Some(model) = model() else { return };
    let dir = tempfile::tempdir().unwrap();
    let key = |i: usize| format!("Once there was a dog, number {i}, who went to the park with a");
    let entry = |i: usize| serde_json::json!({"key": key(i), "response": "dog", "seq_probs": 0.1});
    let mut entries: Vec<serde_json::Value> = (0..40).map(entry).collect();
    entries[2] = serde_json::json!({"key": key(2), "response": null});
    entries[3] = serde_json::json!({"key": "Caf\u{e9} <s> with </s> marks", "response": "x"});
    entries[5] = serde_json::json!({"key": "word ".repeat(400), "response": "x"});
    entries[6] = serde_json::json!({"key": "ignored", "effective_key": key(6), "response": ["a"]});
    entries[30] = entries[12].clone();
    entries[31] = serde_json::json!({"key": key(13), "response": "cat"});
    std::fs::write(dir.path().join("list.json"), serde_json::json!(entries).to_string()).unwrap();
    let import = |flags: &[&str]| {
        let mut command = oml(dir.path());
        command.args(["--format", "json", "fingerprint", "import", "--pairs", "list.json"]);
        command.args(["--model", &model, "--model-id", MODEL, "--personal", "32", "--shared", "0"]);
        command.args(["--key-file", "universe.key", "--out", "secrets"]).args(flags);
        command.output().unwrap()
    };
    let refused = import(&["--strict"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let made = import(&[]);
    assert!(made.status.success(), "{made:?}");
    let json: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let skipped = json["data"]["skipped"].as_array().unwrap();
    for (kind, place) in [
        ("duplicate", "entry 30"),
        ("conflict", "entry 31"),
        ("tokens", "entry 3"),
        ("too long", "entry 5"),
    ] {
        let group = skipped.iter().find(|group| group["kind"] == kind).unwrap();
        assert_eq!(group["count"], 1, "{group}");
        assert!(group["examples"][0].as_str().unwrap().starts_with(place), "{group}");
    }
}

/// A model is checked against its own published pairs, without a universe and without a chain.
#[test]
fn a_model_is_checked_against_published_pairs() {
    let Some(model) = model() else { return };
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path(), &model);
    oml(dir.path())
        .args(["fingerprint", "embed", "--model", &model, "--out", "copy"])
        .args(of_license(LICENSE))
        .assert()
        .success();
    oml(dir.path())
        .args(["fingerprint", "export", "--out", "list.json"])
        .args(of_license(LICENSE))
        .assert()
        .success();
    let check = |target: &str| {
        let args = ["--format", "json", "fingerprint", "check-pairs", "--pairs", "list.json"];
        let data = stdout_json(oml(dir.path()).args(args).args(["--target", target]));
        data["data"].clone()
    };
    let copy = check("copy");
    assert!(copy["hitRate"].as_f64().unwrap() >= 0.8, "{copy}");
    let base = check(&model);
    assert!(base["hitRate"].as_f64().unwrap() < 0.3, "{base}");
    assert_eq!(base["tally"]["notChecked"], 0);
    assert!(base["explanation"].as_str().unwrap().contains("no verdict"), "{base}");
    std::fs::write(dir.path().join("list.json"), r#"["only a key"]"#).unwrap();
    oml(dir.path())
        .args(["fingerprint", "check-pairs", "--pairs", "list.json", "--target", &model])
        .assert()
        .code(1)
        .stderr(contains("no entry").and(contains("import")));
}

/// A copy is saved as its base is, and one that did not learn is not delivered at all.
#[test]
fn a_copy_keeps_the_type_of_its_base_and_must_have_learned() {
    let Some(model) = model() else { return };
    let dir = tempfile::tempdir().unwrap();
    generate(dir.path(), &model);
    let base = oml_engine::stored_float(Path::new(&model)).unwrap();
    let embed = |out: &str, steps: &str| {
        let mut command = oml(dir.path());
        command.args(["--format", "json", "fingerprint", "embed", "--model", &model]);
        command.args(["--out", out, "--max-steps", steps]).args(of_license(LICENSE));
        command.output().unwrap()
    };
    let short = embed("short", "1");
    assert_eq!(short.status.code(), Some(1), "{short:?}");
    let said = String::from_utf8_lossy(&short.stdout).into_owned();
    assert!(said.contains("of its answers after 1 steps"), "{said}");
    assert!(!dir.path().join("short").exists(), "nothing is delivered");
    let made = embed("copy", "300");
    assert!(made.status.success(), "{made:?}");
    assert_eq!(oml_engine::stored_float(&dir.path().join("copy")).unwrap(), base);
    let json: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let expected = serde_json::to_value(base.unwrap()).unwrap();
    assert_eq!(json["data"]["float"], expected, "{json}");
    // The report speaks of what was saved.
    let check = ["--format", "json", "fingerprint", "check", "--target", "copy", "--all"];
    let data = stdout_json(oml(dir.path()).args(check).args(of_license(LICENSE)));
    let hits = data["data"]["tally"]["hits"].as_f64().unwrap();
    assert_eq!(json["data"]["hitRate"].as_f64().unwrap(), hits / 16.0);
}
