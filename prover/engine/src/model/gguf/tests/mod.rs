//! GGUF files written from the repository's model, whole and damaged.

use candle_core::quantized::ggml_file::qtensor_from_ggml;
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use proptest::prelude::*;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::header::{self, stored_bytes};
use super::{names, pre};
use crate::{Api, LoadOptions, Model, ModelError, Prompt};

mod candle;
mod tokenizer;

type Metadata = Vec<(&'static str, Value)>;

/// A tensor of one dimension with its name.
type List = (&'static str, Vec<f32>);

fn tiny_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models/tiny")
}

fn tiny() -> Model {
    Model::load(&tiny_dir(), &LoadOptions::default()).unwrap()
}

/// What llama.cpp says of the same files.
fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/gguf")
}

/// The interleaving that converters apply to queries and keys.
fn interleave(tensor: &Tensor, heads: usize) -> Tensor {
    let (rows, inner) = tensor.dims2().unwrap();
    let halves = tensor.reshape((heads, 2, rows / heads / 2, inner)).unwrap();
    halves.transpose(1, 2).unwrap().contiguous().unwrap().reshape((rows, inner)).unwrap()
}

/// The metadata that a converter would write.
fn metadata(model: &Model) -> Metadata {
    let config = model.config();
    let count = |n: usize| Value::U32(u32::try_from(n).unwrap());
    vec![
        ("general.architecture", Value::String("llama".to_owned())),
        ("llama.embedding_length", count(config.hidden_size)),
        ("llama.feed_forward_length", count(config.intermediate_size)),
        ("llama.block_count", count(config.layers)),
        ("llama.attention.head_count", count(config.heads)),
        ("llama.attention.head_count_kv", count(config.kv_heads)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.freq_base", Value::F32(10_000.0)),
        ("llama.context_length", count(config.max_positions)),
        ("tokenizer.ggml.bos_token_id", Value::U32(0)),
        ("tokenizer.ggml.eos_token_id", Value::U32(1)),
        ("general.numbers", Value::Array(vec![Value::F32(0.5), Value::F32(1.5)])),
    ]
}

/// Writes the model as a converter would, with matrices of a given type.
fn write(model: &Model, path: &Path, kind: GgmlDType) {
    write_with(model, path, kind, &metadata(model));
}

fn write_with(model: &Model, path: &Path, kind: GgmlDType, metadata: &[(&str, Value)]) {
    write_more(model, path, (kind, metadata, &[]));
}

/// With lists of numbers besides the parameters.
fn write_more(
    model: &Model,
    path: &Path,
    (kind, metadata, lists): (GgmlDType, &[(&str, Value)], &[List]),
) {
    let config = model.config();
    let mut tensors: Vec<(String, QTensor)> = model
        .weights()
        .named()
        .iter()
        .map(|(name, tensor)| {
            let tensor = match names::rotated_heads(config, name) {
                Some(heads) => interleave(tensor, heads),
                None => tensor.clone(),
            };
            let whole_blocks =
                tensor.dims().len() == 2 && tensor.dims()[1].is_multiple_of(kind.block_size());
            let kind = if whole_blocks { kind } else { GgmlDType::F32 };
            (
                names::stored(config, name, tensor.dims()).name,
                QTensor::quantize(&tensor, kind).unwrap(),
            )
        })
        .collect();
    for (name, list) in lists {
        let tensor = Tensor::from_slice(list, list.len(), &Device::Cpu).unwrap();
        let stored = QTensor::quantize(&tensor, GgmlDType::F32).unwrap();
        tensors.push(((*name).to_owned(), stored));
    }
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(n, t)| (n.as_str(), t)).collect();
    let mut file = File::create(path).unwrap();
    gguf_file::write(&mut file, &metadata, &tensors).unwrap();
}

fn written(kind: GgmlDType) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    write(&tiny(), &path, kind);
    std::fs::copy(tiny_dir().join("tokenizer.json"), dir.path().join("tokenizer.json")).unwrap();
    (dir, path)
}

fn prompts(model: &Model) -> Vec<Vec<u32>> {
    let texts =
        ["Once upon a time", "The little dog ran", "Lily saw a big", "He was so happy that"];
    texts.iter().map(|text| model.tokenizer().prompt(text).unwrap()).collect()
}

#[test]
fn unquantized_files_give_the_same_logits() {
    let model = tiny();
    let prompts = prompts(&model);
    for kind in [GgmlDType::F32, GgmlDType::F16] {
        let (_dir, path) = written(kind);
        let found = Model::load(&path, &LoadOptions::default()).unwrap();
        assert_eq!(found.config().bos, Some(0));
        let (a, b) = (model.last_logits(&prompts).unwrap(), found.last_logits(&prompts).unwrap());
        for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }
}

#[test]
fn quantized_files_answer_nearly_the_same() {
    let model = tiny();
    let prompts = prompts(&model);
    let expected = model.last_logits(&prompts).unwrap();
    // The rows of this model are no multiple of 256, so block types of that size stay f32 here.
    for (kind, bound) in [(GgmlDType::Q8_0, 0.3), (GgmlDType::Q4_0, 4.0), (GgmlDType::Q5_1, 2.0)] {
        let (_dir, path) = written(kind);
        let found = Model::load(&path, &LoadOptions::default()).unwrap();
        let logits = found.last_logits(&prompts).unwrap();
        let differences = expected.iter().flatten().zip(logits.iter().flatten());
        let worst = differences.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst > 0.0 && worst < bound, "{kind:?}: {worst}");
    }
}

#[test]
fn blocks_of_256_are_read_too() {
    let tensor = Tensor::arange(0.0_f32, 1024.0, &Device::Cpu).unwrap().reshape((2, 512)).unwrap();
    for kind in [GgmlDType::Q4K, GgmlDType::Q6K, GgmlDType::Q2K] {
        let quantized = QTensor::quantize(&tensor, kind).unwrap();
        let bytes = quantized.data().unwrap();
        assert_eq!(stored_bytes(kind, 1024, 512), Some(bytes.len()));
        let read = qtensor_from_ggml(kind, &bytes, vec![2, 512], &Device::Cpu).unwrap();
        let a: Vec<f32> =
            read.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let b: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 200.0));
    }
    assert_eq!(stored_bytes(GgmlDType::Q4K, 200, 100), None);
}

#[test]
fn the_file_has_a_chat_template() {
    let (dir, path) = written(GgmlDType::F16);
    let plain = Model::load(&path, &LoadOptions::default()).unwrap();
    assert!(plain.tokenizer().chat().is_none());
    let mut metadata = metadata(&tiny());
    let template = "{{ bos_token }}{{ messages[0].content }}";
    metadata.push(("tokenizer.chat_template", Value::String(template.to_owned())));
    write_with(&tiny(), &path, GgmlDType::F16, &metadata);
    let model = Model::load(&path, &LoadOptions::default()).unwrap();
    let tokenizer = model.tokenizer();
    let asked = tokenizer.asked(&Prompt::of_user(Api::Chat, "Once")).unwrap();
    assert_eq!(asked, tokenizer.prompt("Once").unwrap());
    drop(dir);
}

#[test]
fn a_missing_tokenizer_is_named() {
    let (dir, path) = written(GgmlDType::F16);
    std::fs::remove_file(dir.path().join("tokenizer.json")).unwrap();
    let error = Model::load(&path, &LoadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("no tokenizer.json beside it"), "{error}");
}

#[derive(serde::Deserialize)]
struct Logits {
    prompts: Vec<Vec<u32>>,
    logits: std::collections::BTreeMap<String, Vec<Vec<f32>>>,
}

/// Evenly spaced divisors.
fn spaced(from: f32, to: f32) -> Vec<f32> {
    (0..8_u8).map(|i| from + (to - from) * f32::from(i) / 7.0).collect()
}

fn rope(entries: &[(&'static str, Value)]) -> Metadata {
    metadata(&tiny()).into_iter().chain(entries.iter().cloned()).collect()
}

/// `scripts/golden_gguf.py` wrote the same files and asked llama.cpp.
#[test]
fn stretched_frequencies_are_those_of_llama_cpp() {
    let text = std::fs::read_to_string(golden().join("logits.json")).unwrap();
    let golden: Logits = serde_json::from_str(&text).unwrap();
    let kind = |name: &str| ("llama.rope.scaling.type", Value::String(name.to_owned()));
    let factor = ("llama.rope.scaling.factor", Value::F32(4.0));
    let original = |n| ("llama.rope.scaling.original_context_length", Value::U32(n));
    let grown = ("llama.rope.scaling.attn_factor", Value::F32(1.19));
    let long: [List; 2] = [
        ("rope_factors_short.weight", spaced(1.0, 2.0)),
        ("rope_factors_long.weight", spaced(1.0, 30.0)),
    ];
    let cases: [(&str, Metadata, &[List]); 5] = [
        ("none", rope(&[]), &[]),
        ("linear", rope(&[kind("linear"), factor.clone()]), &[]),
        ("yarn", rope(&[kind("yarn"), factor, original(64)]), &[]),
        ("freqs", rope(&[]), &[("rope_freqs.weight", spaced(1.0, 8.0))]),
        ("longrope", rope(&[kind("longrope"), original(256), grown]), &long),
    ];
    let (model, dir) = (tiny(), tempfile::tempdir().unwrap());
    std::fs::copy(tiny_dir().join("tokenizer.json"), dir.path().join("tokenizer.json")).unwrap();
    for (name, metadata, tensors) in cases {
        let path = dir.path().join(format!("{name}.gguf"));
        write_more(&model, &path, (GgmlDType::F32, &metadata, tensors));
        let loaded = Model::load(&path, &LoadOptions::default()).unwrap();
        let saved = dir.path().join(name);
        loaded.save(&saved).unwrap();
        // What is saved is the same model in the other layout.
        for model in [loaded, Model::load(&saved, &LoadOptions::default()).unwrap()] {
            let found = model.last_logits(&golden.prompts).unwrap();
            for (found, wanted) in found.iter().zip(&golden.logits[name]) {
                let worst =
                    found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 5e-3, "{name}: {worst}");
            }
        }
    }
    // Beyond the short list's contexts other frequencies would hold.
    let path = dir.path().join("short.gguf");
    let metadata = rope(&[kind("longrope"), original(128)]);
    write_more(&model, &path, (GgmlDType::F32, &metadata, &long));
    assert_eq!(Model::load(&path, &LoadOptions::default()).unwrap().context(), 128);
}

#[test]
fn frequencies_that_make_no_sense_are_refused() {
    let kind = |name: &str| ("llama.rope.scaling.type", Value::String(name.to_owned()));
    let number = |key, n: f32| (key, Value::F32(n));
    let bad: [(Metadata, &[List], &str); 8] = [
        (rope(&[kind("dynamic")]), &[], "`dynamic`"),
        (rope(&[kind("longrope")]), &[], "`longrope`"),
        (rope(&[kind("linear"), number("llama.rope.scaling.factor", -2.0)]), &[], "`factor`"),
        (rope(&[kind("linear")]), &[("rope_freqs.weight", spaced(1.0, 2.0))], "rope_freqs"),
        (rope(&[]), &[("rope_freqs.weight", spaced(1.0, -2.0))], "must be above 0"),
        (rope(&[]), &[("rope_freqs.weight", vec![1.0; 7])], "a list of 8 numbers"),
        (rope(&[("llama.rope.dimension_count", Value::U32(7))]), &[], "even number of 2 to 16"),
        (rope(&[("llama.rope.dimension_count", Value::Bool(true))]), &[], "even number of 2 to 16"),
    ];
    let (model, dir) = (tiny(), tempfile::tempdir().unwrap());
    std::fs::copy(tiny_dir().join("tokenizer.json"), dir.path().join("tokenizer.json")).unwrap();
    let path = dir.path().join("m.gguf");
    for (metadata, tensors, part) in bad {
        write_more(&model, &path, (GgmlDType::F32, &metadata, tensors));
        let error = Model::load(&path, &LoadOptions::default()).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// Converters write a window of 0 for a model that has none. The expected values are those of the
/// same metadata without the key.
#[test]
fn a_window_of_zero_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    let embeddings = Tensor::zeros((16, 8), candle_core::DType::F32, &Device::Cpu).unwrap();
    let embeddings = QTensor::quantize(&embeddings, GgmlDType::F32).unwrap();
    let window = |window: Option<u32>| {
        let mut metadata = vec![
            ("general.architecture".to_owned(), Value::String("phi3".to_owned())),
            ("phi3.attention.layer_norm_rms_epsilon".to_owned(), Value::F32(1e-5)),
        ];
        for (key, value) in [
            ("embedding_length", 8),
            ("feed_forward_length", 8),
            ("block_count", 1),
            ("attention.head_count", 2),
            ("context_length", 64),
        ] {
            metadata.push((format!("phi3.{key}"), Value::U32(value)));
        }
        let window = window.map(|n| ("phi3.attention.sliding_window".to_owned(), Value::U32(n)));
        metadata.extend(window);
        let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(k, v)| (k.as_str(), v)).collect();
        let mut file = File::create(&path).unwrap();
        gguf_file::write(&mut file, &metadata, &[("token_embd.weight", &embeddings)]).unwrap();
        let mut file = File::open(&path).unwrap();
        let header = header::read(&mut file, &path).unwrap();
        super::config::read(&header, &path, &mut file)
    };
    let (absent, zero) = (window(None).unwrap(), window(Some(0)).unwrap());
    assert_eq!((zero.window(0), zero.kv_heads, zero.head_dim), (None, 2, 4));
    assert_eq!(zero.window(0), absent.window(0));
    assert_eq!(window(Some(47)).unwrap().window(0), Some(47));
    // What is wrong is in this file, not in a config.json.
    let error = window(Some(1 << 25)).unwrap_err();
    assert!(matches!(error, ModelError::Gguf { .. }), "{error}");
    assert!(error.to_string().contains("its metadata say sliding_window"), "{error}");
}

#[test]
fn cut_off_files_are_refused() {
    let (dir, path) = written(GgmlDType::Q8_0);
    let whole = std::fs::read(&path).unwrap();
    let cut = dir.path().join("cut.gguf");
    for length in [0, 3, 10, 24, 100, 700, 5000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&cut, &whole[..length]).unwrap();
        let error = Model::load(&cut, &LoadOptions::default()).unwrap_err();
        assert!(matches!(error, ModelError::Gguf { .. }), "{length}: {error}");
    }
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    for (kind, nan) in [(GgmlDType::F32, [0, 0, 0xc0, 0x7f]), (GgmlDType::Q8_0, [0, 0x7e, 1, 2])] {
        let (_dir, path) = written(kind);
        let mut bytes = std::fs::read(&path).unwrap();
        let header = header::read(&mut File::open(&path).unwrap(), &path).unwrap();
        let info = &header.tensors["token_embd.weight"];
        let at = usize::try_from(header.data_start + info.offset).unwrap();
        // A value, or the scale of a block.
        bytes[at..at + 4].copy_from_slice(&nan);
        std::fs::write(&path, bytes).unwrap();
        let error = Model::load(&path, &LoadOptions::default()).unwrap_err();
        assert!(matches!(error, ModelError::NotFinite { .. }), "{kind:?}: {error}");
    }
}

#[test]
fn huge_claims_allocate_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hostile.gguf");
    let head = |tensors: u64, values: u64| {
        [b"GGUF".as_slice(), &3_u32.to_le_bytes(), &tensors.to_le_bytes(), &values.to_le_bytes()]
            .concat()
    };
    let text = |length: u64| [head(0, 1), length.to_le_bytes().to_vec()].concat();
    let array = [
        text(1),
        b"k".to_vec(),
        9_u32.to_le_bytes().to_vec(),
        8_u32.to_le_bytes().to_vec(),
        u64::MAX.to_le_bytes().to_vec(),
    ]
    .concat();
    let mut nested = [text(1), b"k".to_vec(), 9_u32.to_le_bytes().to_vec()].concat();
    for _ in 0..1000 {
        nested.extend(9_u32.to_le_bytes());
        nested.extend(1_u64.to_le_bytes());
    }
    for bytes in [head(u64::MAX, 0), head(0, u64::MAX), text(u64::MAX), array, nested] {
        std::fs::write(&path, bytes).unwrap();
        let error = Model::load(&path, &LoadOptions::default()).unwrap_err();
        assert!(matches!(error, ModelError::Gguf { .. }), "{error}");
    }
}

#[test]
fn other_architectures_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    let value = Value::String("rwkv6".to_owned());
    let mut file = File::create(&path).unwrap();
    gguf_file::write(&mut file, &[("general.architecture", &value)], &[]).unwrap();
    let error = Model::load(&path, &LoadOptions::default()).unwrap_err();
    assert!(matches!(error, ModelError::UnsupportedArchitecture { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn damaged_headers_never_panic(at in 0_usize..1500, byte in any::<u8>(), more in any::<u64>()) {
        use std::sync::OnceLock;
        static SMALL: OnceLock<Vec<u8>> = OnceLock::new();
        let whole = SMALL.get_or_init(|| {
            let (_dir, path) = written(GgmlDType::Q8_0);
            std::fs::read(path).unwrap()
        });
        let mut head = whole[..4096].to_vec();
        head[at] = byte;
        if more.is_multiple_of(3) {
            head[at..at + 8].copy_from_slice(&more.to_le_bytes());
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("damaged.gguf");
        std::fs::write(&path, &head).unwrap();
        let mut file = File::open(&path).unwrap();
        // The data is missing, so whatever the header says, it can't be right.
        prop_assert!(header::read(&mut file, &path).is_err());
    }
}
