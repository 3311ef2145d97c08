//! The header of a GGUF file (version 2 and 3), read without trusting any length in it.

use candle_core::quantized::GgmlDType;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use crate::ModelError;

/// A value of the metadata; of most arrays only the length is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
    /// An array that nothing here reads.
    Array(u64),
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

impl Value {
    /// The value for a message: arrays by their length, texts cut.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            Self::Array(n) => format!("an array of {n}"),
            Self::Numbers(list) => format!("an array of {} numbers", list.len()),
            Self::Texts(list) => format!("an array of {} texts", list.len()),
        }
    }
}

/// Where a tensor lies and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TensorInfo {
    /// Outermost dimension first, as everywhere else.
    pub(super) shape: Vec<usize>,
    pub(super) kind: GgmlDType,
    /// From the start of the data.
    pub(super) offset: u64,
    pub(super) bytes: usize,
}

/// What stands before the data.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, Value>,
    pub(super) tensors: BTreeMap<String, TensorInfo>,
    pub(super) data_start: u64,
}

/// Largest header read: real ones hold a vocabulary and stay far below.
const MAX_HEADER_BYTES: u64 = 256 << 20;
/// Most entries of any list of the header.
const MAX_ENTRIES: u64 = 1 << 20;
/// Longest name or text that is kept.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// Arrays that are kept, and how many elements they may have: four times the largest in use.
const KEPT: [(&str, u64); 4] = [
    ("tokenizer.ggml.tokens", MAX_ENTRIES),
    ("tokenizer.ggml.scores", MAX_ENTRIES),
    ("tokenizer.ggml.token_type", MAX_ENTRIES),
    ("tokenizer.ggml.merges", 2 * MAX_ENTRIES),
];
/// Deepest nesting of arrays.
const MAX_DEPTH: usize = 4;

/// Reads and checks the header; every tensor lies within the file afterwards.
pub(super) fn read(file: &mut File, path: &Path) -> Result<Header, ModelError> {
    let size = file.metadata().map_err(ModelError::io(path))?.len();
    let mut parser =
        Parser { input: BufReader::new(file.by_ref()).take(MAX_HEADER_BYTES.min(size)), path };
    let (tensor_count, value_count) = parser.preamble()?;
    let mut metadata = BTreeMap::new();
    for _ in 0..value_count {
        let key = parser.text("a metadata key")?;
        let kind = parser.u32("a metadata type")?;
        let value = parser.value(kind, &key, 0)?;
        // Programs differ in which of two they take.
        if metadata.contains_key(&key) {
            return Err(parser.invalid(format!("the metadata hold `{key}` twice")));
        }
        metadata.insert(key, value);
    }
    let mut tensors = BTreeMap::new();
    for _ in 0..tensor_count {
        let (name, info) = parser.tensor()?;
        if tensors.contains_key(&name) {
            return Err(parser.invalid(format!("it holds the tensor `{name}` twice")));
        }
        tensors.insert(name, info);
    }
    let read = MAX_HEADER_BYTES.min(size) - parser.input.limit();
    let alignment = match metadata.get("general.alignment") {
        Some(Value::Number(n)) => whole(*n).filter(|n| n.is_power_of_two() && *n <= 1 << 20),
        Some(_) => None,
        None => Some(32),
    };
    let alignment = alignment
        .ok_or_else(|| parser.invalid("general.alignment must be a power of two up to 1048576"))?;
    let data_start = read.next_multiple_of(alignment);
    for (name, info) in &tensors {
        let bytes = u64::try_from(info.bytes).unwrap_or(u64::MAX);
        let end = data_start.checked_add(info.offset).and_then(|at| at.checked_add(bytes));
        if end.is_none_or(|end| end > size) {
            return Err(parser.invalid(format!(
                "tensor `{name}` takes {bytes} bytes at {} of the data, but the file has {size} \
                 in all; is it cut off?",
                info.offset
            )));
        }
    }
    file.rewind().map_err(ModelError::io(path))?;
    Ok(Header { metadata, tensors, data_start })
}

/// A number of the metadata as a count.
pub(super) fn whole(n: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number in range"
    )]
    (n >= 0.0 && n.fract() == 0.0 && n < 9.0e15).then_some(n as u64)
}

struct Parser<'a, R> {
    input: std::io::Take<R>,
    path: &'a Path,
}

impl<R: Read> Parser<'_, R> {
    fn invalid(&self, what: impl Into<String>) -> ModelError {
        ModelError::gguf(self.path, what)
    }

    fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N], ModelError> {
        let mut bytes = [0; N];
        self.input
            .read_exact(&mut bytes)
            .map_err(|e| self.invalid(format!("the header ends within {what}")).because(e))?;
        Ok(bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32, ModelError> {
        self.bytes(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, ModelError> {
        self.bytes(what).map(u64::from_le_bytes)
    }

    /// Counts of tensors and of metadata entries.
    fn preamble(&mut self) -> Result<(u64, u64), ModelError> {
        if &self.bytes::<4>("the magic")? != b"GGUF" {
            return Err(self.invalid("it does not start with `GGUF`"));
        }
        let version = self.u32("the version")?;
        if !(2..=3).contains(&version) {
            return Err(self.invalid(format!("version {version}: only 2 and 3 are supported")));
        }
        let tensors = self.u64("the number of tensors")?;
        let values = self.u64("the number of metadata entries")?;
        for (what, count) in [("tensors", tensors), ("metadata entries", values)] {
            if count > MAX_ENTRIES {
                return Err(
                    self.invalid(format!("claims {count} {what}, at most {MAX_ENTRIES} accepted"))
                );
            }
        }
        Ok((tensors, values))
    }

    fn text(&mut self, what: &str) -> Result<String, ModelError> {
        let length = self.u64(what)?;
        if length > MAX_TEXT_BYTES.min(self.input.limit()) {
            return Err(self.invalid(format!("{what} claims {length} bytes")));
        }
        let mut bytes = Vec::new();
        let read = self.input.by_ref().take(length).read_to_end(&mut bytes);
        if read.ok().and_then(|n| u64::try_from(n).ok()) != Some(length) {
            return Err(self.invalid(format!("the header ends within {what}")));
        }
        String::from_utf8(bytes)
            .map_err(|e| self.invalid(format!("{what} is not UTF-8")).because(e))
    }

    fn value(&mut self, kind: u32, key: &str, depth: usize) -> Result<Value, ModelError> {
        let what = format!("the value of `{key}`");
        Ok(match kind {
            0 => Value::Number(f64::from(self.bytes::<1>(&what)?[0])),
            1 => Value::Number(f64::from(i8::from_le_bytes(self.bytes(&what)?))),
            2 => Value::Number(f64::from(u16::from_le_bytes(self.bytes(&what)?))),
            3 => Value::Number(f64::from(i16::from_le_bytes(self.bytes(&what)?))),
            4 => Value::Number(f64::from(self.u32(&what)?)),
            5 => Value::Number(f64::from(i32::from_le_bytes(self.bytes(&what)?))),
            6 => Value::Number(f64::from(f32::from_le_bytes(self.bytes(&what)?))),
            7 => Value::Number(f64::from(self.bytes::<1>(&what)?[0])),
            8 => Value::Text(self.text(&what)?),
            9 => self.array(key, depth)?,
            10 => Value::Number(approximate(self.u64(&what)?)),
            11 => {
                let n = i64::from_le_bytes(self.bytes(&what)?);
                Value::Number(approximate(n.unsigned_abs()).copysign(if n < 0 {
                    -1.0
                } else {
                    1.0
                }))
            }
            12 => Value::Number(f64::from_le_bytes(self.bytes(&what)?)),
            other => return Err(self.invalid(format!("{what} has the unknown type {other}"))),
        })
    }

    /// Keeps an array that is wanted, passes over any other.
    fn array(&mut self, key: &str, depth: usize) -> Result<Value, ModelError> {
        let kind = self.u32(key)?;
        let length = self.u64(key)?;
        // Every element takes a byte or more.
        if length > self.input.limit() || depth > MAX_DEPTH {
            return Err(self.invalid(format!("the array `{key}` claims {length} elements")));
        }
        let kept = KEPT.iter().find(|(name, _)| *name == key && depth == 0);
        if let Some((_, most)) = kept.filter(|(_, most)| length > *most) {
            let reason =
                format!("the array `{key}` has {length} elements, at most {most} accepted");
            return Err(self.invalid(reason));
        }
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for _ in 0..length {
            match self.value(kind, key, depth + 1)? {
                Value::Number(number) if kept.is_some() => numbers.push(number),
                Value::Text(text) if kept.is_some() => texts.push(text),
                _ => {}
            }
        }
        Ok(match (kept, kind) {
            (None, _) | (_, 9) => Value::Array(length),
            (_, 8) => Value::Texts(texts),
            _ => Value::Numbers(numbers),
        })
    }

    fn tensor(&mut self) -> Result<(String, TensorInfo), ModelError> {
        let name = self.text("a tensor name")?;
        let dimensions = self.u32(&name)?;
        if !(1..=4).contains(&dimensions) {
            return Err(self.invalid(format!("tensor `{name}` has {dimensions} dimensions")));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let size = self.u64(&name)?;
            let size = usize::try_from(size).ok().filter(|n| (1..=1 << 32).contains(n));
            shape.push(size.ok_or_else(|| {
                self.invalid(format!("tensor `{name}` has an impossible dimension"))
            })?);
        }
        shape.reverse();
        let code = self.u32(&name)?;
        let kind = tensor_type(code).ok_or_else(|| {
            self.invalid(format!(
                "tensor `{name}` has the type {code}, which is not supported; supported: F32, F16, \
                 BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K"
            ))
        })?;
        let offset = self.u64(&name)?;
        let elements = shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d));
        let width = shape.last().copied().unwrap_or(1);
        let bytes = elements.and_then(|n| stored_bytes(kind, n, width)).ok_or_else(|| {
            self.invalid(format!("tensor `{name}` of shape {shape:?} can't be stored as {kind:?}"))
        })?;
        Ok((name, TensorInfo { shape, kind, offset, bytes }))
    }
}

/// Exact below 2^53, which is above every count that makes sense.
#[expect(clippy::cast_precision_loss, reason = "larger numbers make no sense here")]
fn approximate(n: u64) -> f64 {
    n as f64
}

fn tensor_type(code: u32) -> Option<GgmlDType> {
    Some(match code {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        _ => return None,
    })
}

/// Bytes of a tensor of `elements` values whose rows have `width`; `None` if the type stores whole
/// blocks and the row is none.
pub(super) fn stored_bytes(kind: GgmlDType, elements: usize, width: usize) -> Option<usize> {
    let block = kind.block_size();
    (width.is_multiple_of(block)).then(|| (elements / block).checked_mul(kind.type_size()))?
}
