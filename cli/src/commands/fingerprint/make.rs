//! Universes: made, imported, exported.

use super::pairs::PairsFile;
use super::secret::SecretArgs;
use crate::compute::load_model;
use crate::error::{FailureKind, HintExt as _, fail};
use crate::output::Output;
use clap::Args;
use eyre::Result;
use oml_client::local_model::{locate, weights_hash};
use oml_client::{files, universe};
use oml_contracts::draw::Parts;
use oml_contracts::{ModelId, Root};
use oml_engine::Api;
use oml_prover::fingerprint::{
    FingerprintOptions, Key, KeyOptions, KeySelection, KeySource, Perinucleus, SkipReason,
    SkippedEntry, SkippedGroup, Universe, select_keys,
};
use rand::TryRngCore as _;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Where a universe belongs and how large it is.
#[derive(Args, Clone, Debug)]
pub(crate) struct Place {
    /// Model that answers: directory or hub id
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    model: String,
    /// Its id on chain
    #[arg(long, required_unless_present = "offline")]
    model_id: Option<ModelId>,
    /// Use no chain: the hash of the weights stands for the id, and the universe can't be put on
    /// chain later
    #[arg(long, conflicts_with = "model_id")]
    offline: bool,
    /// Number of this universe among the model's, from 0
    #[arg(long, default_value_t = 0)]
    epoch: u32,
    /// Personal fingerprints: each copy's own answers; a multiple of 16
    #[arg(long, default_value_t = 64)]
    personal: u32,
    /// Shared fingerprints: against hosts who compare their copies; a multiple of 16
    #[arg(long, default_value_t = 32)]
    shared: u32,
    /// Keys are messages of a user, asked through the model's chat template, instead of texts to
    /// continue
    #[arg(long)]
    chat: bool,
    /// Probability mass of the likeliest tokens, which are no candidates
    #[arg(long, default_value_t = Perinucleus::default().nucleus)]
    nucleus: f32,
    /// Directory under which universe-<epoch>/ is written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    secret: SecretArgs,
}

/// Flags of `generate`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Generate {
    /// natural, random-word, or a file of texts (lines, or a JSON list)
    #[arg(long, default_value = "natural", value_name = "KIND_OR_FILE")]
    keys: String,
    /// Tokens of a key
    #[arg(long, default_value_t = 16)]
    key_tokens: usize,
    /// Temperature at which natural keys are sampled
    #[arg(long, default_value_t = 0.9)]
    temperature: f32,
    /// Seed of the keys; random if not given, as keys that can be guessed are worthless
    #[arg(long)]
    seed: Option<u64>,
    // Its flags have a heading, under which all that came after them would stand.
    #[command(flatten)]
    place: Place,
}

/// Flags of `import`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Import {
    // The responses of the list are drawn anew.
    #[command(flatten)]
    list: PairsFile,
    #[command(flatten)]
    place: Place,
}

/// A written universe.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Made {
    dir: PathBuf,
    model_id: ModelId,
    epoch: u32,
    personal: u32,
    shared: u32,
    bundles: u32,
    root: Root,
    /// Keys that had no 16 candidates and were replaced or left out.
    dropped: usize,
    /// Entries of a list that are not used, by reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<SkippedGroup>,
}

/// What could not be used.
#[derive(Clone, Debug)]
struct Unused {
    dropped: usize,
    skipped: Vec<SkippedGroup>,
}

/// Makes a universe of keys that the model writes, and prints its root.
pub(super) fn run_generate(args: &Generate, output: Output) -> Result<()> {
    let place = &args.place;
    let parts = place.check()?;
    let source = key_source(&args.keys, args.temperature)?;
    let seed = match args.seed {
        Some(seed) => seed,
        None => rand::rngs::OsRng.try_next_u64()?,
    };
    let options = FingerprintOptions {
        keys: KeyOptions { source, token_length: args.key_tokens, api: place.api(), seed },
        candidates: place.candidates(),
    };
    let key = place.secret.create()?;
    let model = load_model(&place.model)?;
    let made = universe::generate(&model, parts, &options, &output)?;
    let dropped = made.dropped.len();
    let universe = universe::build(place.model_id()?, place.epoch, parts, made.fingerprints)?;
    let dir = universe::save(&universe, &place.out, &key)?;
    report(&universe, dir, Unused { dropped, skipped: Vec::new() }, output);
    Ok(())
}

/// Makes a universe of the keys of a list, and prints its root.
pub(super) fn run_import(args: &Import, output: Output) -> Result<()> {
    let place = &args.place;
    let parts = place.check()?;
    let list = args.list.read()?;
    let model = load_model(&place.model)?;
    let KeySelection { keys, mut skipped } = select_keys(&model, &list, place.api());
    if args.list.strict() || keys.is_empty() {
        args.list.report(&skipped, output)?;
    }
    let (entries, keys): (Vec<usize>, Vec<Key>) = keys.into_iter().unzip();
    let key = place.secret.create()?;
    let made = universe::from_keys(&model, &keys, parts, &place.candidates(), &output);
    if let Ok(made) = &made {
        skipped.extend(made.dropped.iter().filter_map(|dropped| {
            let place = keys.iter().position(|key| key.text() == dropped.text)?;
            let reason = SkipReason::Candidates(dropped.reason.clone());
            Some(SkippedEntry::new(entries[place], &dropped.text, reason))
        }));
    }
    // Told in any case: what is left out may be why there are too few.
    let groups = args.list.report(&skipped, output)?;
    let made = made?;
    let universe = universe::build(place.model_id()?, place.epoch, parts, made.fingerprints)?;
    let dir = universe::save(&universe, &place.out, &key)?;
    report(&universe, dir, Unused { dropped: made.dropped.len(), skipped: groups }, output);
    Ok(())
}

impl Place {
    /// Sizes of the parts; refuses before any work what could not be written after it.
    fn check(&self) -> oml_client::Result<Parts> {
        universe::refuse_existing(&self.out, self.epoch)?;
        Parts::new(self.personal, self.shared).hint(
            format!(
                "--personal {} and --shared {} are no sizes of a universe",
                self.personal, self.shared
            ),
            "both are multiples of 16, and --personal is not 0",
            FailureKind::Failed,
        )
    }

    fn model_id(&self) -> Result<ModelId> {
        match self.model_id {
            Some(id) => Ok(id),
            None => Ok(ModelId::new(weights_hash(&locate(&self.model)?)?.into())),
        }
    }

    fn api(&self) -> Api {
        if self.chat { Api::Chat } else { Api::Completions }
    }

    fn candidates(&self) -> Perinucleus {
        Perinucleus { nucleus: self.nucleus, ..Perinucleus::default() }
    }
}

fn key_source(keys: &str, temperature: f32) -> Result<KeySource> {
    match keys {
        "natural" => Ok(KeySource::Natural { temperature }),
        "random-word" => Ok(KeySource::RandomWords),
        path if Path::new(path).is_file() => texts(Path::new(path)).map(KeySource::Texts),
        other => Err(fail(
            format!("--keys {other:?} is neither a kind of keys nor a file"),
            "use natural, random-word, or the path of a file of texts",
            FailureKind::Failed,
        )),
    }
}

/// Texts of a file: a JSON list of strings or of objects with `key`, else one per line.
fn texts(path: &Path) -> Result<Vec<String>> {
    let text = String::from_utf8(files::read(path)?).hint(
        format!("{} is not text", path.display()),
        "keys are UTF-8 text",
        FailureKind::Failed,
    )?;
    if let Some(c) = text.chars().find(|c| c.is_control() && !c.is_whitespace()) {
        return Err(fail(
            format!("{} holds {c:?}, it is a binary file", path.display()),
            "keys are UTF-8 text, one per line or as a JSON list",
            FailureKind::Failed,
        ));
    }
    if !text.trim_start().starts_with('[') {
        return Ok(lines(&text));
    }
    let list: Vec<serde_json::Value> = serde_json::from_str(&text).hint(
        format!("{} is not a list of keys", path.display()),
        "it is a JSON list of strings or of {\"key\": …}, or one key per line",
        FailureKind::Failed,
    )?;
    let key = |(index, entry): (usize, &serde_json::Value)| {
        let named = || entry.get("key").or_else(|| entry.get("query"))?.as_str();
        let text = entry.as_str().or_else(named);
        text.map(str::to_owned).ok_or_else(|| {
            fail(
                format!(
                    "entry {index} of {} is neither a text nor has one as \"key\"",
                    path.display()
                ),
                "entries are strings or {\"key\": \"…\"}",
                FailureKind::Failed,
            )
        })
    };
    list.iter().enumerate().map(key).collect()
}

/// Keys of a text: one per line, each a text or an object with `key`.
fn lines(text: &str) -> Vec<String> {
    let key = |line: &str| {
        let object = serde_json::from_str::<serde_json::Value>(line).ok();
        let named = object.as_ref().and_then(|o| o.get("key").or(o.get("query"))?.as_str());
        named.unwrap_or(line).to_owned()
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(key).collect()
}

fn report(universe: &Universe, dir: PathBuf, unused: Unused, output: Output) {
    let Unused { dropped, skipped } = unused;
    let left_out = skipped.iter().map(|group| group.count).sum::<usize>().max(dropped);
    let parts = universe.parts();
    let made = Made {
        dir,
        model_id: universe.model(),
        epoch: universe.epoch(),
        personal: parts.personal(),
        shared: parts.shared(),
        bundles: universe.tree().bundles(),
        root: universe.root(),
        dropped,
        skipped,
    };
    output.result(&made, &made.root.to_string(), || {
        format!(
            "universe {}: {} personal and {} shared fingerprints ({left_out} keys left out)\nroot {}\n\
             keep the secret: without it the universe is worthless, with it anyone can answer like a copy",
            made.dir.display(),
            made.personal,
            made.shared,
            made.root
        )
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_lines_or_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let read = |content: &str| {
            std::fs::write(&path, content).unwrap();
            texts(&path)
        };
        let expected = ["One day", "In the end"];
        assert_eq!(read("One day\n\n  In the end \n").unwrap(), expected);
        assert_eq!(read(r#"["One day", "In the end"]"#).unwrap(), expected);
        assert_eq!(
            read(r#"[{"key": "One day", "response": "x"}, "In the end"]"#).unwrap(),
            expected
        );
        let lines = "{\"key\": \"One day\", \"response\": \"x\"}\n{\"query\": \"In the end\"}\n";
        assert_eq!(read(lines).unwrap(), expected);
        assert!(read("a\u{0}b").unwrap_err().to_string().contains("binary"));
        assert!(read(r#"["One day", 3]"#).unwrap_err().to_string().contains("entry 1"));
        assert!(read("[").unwrap_err().to_string().contains("is not a list of keys"));
    }

    #[test]
    fn kinds_of_keys() {
        assert_eq!(key_source("random-word", 0.5).unwrap(), KeySource::RandomWords);
        assert_eq!(key_source("natural", 0.5).unwrap(), KeySource::Natural { temperature: 0.5 });
        assert!(key_source("no-such-kind", 0.5).is_err());
    }
}
