//! GGUF files written from the repository's model, whole and damaged.

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

use super::*;
use crate::model::{Api, Prompt, weights_hash};

fn tiny_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny")
}

fn tiny() -> Model {
    Model::load(&tiny_dir(), &LoadOptions::default()).unwrap()
}

/// The interleaving that converters apply to queries and keys.
fn interleave(tensor: &Tensor, heads: usize) -> Tensor {
    let (rows, inner) = tensor.dims2().unwrap();
    let halves = tensor.reshape((heads, 2, rows / heads / 2, inner)).unwrap();
    halves.transpose(1, 2).unwrap().contiguous().unwrap().reshape((rows, inner)).unwrap()
}

/// The metadata that a converter would write.
fn metadata(model: &Model) -> Vec<(&'static str, Value)> {
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
        ("tokenizer.ggml.scores", Value::Array(vec![Value::F32(0.5), Value::F32(1.5)])),
    ]
}

/// Writes the model as a converter would, with matrices of a given type.
fn write(model: &Model, path: &Path, kind: GgmlDType) {
    write_with(model, path, kind, &metadata(model));
}

fn write_with(model: &Model, path: &Path, kind: GgmlDType, metadata: &[(&str, Value)]) {
    let config = model.config();
    let tensors: Vec<(String, QTensor)> = model
        .decoder
        .weights
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
fn the_file_has_a_hash_and_a_chat_template() {
    let (dir, path) = written(GgmlDType::F16);
    let hash = weights_hash(&path).unwrap();
    assert_eq!(weights_hash(&path).unwrap(), hash);
    let plain = Model::load(&path, &LoadOptions::default()).unwrap();
    assert!(plain.tokenizer().chat().is_none());
    let mut metadata = metadata(&tiny());
    let template = "{{ bos_token }}{{ messages[0].content }}";
    metadata.push(("tokenizer.chat_template", Value::String(template.to_owned())));
    write_with(&tiny(), &path, GgmlDType::F16, &metadata);
    assert_ne!(weights_hash(&path).unwrap(), hash);
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
