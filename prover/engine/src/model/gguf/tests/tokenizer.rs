//! Tokenizers read from GGUF files, held against llama.cpp and against the `tokenizer.json` of the
//! same vocabulary.

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{self, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::*;
use crate::model::gguf::fields::Fields;
use crate::model::gguf::tokenizer::build as build_tokenizer;
use crate::model::gguf::vocabulary::Vocabulary;

/// `scripts/golden_gguf.py` asked llama.cpp.
#[derive(serde::Deserialize)]
struct Golden {
    texts: Vec<String>,
    ids: BTreeMap<String, Vec<Vec<u32>>>,
}

fn golden_ids() -> Golden {
    let text = std::fs::read_to_string(golden().join("ids.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn texts(list: &[&str]) -> Value {
    Value::Array(list.iter().map(|text| Value::String((*text).to_owned())).collect())
}

fn kinds(list: &[i32]) -> Value {
    Value::Array(list.iter().map(|kind| Value::I32(*kind)).collect())
}

/// The tokenizer's metadata as a converter writes them from `tokenizer.json`, padded to the model's
/// rows.
fn described(dir: &Path, rows: usize) -> Metadata {
    let json: Json =
        serde_json::from_slice(&std::fs::read(dir.join("tokenizer.json")).unwrap()).unwrap();
    let vocabulary = json["model"]["vocab"].as_object().unwrap();
    let mut tokens: Vec<(u64, &str)> =
        vocabulary.iter().map(|(text, id)| (id.as_u64().unwrap(), text.as_str())).collect();
    tokens.sort_unstable();
    let mut tokens: Vec<&str> = tokens.iter().map(|(_, text)| *text).collect();
    let pads: Vec<String> = (tokens.len()..rows).map(|i| format!("[PAD{i}]")).collect();
    let special: Vec<&str> = json["added_tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["content"].as_str().unwrap())
        .collect();
    let pieces = json["model"]["byte_fallback"] == true;
    let kind = |text: &&str| match *text {
        "<unk>" if pieces => 2,
        text if special.contains(&text) => 3,
        text if pieces && text.starts_with("<0x") => 6,
        _ => 1,
    };
    let numbers: Vec<i32> = tokens.iter().map(kind).chain(pads.iter().map(|_| 5)).collect();
    let merges: Vec<(String, String)> = json["model"]["merges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| match m.as_str() {
            Some(line) => line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap(),
            None => (m[0].as_str().unwrap().to_owned(), m[1].as_str().unwrap().to_owned()),
        })
        .collect();
    let id = |text: &str| {
        Value::U32(vocabulary[text].as_u64().and_then(|id| id.try_into().ok()).unwrap())
    };
    let mut found: Metadata = vec![
        ("tokenizer.ggml.add_bos_token", Value::Bool(true)),
        ("tokenizer.ggml.bos_token_id", id("<s>")),
        ("tokenizer.ggml.eos_token_id", id("</s>")),
    ];
    if pieces {
        let mut rank = BTreeMap::new();
        for (i, (a, b)) in (0_u16..).zip(&merges) {
            rank.entry(format!("{a}{b}")).or_insert(i);
        }
        let score = |text: &&str| Value::F32(-f32::from(rank.get(*text).copied().unwrap_or(9999)));
        found.push(("tokenizer.ggml.scores", Value::Array(tokens.iter().map(score).collect())));
        found.push(("tokenizer.ggml.model", Value::String("llama".to_owned())));
    } else {
        let lines = merges.iter().map(|(a, b)| Value::String(format!("{a} {b}")));
        found.push(("tokenizer.ggml.merges", Value::Array(lines.collect())));
        found.push(("tokenizer.ggml.model", Value::String("gpt2".to_owned())));
        found.push(("tokenizer.ggml.pre", Value::String("gpt-2".to_owned())));
    }
    tokens.extend(pads.iter().map(String::as_str));
    found.push(("tokenizer.ggml.tokens", texts(&tokens)));
    found.push(("tokenizer.ggml.token_type", kinds(&numbers)));
    found
}

/// Replaces an entry of the metadata, or adds it.
fn with(mut metadata: Metadata, key: &'static str, value: Value) -> Metadata {
    metadata.retain(|(name, _)| *name != key);
    metadata.push((key, value));
    metadata
}

/// The tokenizer of a file of these metadata and nothing else, for a model of so many rows.
fn build(metadata: &Metadata, rows: usize) -> Result<tokenizers::Tokenizer, ModelError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    let entries: Vec<(&str, &Value)> = metadata.iter().map(|(k, v)| (*k, v)).collect();
    gguf_file::write(&mut File::create(&path).unwrap(), &entries, &[]).unwrap();
    from_file(&path, rows)
}

fn from_file(path: &Path, rows: usize) -> Result<tokenizers::Tokenizer, ModelError> {
    let header = header::read(&mut File::open(path).unwrap(), path)?;
    let fields = Fields { header: &header, path };
    let vocabulary = Vocabulary::read(&fields, rows)?.expect("it has tokens");
    build_tokenizer(&fields, &vocabulary)
}

fn encode(tokenizer: &tokenizers::Tokenizer, text: &str) -> Vec<u32> {
    tokenizer.encode_fast(text, false).unwrap().get_ids().to_vec()
}

/// The file of the byte-level vocabulary whose merges cross every cut, with another family's name.
fn of_family(pre: &str) -> Metadata {
    let path = golden().join("bytes.gguf");
    let header = header::read(&mut File::open(&path).unwrap(), &path).unwrap();
    let fields = Fields { header: &header, path: &path };
    let list = |key: &str| {
        let list = fields.texts(key).unwrap().unwrap();
        texts(&list.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let Some(header::Value::Numbers(numbers)) = fields.get("tokenizer.ggml.token_type") else {
        panic!("no kinds");
    };
    let numbers = numbers.iter().map(|kind| Value::F64(*kind)).collect();
    vec![
        ("tokenizer.ggml.model", Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Value::String(pre.to_owned())),
        ("tokenizer.ggml.tokens", list("tokenizer.ggml.tokens")),
        ("tokenizer.ggml.token_type", Value::Array(numbers)),
        ("tokenizer.ggml.merges", list("tokenizer.ggml.merges")),
        ("tokenizer.ggml.bos_token_id", Value::U32(0)),
    ]
}

#[test]
fn every_family_gives_the_ids_of_llama_cpp() {
    let golden = golden_ids();
    for (name, expected) in &golden.ids {
        let built = match name.as_str() {
            "pieces" => from_file(&super::golden().join("pieces.gguf"), 512),
            pre => build(&of_family(pre), 2048),
        };
        let built = built.unwrap();
        for (text, expected) in golden.texts.iter().zip(expected) {
            assert_eq!(&encode(&built, text), expected, "{name}: {text:?}");
        }
    }
    // The texts tell all families apart: those that remain differ in name alone.
    let distinct: std::collections::BTreeSet<_> = golden.ids.values().collect();
    assert_eq!(distinct.len(), 7);
    for name in pre::names() {
        assert!(golden.ids.contains_key(name), "{name} was not held against llama.cpp");
    }
}

/// A lone file written from a model directory, without anything beside it.
fn lone(dir: &Path) -> (tempfile::TempDir, PathBuf, Model) {
    let model = Model::load(dir, &LoadOptions::default()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("model.gguf");
    let mut entries = metadata(&model);
    entries.retain(|(key, _)| !key.ends_with("_token_id"));
    entries.extend(described(dir, model.config().vocab_size));
    write_with(&model, &path, GgmlDType::F32, &entries);
    (out, path, model)
}

/// A lone file is the model it was written from: same ids, same texts, same answers.
fn is_the_same_model(dir: &Path) {
    let (_out, path, model) = lone(dir);
    let found = Model::load(&path, &LoadOptions::default()).unwrap();
    let (a, b) = (model.tokenizer(), found.tokenizer());
    assert_eq!((b.origin(), b.bos(), b.eos()), ("the GGUF file", a.bos(), a.eos()));
    let mut special: Vec<Vec<u32>> = [a, b].map(|t| t.special_tokens().collect()).to_vec();
    special.iter_mut().for_each(|ids| ids.sort_unstable());
    assert_eq!(special[0], special[1]);
    for text in golden_ids().texts {
        let ids = a.prompt(&text).unwrap();
        assert_eq!(b.prompt(&text).unwrap(), ids, "{text:?}");
        assert_eq!(b.decode(&ids).unwrap(), a.decode(&ids).unwrap(), "{text:?}");
    }
    for token in 0..u32::try_from(model.config().vocab_size).unwrap() {
        assert_eq!(a.word_initial(token), b.word_initial(token), "{token}");
    }
    let prompts: Vec<Vec<u32>> =
        ["Once upon a time", "The little dog", "Lily saw a big", "One day"]
            .iter()
            .map(|text| a.prompt(text).unwrap())
            .collect();
    assert_eq!(found.answer(&prompts, 24).unwrap(), model.answer(&prompts, 24).unwrap());
}

#[test]
fn a_lone_file_of_the_repository_model_is_that_model() {
    is_the_same_model(&tiny_dir());
}

#[test]
fn a_lone_file_with_sentence_pieces_is_its_model() {
    let root = std::env::var_os("OML_SHARED_MODELS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models"),
        PathBuf::from,
    );
    let dir = root.join("stories260K");
    if !dir.is_dir() {
        eprintln!("skipped: {} is not installed", dir.display());
        return;
    }
    is_the_same_model(&dir);
}

#[test]
fn a_tokenizer_beside_the_file_goes_first_only_if_it_fits() {
    let (out, path, _) = lone(&tiny_dir());
    let beside = out.path().join("tokenizer.json");
    let origin = |path: &Path| {
        Model::load(path, &LoadOptions::default()).unwrap().tokenizer().origin().to_owned()
    };
    std::fs::copy(tiny_dir().join("tokenizer.json"), &beside).unwrap();
    assert_eq!(origin(&path), beside.display().to_string());
    // Of another vocabulary, or damaged.
    let text = std::fs::read_to_string(&beside).unwrap();
    let mut json: Json = serde_json::from_str(&text).unwrap();
    let more = json!({ "id": 2040, "content": "<more>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true });
    json["added_tokens"].as_array_mut().unwrap().push(more);
    std::fs::write(&beside, json.to_string()).unwrap();
    let kept = origin(&path);
    assert!(kept == beside.display().to_string() || kept == "the GGUF file");
    for damaged in
        ["{}", "", &text.replace("\"vocab\":{\"<s>\":0,", "\"vocab\":{\"<s>\":0,\"zz\":9999,")]
    {
        std::fs::write(&beside, damaged).unwrap();
        assert_eq!(origin(&path), "the GGUF file");
    }
}

/// A small vocabulary of bytes, as a byte-level one must have, and a few pairs.
fn small() -> Metadata {
    vec![
        ("tokenizer.ggml.model", Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Value::String("gpt-2".to_owned())),
        ("tokenizer.ggml.tokens", texts(&["<s>", "a", "b", "ab", "</s>"])),
        ("tokenizer.ggml.token_type", kinds(&[3, 1, 1, 1, 3])),
        ("tokenizer.ggml.merges", texts(&["a b"])),
        ("tokenizer.ggml.bos_token_id", Value::U32(0)),
        ("tokenizer.ggml.eos_token_id", Value::U32(4)),
    ]
}

/// The same tokens as pieces with scores.
fn pieces() -> Metadata {
    let scores = Value::Array([0.0, -1.0, -2.0, -3.0, 0.0].map(Value::F32).to_vec());
    let model = with(small(), "tokenizer.ggml.model", Value::String("llama".to_owned()));
    with(
        with(model, "tokenizer.ggml.scores", scores),
        "tokenizer.ggml.unknown_token_id",
        Value::U32(0),
    )
}

#[test]
fn metadata_that_make_no_sense_are_refused_by_name() {
    assert_eq!(encode(&build(&small(), 5).unwrap(), "abab"), [3, 3]);
    let text = |text: &str| Value::String(text.to_owned());
    let numbers = |n: usize| Value::Array(vec![Value::F32(f32::NAN); n]);
    let long = "x".repeat(5000);
    let cases: Vec<(Metadata, &str)> = vec![
        (with(small(), "tokenizer.ggml.model", text("rwkv")), "`rwkv`"),
        (
            with(small(), "tokenizer.ggml.model", Value::U32(1)),
            "`tokenizer.ggml.model` must be a text",
        ),
        (with(small(), "tokenizer.ggml.pre", text("chatglm-bpe")), "`chatglm-bpe`"),
        (
            with(small(), "tokenizer.ggml.pre", Value::Bool(true)),
            "`tokenizer.ggml.pre` must be a text",
        ),
        (
            with(small(), "tokenizer.ggml.tokens", Value::U32(5)),
            "must be an array of texts, found 5",
        ),
        (with(small(), "tokenizer.ggml.tokens", kinds(&[1; 5])), "found an array of 5 numbers"),
        (
            with(small(), "tokenizer.ggml.tokens", texts(&["a", "b"])),
            "2 entries, the embedding matrix 5 rows",
        ),
        (
            with(small(), "tokenizer.ggml.tokens", texts(&["<s>", "a", "b", "ab", "a"])),
            "1 and 4 are both \"a\"",
        ),
        (
            with(small(), "tokenizer.ggml.tokens", texts(&["<s>", "a", "b", "ab", &long])),
            "5000 bytes",
        ),
        (with(small(), "tokenizer.ggml.token_type", kinds(&[3, 1])), "array of 5 numbers"),
        (with(small(), "tokenizer.ggml.token_type", kinds(&[3, 1, 1, 9, 3])), "token 3 is 9"),
        (with(small(), "tokenizer.ggml.token_type", texts(&["a"; 5])), "array of 5 numbers"),
        (with(small(), "tokenizer.ggml.merges", texts(&["a c"])), "\"c\", which is no token"),
        (with(small(), "tokenizer.ggml.merges", texts(&["b a"])), "\"ba\", which is no token"),
        (with(small(), "tokenizer.ggml.merges", texts(&["ab ab"])), "\"abab\", which is no token"),
        (with(small(), "tokenizer.ggml.merges", texts(&["ab"])), "two texts with a blank"),
        (with(small(), "tokenizer.ggml.merges", texts(&[""])), "two texts with a blank"),
        (with(small(), "tokenizer.ggml.merges", texts(&["a "])), "two texts with a blank"),
        (with(small(), "tokenizer.ggml.merges", kinds(&[1])), "must be an array of texts"),
        (with(small(), "tokenizer.ggml.bos_token_id", Value::U32(5)), "vocabulary has 5 tokens"),
        (with(small(), "tokenizer.ggml.bos_token_id", Value::I32(-1)), "must be a whole number"),
        (
            with(small(), "tokenizer.ggml.eos_token_id", Value::U64(u64::MAX)),
            "must be a whole number",
        ),
        (with(small(), "tokenizer.ggml.eos_token_id", Value::F32(1.5)), "must be a whole number"),
        (
            with(small(), "tokenizer.ggml.padding_token_id", Value::U32(77)),
            "vocabulary has 5 tokens",
        ),
        (with(small(), "tokenizer.ggml.add_bos_token", Value::U32(7)), "true or false"),
        (with(pieces(), "tokenizer.ggml.scores", numbers(5)), "array of 5 numbers"),
        (with(pieces(), "tokenizer.ggml.scores", numbers(4)), "array of 5 numbers"),
        (
            with(pieces(), "tokenizer.ggml.unknown_token_id", Value::U32(9)),
            "vocabulary has 5 tokens",
        ),
        (with(small(), "tokenizer.ggml.model", text("llama")), "tokenizer.ggml.scores"),
    ];
    for (metadata, part) in cases {
        let error = build(&metadata, 5).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    let mut without = pieces();
    without.retain(|(key, _)| *key != "tokenizer.ggml.bos_token_id");
    let error = build(&without, 5).unwrap_err().to_string();
    assert!(error.contains("does not say with which"), "{error}");
    without.retain(|(key, _)| *key != "tokenizer.ggml.unknown_token_id");
    let error = build(&without, 5).unwrap_err().to_string();
    assert!(error.contains("0 of 256 byte tokens"), "{error}");
}

#[test]
fn twice_the_same_key_is_refused() {
    let mut twice = small();
    twice.push(("tokenizer.ggml.tokens", texts(&["x"])));
    assert!(
        build(&twice, 5).unwrap_err().to_string().contains("hold `tokenizer.ggml.tokens` twice")
    );
}

#[test]
fn vocabularies_that_cost_too_much_are_refused() {
    // 4,000 bytes each: the merges of 128 such would be sought among 2^31 bytes.
    let long: Vec<String> = (0..128).map(|i| format!("{i:04000}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let metadata = with(small(), "tokenizer.ggml.tokens", texts(&long));
    let metadata = with(metadata, "tokenizer.ggml.token_type", kinds(&[1; 128]));
    assert!(build(&metadata, 128).unwrap_err().to_string().contains("too long to read"));
    let many: Vec<String> = (0..70_000).map(|i| format!("<{i}>")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let metadata = with(small(), "tokenizer.ggml.tokens", texts(&many));
    let metadata = with(metadata, "tokenizer.ggml.token_type", kinds(&[3; 70_000]));
    assert!(build(&metadata, 70_000).unwrap_err().to_string().contains("too long to read"));
}

#[test]
fn counts_beyond_any_vocabulary_allocate_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    let key = "tokenizer.ggml.tokens";
    let count = |n: u64, room: usize| {
        let head =
            [b"GGUF".as_slice(), &3_u32.to_le_bytes(), &0_u64.to_le_bytes(), &1_u64.to_le_bytes()];
        let name = [&(key.len() as u64).to_le_bytes(), key.as_bytes()].concat();
        let array = [9_u32.to_le_bytes(), 8_u32.to_le_bytes()].concat();
        [head.concat(), name, array, n.to_le_bytes().to_vec(), vec![0; room]].concat()
    };
    for (n, room) in [(u64::MAX, 0), (1 << 40, 8), ((1 << 20) + 1, 2 << 20)] {
        std::fs::write(&path, count(n, room)).unwrap();
        let error = header::read(&mut File::open(&path).unwrap(), &path).unwrap_err().to_string();
        assert!(error.contains(&n.to_string()), "{error}");
    }
}

#[test]
fn control_and_added_tokens_are_found_in_texts() {
    let tokens = texts(&["<s>", "a", "b", "", "</s>"]);
    let metadata =
        with(with(small(), "tokenizer.ggml.tokens", tokens), "tokenizer.ggml.merges", texts(&[]));
    let metadata = with(metadata, "tokenizer.ggml.token_type", kinds(&[3, 1, 1, 1, 4]));
    let built =
        build(&with(metadata.clone(), "tokenizer.ggml.add_eos_token", Value::Bool(true)), 5)
            .unwrap();
    assert_eq!(encode(&built, "a<s>b</s>a"), [1, 0, 2, 4, 1]);
    assert_eq!(built.encode_fast("a", true).unwrap().get_ids(), [1, 4]);
    // An added token is text, a control token is not.
    assert_eq!(built.decode(&[0, 1, 4], true).unwrap(), "a</s>");
    let first = with(metadata, "tokenizer.ggml.pre", Value::String("llama-bpe".to_owned()));
    assert_eq!(build(&first, 5).unwrap().encode_fast("a", true).unwrap().get_ids(), [0, 1]);
}

/// SentencePiece's rule to the letter: of all neighbours that are a token together join the pair of
/// the highest score, the leftmost of equals.
fn joined_by_score(text: &str, scores: &BTreeMap<String, f32>) -> Vec<String> {
    let mut parts: Vec<String> = text.chars().map(String::from).collect();
    loop {
        let pairs = parts
            .windows(2)
            .enumerate()
            .filter_map(|(at, pair)| scores.get(&pair.concat()).map(|score| (*score, at)));
        let best = pairs.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let Some((_, at)) = best else { return parts };
        let right = parts.remove(at + 1);
        parts[at].push_str(&right);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_has_the_ids_of_the_repository_tokenizer(text in ".*") {
        static BOTH: OnceLock<(tokenizers::Tokenizer, Model)> = OnceLock::new();
        let (built, model) = BOTH.get_or_init(|| (build(&described(&tiny_dir(), 2048), 2048).unwrap(), tiny()));
        prop_assert_eq!(encode(built, &text), model.tokenizer().encode(&text).unwrap());
    }

    #[test]
    fn pieces_are_joined_by_score(order in Just(()).prop_perturb(|(), mut rng| {
        let mut scores: Vec<i32> = (0..12).collect();
        for i in (1..scores.len()).rev() {
            let j = rng.next_u32() as usize % (i + 1);
            scores.swap(i, j);
        }
        scores
    }), text in "[ab]{1,40}") {
        let words = ["a", "b", "aa", "ab", "ba", "aaa", "aab", "bab", "aaaa", "abab", "bb", "bba"];
        let tokens: Vec<&str> = ["<unk>"].into_iter().chain(words).collect();
        let scores: BTreeMap<String, f32> = words.iter().zip(&order).map(|(w, s)| ((*w).to_owned(), *s as f32)).collect();
        let metadata = vec![
            ("tokenizer.ggml.model", Value::String("llama".to_owned())),
            ("tokenizer.ggml.tokens", texts(&tokens)),
            ("tokenizer.ggml.scores", Value::Array([0].iter().chain(&order).map(|s| Value::F32(*s as f32)).collect())),
            ("tokenizer.ggml.token_type", kinds(&[2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])),
            ("tokenizer.ggml.add_space_prefix", Value::Bool(false)),
            ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
        ];
        let built = build(&metadata, 13).unwrap();
        let found: Vec<&str> = encode(&built, &text).iter().map(|id| tokens[*id as usize]).collect();
        prop_assert_eq!(found, joined_by_score(&text, &scores));
    }
}
