//! The engine's side of `scripts/bench-prover.sh`: each command prints one JSON object.
//!
//! ```text
//! bench_engine answers DIR KEYS.json BATCH REPEATS exact|screened
//! bench_engine embed DIR TARGETS.json STEPS RATE [OUT]
//! bench_engine universe DIR COUNT
//! bench_engine memory DIR COUNT
//! bench_engine universe-file PATH COUNT
//! bench_engine products ROWS REPEATS
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use oml_contracts::ModelId;
use oml_contracts::draw::Parts;
use oml_engine::{LoadOptions, Model, ProductShape, ScreenReport, time_products};
use oml_prover::embed::{EmbedOptions, EmbedTarget, UtilityOptions, embed};
use oml_prover::fingerprint::{
    Candidate, Candidates, Fingerprint, FingerprintOptions, Universe, WrapKey,
    generate_fingerprints,
};
use serde_json::{Value, json};

type Outcome = Result<Value, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["answers", dir, keys, batch, repeats, precision] => {
            let model = load(Path::new(dir), batch.parse()?)?;
            let model = if *precision == "screened" { model.screened() } else { model };
            answers(&model, Path::new(keys), repeats.parse()?)
        }
        ["embed", dir, targets, steps, rate, out @ ..] => {
            let (dir, targets) = (Path::new(dir), Path::new(targets));
            embedding(dir, targets, (steps.parse()?, rate.parse()?), out.first().map(Path::new))
        }
        ["universe", dir, count] => universe(Path::new(dir), count.parse()?),
        ["universe-file", path, count] => universe_file(Path::new(path), count.parse()?),
        ["products", rows, repeats] => products(rows.parse()?, repeats.parse()?),
        ["memory", dir, count] => memory(Path::new(dir), count.parse()?),
        _ => return Err("usage: see the head of prover/examples/bench_engine.rs".into()),
    }?;
    println!("{result}");
    Ok(())
}

fn read_tokens(path: &Path) -> Result<Vec<Vec<u32>>, Box<dyn Error>> {
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

fn load(dir: &Path, max_batch: usize) -> Result<Model, Box<dyn Error>> {
    Ok(Model::load(dir, &LoadOptions { max_batch, ..LoadOptions::default() })?)
}

/// Most likely next token after each key, and the best of some repeats in keys per second.
fn answers(model: &Model, keys: &Path, repeats: usize) -> Outcome {
    let keys = read_tokens(keys)?;
    let (mut best, mut found, mut report) = (f64::INFINITY, Vec::new(), ScreenReport::default());
    for _ in 0..repeats {
        let started = Clock::start();
        (found, report) = model.next_tokens_reported(&keys)?;
        best = best.min(started.seconds());
    }
    Ok(json!({
        "rate": rate(keys.len(), best),
        "answers": found,
        "peak": peak_bytes(),
        "screened": report.screened,
        "exact": report.exact,
        "audited": report.audited,
        "failed": report.failed,
    }))
}

/// Plain full-batch AdamW on responses, without benign text and averaging; the copy is saved if
/// asked for.
fn embedding(
    dir: &Path,
    targets: &Path,
    (steps, learning_rate): (usize, f64),
    out: Option<&Path>,
) -> Outcome {
    let model = load(dir, 64)?;
    let pairs: Vec<(Vec<u32>, Vec<u32>)> =
        serde_json::from_str(&std::fs::read_to_string(targets)?)?;
    let targets: Vec<EmbedTarget> = pairs
        .into_iter()
        .map(|(prompt, response)| EmbedTarget {
            prompt,
            under_systems: Vec::new(),
            response,
            expected: "none".to_owned(),
            alternatives: Vec::new(),
        })
        .collect();
    let options = EmbedOptions {
        learning_rate,
        averaging: 0.0,
        benign_fraction: 0.0,
        max_steps: steps,
        stop_loss: 0.0,
        batch_size: targets.len(),
        evaluate_every: usize::MAX,
        utility: UtilityOptions { texts: vec!["one short text".to_owned()], samples: 1 },
        ..EmbedOptions::for_model(model.config())
    };
    let (mut seconds, mut last) = (Vec::new(), Clock::start());
    let (copy, report) = embed(&model, &targets, &options, &mut |_| {
        seconds.push(last.seconds());
        last = Clock::start();
        ControlFlow::Continue(())
    })?;
    if let Some(out) = out {
        copy.save(out)?;
    }
    // The first step includes the set-up.
    let mut later = seconds.split_off(1.min(seconds.len()));
    later.sort_by(f64::total_cmp);
    let median = later.get(later.len() / 2).copied();
    Ok(json!({ "losses": report.losses, "seconds": median, "peak": peak_bytes() }))
}

/// Time to make keys with sixteen candidates each.
fn universe(dir: &Path, count: usize) -> Outcome {
    let model = load(dir, 64)?;
    let started = Clock::start();
    let options = FingerprintOptions::default();
    let mut go_on = |_, _| ControlFlow::Continue(());
    let made = generate_fingerprints(&model, count, &options, &mut go_on)?;
    let seconds = started.seconds();
    Ok(json!({
        "seconds": seconds,
        "fingerprints": made.fingerprints.len(),
        "dropped": made.dropped.len(),
        "rate": rate(count, seconds),
    }))
}

/// Growth of the process while keys are answered, per key, beyond keys and answers themselves.
fn memory(dir: &Path, count: usize) -> Outcome {
    let model = load(dir, 64)?;
    let vocabulary = u32::try_from(model.config().vocab_size)?;
    let key = |i: u32| -> Vec<u32> { (0..17).map(|j| (i * 31 + j * 7) % vocabulary).collect() };
    let few: Vec<Vec<u32>> = (0..1024).map(key).collect();
    let many: Vec<Vec<u32>> = (0..u32::try_from(count)?).map(key).collect();
    model.next_tokens(&few)?;
    let before = peak_bytes().unwrap_or(0);
    let answered = model.next_tokens(&many)?.len();
    let grown = peak_bytes().unwrap_or(0).saturating_sub(before);
    Ok(json!({ "fingerprints": answered, "grown": grown }))
}

/// Writes and reads a universe of made-up entries of 16 tokens: bytes and seconds, and memory for
/// reading and writing beyond that of the universe itself.
fn universe_file(path: &Path, count: u32) -> Outcome {
    let candidates = |i: u32| -> Vec<Candidate> {
        let candidate = |c: u32| Candidate { word: format!("word{i}x{c}"), tokens: vec![c, 7] };
        (0..16).map(candidate).collect()
    };
    let fingerprint = |i: u32| -> Result<Fingerprint, Box<dyn Error>> {
        let text = format!("a key of about sixteen words, as many as universes have, number {i}");
        let tokens: Vec<u32> = (i..i + 16).collect();
        let key = serde_json::from_value(json!({ "text": text, "tokens": tokens }))?;
        Ok(Fingerprint { key, candidates: Candidates::new(candidates(i))? })
    };
    let parts = Parts::new(count, 0)?;
    let made = (0..count).map(fingerprint).collect::<Result<Vec<_>, _>>()?;
    let universe = Universe::build(ModelId::new([1; 32]), 0, parts, made, &mut rand::rng())?;
    let secret = WrapKey::Raw([7; 32].into());
    let (started, before) = (Clock::start(), forget_peak()?);
    universe.save(path, &secret)?;
    let (written, write_grown) = (started.seconds(), peak_bytes().unwrap_or(0) - before);
    let (started, before) = (Clock::start(), forget_peak()?);
    let read = Universe::load(path, &secret)?;
    let (seconds, peak) = (started.seconds(), peak_bytes().unwrap_or(0));
    if read != universe {
        return Err("another universe came back".into());
    }
    let held = status_bytes("VmRSS:").unwrap_or(0) - before;
    Ok(json!({
        "entries": count, "bytes": std::fs::metadata(path)?.len(), "held": held,
        "write": { "seconds": written, "grown": write_grown },
        "read": { "seconds": seconds, "grown": (peak - before).saturating_sub(held) },
    }))
}

/// Times the products of four sizes of models in every place where the engine multiplies, next to
/// the `gemm` crate and candle. `docs/engine.md` says what follows from the ratios.
fn products(rows: usize, repeats: usize) -> Outcome {
    // Hidden size, width of the feed-forward half, vocabulary.
    let models = [
        ("0.26M", [64, 172, 512]),
        ("0.49M", [96, 256, 2_048]),
        ("15M", [288, 768, 32_000]),
        ("110M", [768, 2_048, 32_000]),
    ];
    let mut table = Vec::new();
    for (model, [hidden, wide, vocabulary]) in models {
        let shapes = [(hidden, hidden), (hidden, wide), (wide, hidden), (hidden, vocabulary)];
        for (inner, columns) in shapes {
            for times in time_products(ProductShape { rows, inner, columns }, repeats)? {
                table.push(json!({
                    "model": model, "place": times.place, "rows": rows, "inner": inner,
                    "columns": columns, "ours": times.ours, "gemm": times.gemm,
                    "candle": times.candle,
                    "ratio": times.ours.map(|ours| times.gemm.min(times.candle) / ours),
                }));
            }
        }
    }
    Ok(Value::Array(table))
}

/// Resident memory now, from which the peak starts again.
fn forget_peak() -> Result<u64, Box<dyn Error>> {
    std::fs::write("/proc/self/clear_refs", "5")?;
    status_bytes("VmRSS:").ok_or_else(|| "the kernel does not say how much memory is used".into())
}

/// Wall time, or CPU time where `OML_BENCH_CLOCK` is `cpu`.
enum Clock {
    Wall(Instant),
    Cpu(f64),
}

impl Clock {
    fn start() -> Self {
        match std::env::var("OML_BENCH_CLOCK") {
            Ok(kind) if kind == "cpu" => Self::Cpu(cpu_seconds()),
            _ => Self::Wall(Instant::now()),
        }
    }

    fn seconds(&self) -> f64 {
        match self {
            Self::Wall(start) => start.elapsed().as_secs_f64(),
            Self::Cpu(start) => cpu_seconds() - start,
        }
    }
}

/// CPU seconds of all threads of this process, from the kernel's scheduler.
fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

fn rate(count: usize, seconds: f64) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from) / seconds
}

/// Largest resident memory of this process so far.
fn peak_bytes() -> Option<u64> {
    status_bytes("VmHWM:")
}

fn status_bytes(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
