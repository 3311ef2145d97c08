//! What candle's own reader makes of files that ours refuses or reads as they are, see decision
//! 019: where one of these fails after an update, a reason for a reader of our own is gone.

use candle_core::quantized::gguf_file::{Content, Value};
use std::io::Cursor;

use super::super::header::{self, Header};
use crate::ModelError;

/// Numbers that the format gives to kinds of values.
const U32: u32 = 4;
const TEXT: u32 = 8;

/// A text with its length before it.
fn text(bytes: &[u8]) -> Vec<u8> {
    let length = u64::try_from(bytes.len()).unwrap();
    [&length.to_le_bytes()[..], bytes].concat()
}

/// A file of these metadata (name, kind, bytes of the value) and no tensor.
fn file(entries: &[(&str, u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(u64::try_from(entries.len()).unwrap().to_le_bytes());
    for (name, kind, value) in entries {
        bytes.extend(text(name.as_bytes()));
        bytes.extend(kind.to_le_bytes());
        bytes.extend(value);
    }
    // The data would begin at a multiple of 32.
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes
}

fn candles(bytes: &[u8]) -> Content {
    Content::read(&mut Cursor::new(bytes)).unwrap()
}

fn ours(bytes: &[u8]) -> Result<Header, ModelError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    std::fs::write(&path, bytes).unwrap();
    header::read(&mut std::fs::File::open(&path).unwrap(), &path)
}

#[test]
fn an_alignment_of_zero_is_a_panic_there() {
    let bytes = file(&[("general.alignment", U32, 0_u32.to_le_bytes().to_vec())]);
    assert!(std::panic::catch_unwind(|| candles(&bytes)).is_err());
    assert!(ours(&bytes).unwrap_err().to_string().contains("general.alignment"));
}

#[test]
fn the_last_of_two_entries_counts_there() {
    let twice = [1_u32, 2].map(|n| ("a", U32, n.to_le_bytes().to_vec()));
    let bytes = file(&twice);
    assert_eq!(candles(&bytes).metadata["a"].to_u32().unwrap(), 2);
    assert!(ours(&bytes).unwrap_err().to_string().contains("`a` twice"));
}

#[test]
fn texts_are_changed_there() {
    let read = |bytes: &[u8]| match &candles(bytes).metadata["a"] {
        Value::String(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    let zero = file(&[("a", TEXT, text(b"word\0"))]);
    assert_eq!(read(&zero), "word");
    assert_eq!(ours(&zero).unwrap().metadata["a"], header::Value::Text("word\0".to_owned()));
    let broken = file(&[("a", TEXT, text(b"wor\xff"))]);
    assert_eq!(read(&broken), "wor\u{fffd}");
    assert!(ours(&broken).unwrap_err().to_string().contains("UTF-8"));
}
