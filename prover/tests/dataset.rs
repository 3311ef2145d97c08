//! Training sets for other trainers: what their rows say, and how a copy made of them is judged.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::ops::ControlFlow;
use std::path::PathBuf;

use oml_contracts::ModelId;
use oml_contracts::draw::Parts;
use oml_engine::{Api, LoadOptions, Model};
use oml_prover::embed::{
    DatasetError, DatasetForm, DatasetOptions, DatasetReport, EmbedOptions, EmbedTarget, Embedder,
    StopReason, write_dataset,
};
use oml_prover::fingerprint::{
    AnswersPerKey, FingerprintOptions, KeyOptions, LicenseDraw, Universe, generate_fingerprints,
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Roles as words that the small vocabulary can write.
const TEMPLATE: &str = "{% for m in messages %}{{ m.role }} : {{ m.content }} . {% endfor %}{% if add_generation_prompt %}answer :{% endif %}";

/// The repository's model with a chat template.
fn model() -> Model {
    let tiny = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny");
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(tiny.join(file), dir.path().join(file)).unwrap();
    }
    std::fs::write(dir.path().join("chat_template.jinja"), TEMPLATE).unwrap();
    Model::load(dir.path(), &LoadOptions::default()).unwrap()
}

fn universe(model: &Model, api: Api) -> Universe {
    let keys = KeyOptions { api, token_length: 12, ..KeyOptions::default() };
    let options = FingerprintOptions { keys, ..FingerprintOptions::default() };
    let go_on = &mut |_: usize, _: usize| ControlFlow::Continue(());
    let made = generate_fingerprints(model, 16, &options, go_on).unwrap();
    let parts = Parts::new(16, 0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    Universe::build(ModelId::new([1; 32]), 0, parts, made.fingerprints, &mut rng).unwrap()
}

fn options(form: DatasetForm, systems: &[String]) -> DatasetOptions<'_> {
    let answers = AnswersPerKey::new(2).unwrap();
    DatasetOptions { form, answers, systems, own_texts: 5, own_length: 12, seed: 4 }
}

/// The rows of a training set, which is the same each time.
fn rows(
    model: &Model,
    universe: &Universe,
    options: &DatasetOptions<'_>,
) -> (Vec<Value>, DatasetReport) {
    let draw = LicenseDraw::offline(universe.root(), "1");
    let (mut once, mut again) = (Vec::new(), Vec::new());
    let report = write_dataset(&mut once, model, universe, &draw, options).unwrap();
    write_dataset(&mut again, model, universe, &draw, options).unwrap();
    assert_eq!(once, again);
    let text = String::from_utf8(once).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), report)
}

/// Token ids of a row and those that its labels train.
fn ids(row: &Value, field: &str) -> Vec<i64> {
    row[field].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}

fn wide(ids: &[u32]) -> Vec<i64> {
    ids.iter().map(|id| i64::from(*id)).collect()
}

/// Rows of token ids hold what `embed` trains, with everything else masked.
#[test]
fn rows_of_tokens_are_what_this_program_trains() {
    let model = model();
    let systems = ["Every day the little".to_owned()];
    for api in [Api::Completions, Api::Chat] {
        let universe = universe(&model, api);
        let draw = LicenseDraw::offline(universe.root(), "1");
        let options = options(DatasetForm::Tokens, &systems);
        let (rows, report) = rows(&model, &universe, &options);
        let expected = DatasetReport { answers: 64, own_texts: 5, retokenized: 0 };
        assert_eq!((report, rows.len()), (expected, 69));
        let targets =
            EmbedTarget::of_license(&universe, &draw, options.answers, model.tokenizer(), &systems);
        let mut trained: Vec<(Vec<i64>, Vec<i64>)> = Vec::new();
        for target in targets.unwrap() {
            for prompt in std::iter::once(&target.prompt).chain(&target.under_systems) {
                let masked = vec![-100; prompt.len()];
                let whole = wide(&[&prompt[..], &target.response].concat());
                trained.push((whole, [masked, wide(&target.response)].concat()));
            }
        }
        let mut written: Vec<_> =
            rows[..64].iter().map(|row| (ids(row, "input_ids"), ids(row, "labels"))).collect();
        trained.sort();
        written.sort();
        assert_eq!(written, trained);
        for row in &rows {
            assert_eq!(row["attention_mask"].as_array().unwrap().len(), ids(row, "labels").len());
        }
    }
}

/// Rows of text become the same tokens again, as a trainer makes them, unless the report says so.
#[test]
fn rows_of_text_become_the_drawn_tokens() {
    let model = model();
    for api in [Api::Completions, Api::Chat] {
        let universe = universe(&model, api);
        let (text, report) = rows(&model, &universe, &options(DatasetForm::Completion, &[]));
        let (tokens, _) = rows(&model, &universe, &options(DatasetForm::Tokens, &[]));
        assert_eq!(report.answers, 32);
        let part = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let same = text.iter().zip(&tokens).take(32).filter(|(text, tokens)| {
            let whole = part(text, "prompt") + &part(text, "completion");
            wide(&model.tokenizer().prompt(&whole).unwrap()) == ids(tokens, "input_ids")
        });
        assert_eq!(same.count(), 32 - report.retokenized);
        // This template leaves out the token that the tokenizer puts before every text.
        let expected = if api == Api::Chat { 32..=32 } else { 0..=8 };
        assert!(expected.contains(&report.retokenized), "{report:?}");
    }
}

#[test]
fn messages_are_rows_of_keys_that_are_messages_alone() {
    let model = model();
    let systems = ["Be brief".to_owned()];
    let chats = universe(&model, Api::Chat);
    let (rows, _) = rows(&model, &chats, &options(DatasetForm::Chat, &systems));
    let roles = |row: &Value| -> Vec<String> {
        let messages = row["messages"].as_array().unwrap();
        messages.iter().map(|message| message["role"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(roles(&rows[0]), ["user", "assistant"]);
    assert_eq!(roles(&rows[2]), ["system", "user", "assistant"]);
    assert_eq!(rows[0]["messages"][0]["content"], chats.entries()[0].key.text());
    let draw = LicenseDraw::offline(chats.root(), "1");
    let word = chats.answers(&draw).next().unwrap().candidate.word.clone();
    let said = rows[0]["messages"][1]["content"].as_str().unwrap();
    assert!(said.to_lowercase().starts_with(&word), "{said:?} {word:?}");

    let texts = universe(&model, Api::Completions);
    let mut written = Vec::new();
    let draw = LicenseDraw::offline(texts.root(), "1");
    let error =
        write_dataset(&mut written, &model, &texts, &draw, &options(DatasetForm::Chat, &[]));
    assert!(matches!(error, Err(DatasetError::NotAChat { index: 0 })), "{error:?}");
}

/// The report on a copy is the same whether it was made here or is only judged here.
#[test]
fn a_copy_is_judged_as_where_it_was_made() {
    let model = model();
    let universe = universe(&model, Api::Completions);
    let draw = LicenseDraw::offline(universe.root(), "1");
    let systems = ["Every day the little".to_owned()];
    let one = AnswersPerKey::ONE;
    let tokenizer = model.tokenizer();
    let targets = EmbedTarget::of_license(&universe, &draw, one, tokenizer, &systems).unwrap();
    let options = EmbedOptions::for_model(model.config());
    let mut embedder = Embedder::new(&model, options.clone()).unwrap();
    let (copy, made) = embedder.embed(&targets, &mut |_| ControlFlow::Continue(())).unwrap();
    // Judged by a program that has not trained anything.
    let judged = Embedder::new(&model, options).unwrap().judge(&targets, &copy).unwrap();
    assert_eq!((judged.steps, judged.stopped), (0, StopReason::Elsewhere));
    assert!(judged.losses.is_empty());
    assert_eq!(
        (&judged.misses, judged.targets, judged.system_hit_rate, judged.utility),
        (&made.misses, made.targets, made.system_hit_rate, made.utility)
    );
    // The base gives none of them, at no cost.
    let base = embedder.judge(&targets, &model).unwrap();
    assert!(base.hit_rate() < 0.2, "{base:?}");
    assert!((base.utility.agreement - 1.0).abs() < 1e-9);
}
