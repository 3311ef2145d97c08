//! How fast keys are checked on a GPU, against the rate of its own matrix product in the same run.
//!
//! ```text
//! bench_cuda make DIR LAYERS HIDDEN INNER HEADS KV_HEADS VOCABULARY
//! bench_cuda check DIR DEVICE f32|bf16|f16 KEYS
//! ```
//!
//! `make` writes random bf16 weights; 8B parameters are `make DIR 32 4096 14336 32 8 128256`.
//! `check`, as in `check DIR cuda bf16 24576`, prints one JSON object: seconds, the floor `2 ·
//! parameters · tokens / rate of the product` (arXiv 2001.08361, appendix B; embeddings look up and
//! the head reads last tokens only, so neither counts per token), their ratio, and the memory that
//! the GPU holds beyond the weights (from `nvidia-smi`, as the pool of the process stands at its
//! peak).

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use candle_core::{DType, Device, Tensor};
use oml_engine::{DeviceName, FloatType, LoadOptions, Model};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Tokens of a key, the beginning-of-sequence token included.
const KEY_TOKENS: usize = 17;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["make", dir, shape @ ..] => make(Path::new(dir), shape)?,
        ["check", dir, device, precision, keys] => {
            check(Path::new(dir), device.parse()?, precision, keys.parse()?)?
        }
        _ => return Err("usage: see the head of prover/engine/examples/bench_cuda.rs".into()),
    };
    println!("{result}");
    Ok(())
}

/// A model of this shape with one file per layer; the tokenizer is that of the small model and
/// never asked.
fn make(dir: &Path, shape: &[&str]) -> Outcome<Value> {
    let numbers: Vec<usize> = shape.iter().map(|n| n.parse()).collect::<Result<_, _>>()?;
    let [layers, hidden, inner, heads, kv_heads, vocabulary] = numbers[..] else {
        return Err("six numbers make a shape".into());
    };
    std::fs::create_dir_all(dir)?;
    let tokenizer =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models/tiny/tokenizer.json");
    std::fs::copy(tokenizer, dir.join("tokenizer.json"))?;
    let config = json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": hidden,
        "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "vocab_size": vocabulary, "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5, "rope_theta": 500_000.0, "tie_word_embeddings": false,
    });
    std::fs::write(dir.join("config.json"), config.to_string())?;
    let kv = hidden / heads * kv_heads;
    let mut map = BTreeMap::new();
    let mut save = |file: String, tensors: Vec<(String, Vec<usize>)>| -> Outcome<()> {
        let named = tensors
            .into_iter()
            .map(|(name, shape)| {
                map.insert(name.clone(), file.clone());
                Ok((name.clone(), random(&name, &shape)?))
            })
            .collect::<Outcome<HashMap<String, Tensor>>>()?;
        Ok(candle_core::safetensors::save(&named, dir.join(&file))?)
    };
    save(
        "model-ends.safetensors".to_owned(),
        vec![
            ("model.embed_tokens.weight".to_owned(), vec![vocabulary, hidden]),
            ("lm_head.weight".to_owned(), vec![vocabulary, hidden]),
            ("model.norm.weight".to_owned(), vec![hidden]),
        ],
    )?;
    for layer in 0..layers {
        let at = |name: &str| format!("model.layers.{layer}.{name}.weight");
        let tensors = vec![
            (at("input_layernorm"), vec![hidden]),
            (at("post_attention_layernorm"), vec![hidden]),
            (at("self_attn.q_proj"), vec![hidden, hidden]),
            (at("self_attn.k_proj"), vec![kv, hidden]),
            (at("self_attn.v_proj"), vec![kv, hidden]),
            (at("self_attn.o_proj"), vec![hidden, hidden]),
            (at("mlp.gate_proj"), vec![inner, hidden]),
            (at("mlp.up_proj"), vec![inner, hidden]),
            (at("mlp.down_proj"), vec![hidden, inner]),
        ];
        save(format!("model-{layer:03}.safetensors"), tensors)?;
    }
    std::fs::write(
        dir.join("model.safetensors.index.json"),
        json!({ "weight_map": map }).to_string(),
    )?;
    Ok(json!({ "layers": layers, "tensors": map.len() }))
}

/// Norms of one; else a tile of random values, repeated: only speed is measured.
fn random(name: &str, shape: &[usize]) -> Outcome<Tensor> {
    if name.ends_with("norm.weight") {
        return Ok(Tensor::ones(shape, DType::BF16, &Device::Cpu)?);
    }
    let (rows, columns) = (shape[0], shape[1]);
    let tile_rows = rows.min(1 + (1 << 20) / columns);
    let tile = Tensor::randn(0.0_f32, 0.02, (tile_rows, columns), &Device::Cpu)?;
    let tile = tile.to_dtype(DType::BF16)?;
    let tiles = vec![tile; rows.div_ceil(tile_rows)];
    Ok(Tensor::cat(&tiles, 0)?.narrow(0, 0, rows)?.contiguous()?)
}

fn check(dir: &Path, device: DeviceName, precision: &str, keys: usize) -> Outcome<Value> {
    let precision = match precision {
        "f32" => FloatType::F32,
        "bf16" => FloatType::BF16,
        "f16" => FloatType::F16,
        other => return Err(format!("{other} is no precision; f32, bf16 or f16").into()),
    };
    let opened = device.open()?;
    let rate = product_rate(&opened, precision)?;
    let before = gpu_bytes();
    let started = Instant::now();
    let options = LoadOptions { device: opened.clone(), precision, ..LoadOptions::default() };
    let model = Model::load(dir, &options)?;
    opened.synchronize()?;
    let (loading, weights) = (started.elapsed().as_secs_f64(), gpu_bytes());
    let config = model.config();
    let (hidden, kv) = (config.hidden_size, config.kv_heads * config.head_dim);
    let per_layer = 2 * hidden * (config.heads * config.head_dim + kv);
    let in_layers = config.layers * (per_layer + 3 * hidden * config.intermediate_size);
    let head = config.vocab_size * hidden;
    let vocabulary = u32::try_from(config.vocab_size)?;
    let key = |i: u32| -> Vec<u32> {
        (0..u32::try_from(KEY_TOKENS).unwrap_or(0)).map(|j| (i * 31 + j * 7) % vocabulary).collect()
    };
    let prompts: Vec<Vec<u32>> = (0..u32::try_from(keys)?).map(key).collect();
    model.next_tokens(&prompts[..prompts.len().min(512)])?;
    let started = Instant::now();
    let answered = model.next_tokens(&prompts)?.len();
    let seconds = started.elapsed().as_secs_f64();
    let operations = 2.0 * (float(in_layers * KEY_TOKENS) + float(head)) * float(keys);
    let floor = operations / rate;
    Ok(json!({
        "device": device.to_string(), "answered": answered, "loading_s": loading, "seconds": seconds,
        "product_tflops": rate / 1e12, "floor_s": floor, "ratio": seconds / floor,
        "weights_bytes": weights.zip(before).map(|(after, before)| after - before),
        "beyond_weights_bytes": gpu_bytes().zip(weights).map(|(peak, weights)| peak - weights),
    }))
}

/// Operations per second of a large product in this type: the best of some runs.
fn product_rate(device: &Device, precision: FloatType) -> Outcome<f64> {
    let dtype = match precision {
        FloatType::F32 => DType::F32,
        FloatType::F16 => DType::F16,
        FloatType::BF16 => DType::BF16,
    };
    let side = if device.is_cpu() { 1024 } else { 8192 };
    let a = Tensor::randn(0.0_f32, 1.0, (side, side), device)?.to_dtype(dtype)?;
    let b = Tensor::randn(0.0_f32, 1.0, (side, side), device)?.to_dtype(dtype)?;
    let mut best = f64::INFINITY;
    for _ in 0..8 {
        device.synchronize()?;
        let started = Instant::now();
        let _product = a.matmul(&b)?;
        device.synchronize()?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(2.0 * float(side).powi(3) / best)
}

/// Memory in use on the first GPU; `None` where there is none.
fn gpu_bytes() -> Option<u64> {
    let arguments = ["--query-gpu=memory.used", "--format=csv,noheader,nounits"];
    let output = Command::new("nvidia-smi").args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next()?.trim().parse::<u64>().ok().map(|mib| mib << 20)
}

#[expect(clippy::cast_precision_loss, reason = "operations in billions")]
fn float(count: usize) -> f64 {
    count as f64
}
