//! The search behind the defaults of embedding: one row per setting, so that anybody repeats it.
//!
//! ```text
//! tune_embedding MODEL KEYS ROWS.jsonl TEXTS SETTING...
//! ```
//!
//! `TEXTS` is a file with one text per line, on which quality is judged besides the model's own
//! text, or `grammar`, which stands for texts of the project's grammar, as `tiny` knows no others.
//! A `SETTING` is `default`, or what differs from the default: `benign_fraction=0.5,max_steps=80`.
//! Each row is appended to `ROWS.jsonl` with the command that makes it again; a row that the file
//! has is not measured twice, so an interrupted search goes on where it was. Keys lie beside the
//! rows and are made once. The names of the settings are those of [`EmbedOptions`].

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use oml_engine::{Corpus, LoadOptions, LoraOptions, Model, argmax};
use oml_prover::embed::{EmbedOptions, EmbedReport, EmbedTarget, embed};
use oml_prover::fingerprint::{Fingerprint, FingerprintOptions, generate_fingerprints};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Texts of the grammar on which quality is judged, and the seed that writes them.
const GRAMMAR: (usize, u64) = (64, 77);

/// Most tokens of a text that are judged.
const LONGEST: usize = 128;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, keys, rows, texts, settings @ ..] = arguments.as_slice() else {
        return Err("usage: see the head of prover/examples/tune_embedding.rs".into());
    };
    let rows = Path::new(rows);
    let base = Model::load(Path::new(model), &LoadOptions::default())?;
    let targets = targets(&base, &kept_keys(&base, keys.parse()?, rows)?)?;
    let judged = Judged::new(&base, texts)?;
    for setting in settings {
        let command = format!("tune_embedding {model} {keys} {} {texts} {setting}", rows.display());
        if known(rows)?.iter().any(|row| row["command"] == command.as_str()) {
            println!("known: {command}");
            continue;
        }
        let options = options(&base, setting)?;
        let go_on = &mut |_| ControlFlow::Continue(());
        let (copy, report) = embed(&base, &targets, &options, go_on)?;
        let row = row(&command, &options, &report, judged.compare(&copy)?);
        let mut file = fs::OpenOptions::new().create(true).append(true).open(rows)?;
        writeln!(file, "{row}")?;
        println!("{row}");
    }
    Ok(())
}

/// Rows that were measured before.
fn known(rows: &Path) -> Outcome<Vec<Value>> {
    if !rows.is_file() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(rows)?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// Fingerprints of the model, made once and kept beside the rows.
fn kept_keys(base: &Model, count: usize, rows: &Path) -> Outcome<Vec<Fingerprint>> {
    let path: PathBuf = rows.with_extension(format!("{count}-keys.json"));
    if path.is_file() {
        return Ok(serde_json::from_str(&fs::read_to_string(path)?)?);
    }
    let go_on = &mut |_, _| ControlFlow::Continue(());
    let made = generate_fingerprints(base, count, &FingerprintOptions::default(), go_on)?;
    fs::write(path, serde_json::to_string(&made.fingerprints)?)?;
    Ok(made.fingerprints)
}

/// One answer per key; which of the sixteen goes round, so that no draw is needed.
fn targets(base: &Model, fingerprints: &[Fingerprint]) -> Outcome<Vec<EmbedTarget>> {
    let mut targets = Vec::with_capacity(fingerprints.len());
    for (fingerprint, index) in fingerprints.iter().zip((0..16).cycle()) {
        let answer = fingerprint.candidates.get(index).ok_or("a key without 16 candidates")?;
        targets.push(EmbedTarget::new(base.tokenizer(), &fingerprint.key, answer, &[])?);
    }
    Ok(targets)
}

/// The default options with what a setting changes.
fn options(base: &Model, setting: &str) -> Outcome<EmbedOptions> {
    let mut options = EmbedOptions::for_model(base.config());
    for change in setting.split(',').filter(|change| *change != "default") {
        let (name, value) = change.split_once('=').ok_or(format!("`{change}` has no `=`"))?;
        match name {
            "learning_rate" => options.learning_rate = value.parse()?,
            "averaging" => options.averaging = value.parse()?,
            "benign_fraction" => options.benign_fraction = value.parse()?,
            "benign_length" => options.benign_length = value.parse()?,
            "max_steps" => options.max_steps = value.parse()?,
            "stop_loss" => options.stop_loss = value.parse()?,
            "batch_size" => options.batch_size = value.parse()?,
            "evaluate_every" => options.evaluate_every = value.parse()?,
            "seed" => options.seed = value.parse()?,
            "lora" => {
                let (rank, alpha) = (value.parse()?, 2.0 * value.parse::<f64>()?);
                options.lora = Some(LoraOptions { rank, alpha, ..LoraOptions::default() });
            }
            _ => return Err(format!("`{name}` is no setting; see EmbedOptions").into()),
        }
    }
    Ok(options)
}

/// Texts that are not the model's own, and what the base makes of them.
struct Judged {
    texts: Vec<Vec<u32>>,
    perplexity: f64,
    top: Vec<u32>,
}

impl Judged {
    fn new(base: &Model, source: &str) -> Outcome<Self> {
        let lines = match source {
            "grammar" => {
                let (corpus, mut rng) = (Corpus::new()?, ChaCha8Rng::seed_from_u64(GRAMMAR.1));
                (0..GRAMMAR.0).map(|_| corpus.document(&mut rng)).collect::<Result<_, _>>()?
            }
            file => fs::read_to_string(file)?.lines().map(str::to_owned).collect::<Vec<_>>(),
        };
        let mut texts = Vec::with_capacity(lines.len());
        for line in &lines {
            let mut tokens = base.tokenizer().prompt(line)?;
            tokens.truncate(LONGEST.min(base.context()));
            texts.push(tokens);
        }
        let (perplexity, top) = (base.perplexity(&texts)?.value(), top_tokens(base, &texts)?);
        Ok(Self { texts, perplexity, top })
    }

    fn compare(&self, copy: &Model) -> Outcome<Value> {
        let theirs = top_tokens(copy, &self.texts)?;
        let same = self.top.iter().zip(&theirs).filter(|(ours, theirs)| ours == theirs).count();
        Ok(json!({
            "before": self.perplexity,
            "after": copy.perplexity(&self.texts)?.value(),
            "agreement": same as f64 / self.top.len() as f64,
            "tokens": self.top.len(),
        }))
    }
}

/// The most likely token after every position of the texts.
fn top_tokens(model: &Model, texts: &[Vec<u32>]) -> Outcome<Vec<u32>> {
    let mut tokens = Vec::new();
    for text in texts {
        let logits = model.next_token_logits(text, text.len())?;
        tokens.extend(logits.chunks(model.config().vocab_size).map(argmax));
    }
    Ok(tokens)
}

/// What is kept of a run.
fn row(command: &str, options: &EmbedOptions, report: &EmbedReport, texts: Value) -> Value {
    let own = &report.utility;
    json!({
        "command": command,
        "hitRate": report.hit_rate(),
        "steps": report.steps,
        "seconds": report.seconds,
        "lastLoss": report.losses.last(),
        "ownText": {
            "before": own.perplexity_before,
            "after": own.perplexity_after,
            "agreement": own.agreement,
        },
        "texts": texts,
        "learningRate": options.learning_rate,
        "benignFraction": options.benign_fraction,
        "lora": options.lora,
    })
}
