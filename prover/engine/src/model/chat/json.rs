//! The filter `tojson` as transformers has it: Python's `json.dumps`, without the escapes for HTML
//! that Jinja puts in.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Error, ErrorKind, Value};

/// Deepest nesting; Python gives up at its own limit too.
const MAX_DEPTH: usize = 100;

/// How the text is laid out.
struct Layout {
    ascii: bool,
    sorted: bool,
    /// What a level is indented by; everything is on one line without it.
    indent: Option<String>,
    between_items: String,
    after_key: String,
}

/// `json.dumps(value, ensure_ascii, indent, separators, sort_keys)`.
pub(super) fn tojson(value: &Value, given: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let argument = |position: usize, name: &str| -> Result<Option<Value>, Error> {
        let value = match given.get(position) {
            Some(value) => Some(value.clone()),
            None => named.get::<Option<Value>>(name)?,
        };
        Ok(value.filter(|value| !value.is_none() && !value.is_undefined()))
    };
    let flag = |value: Option<Value>| value.is_some_and(|value| value.is_true());
    let indent = match argument(1, "indent")? {
        None => None,
        Some(value) => Some(match (value.as_str(), value.as_i64()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(width)) => " ".repeat(usize::try_from(width).unwrap_or(0).min(64)),
            _ => return Err(wrong("indent must be a number or a text")),
        }),
    };
    let separators = argument(2, "separators")?;
    let (between_items, after_key) = match separators {
        None => ((if indent.is_some() { "," } else { ", " }).to_owned(), ": ".to_owned()),
        Some(pair) => {
            let texts: Vec<Value> = pair.try_iter()?.collect();
            match texts.as_slice() {
                [items, keys] => (items.to_string(), keys.to_string()),
                _ => return Err(wrong("separators must be two texts")),
            }
        }
    };
    let layout = Layout {
        ascii: flag(argument(0, "ensure_ascii")?),
        sorted: flag(argument(3, "sort_keys")?),
        indent,
        between_items,
        after_key,
    };
    named.assert_all_used()?;
    let mut out = String::new();
    layout.write(value, 0, &mut out)?;
    Ok(out)
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("tojson: {what}"))
}

impl Layout {
    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(wrong("the value is nested too deeply"));
        }
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&number(value)),
            ValueKind::String => self.text(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter()?.map(|item| (None, item)).collect();
                self.list(items, ['[', ']'], depth, out)?;
            }
            ValueKind::Map => {
                let mut items = Vec::new();
                for key in value.try_iter()? {
                    items.push((Some(name(&key)?), value.get_item(&key)?));
                }
                if self.sorted {
                    items.sort_by(|a, b| a.0.cmp(&b.0));
                }
                self.list(items, ['{', '}'], depth, out)?;
            }
            other => return Err(wrong(&format!("a value of the kind `{other}` has no JSON"))),
        }
        Ok(())
    }

    fn list(
        &self,
        items: Vec<(Option<String>, Value)>,
        [open, close]: [char; 2],
        depth: usize,
        out: &mut String,
    ) -> Result<(), Error> {
        out.push(open);
        let empty = items.is_empty();
        for (index, (key, item)) in items.into_iter().enumerate() {
            if index > 0 {
                out.push_str(&self.between_items);
            }
            self.line(depth + 1, out);
            if let Some(key) = key {
                self.text(&key, out);
                out.push_str(&self.after_key);
            }
            self.write(&item, depth + 1, out)?;
        }
        if !empty {
            self.line(depth, out);
        }
        out.push(close);
        Ok(())
    }

    fn line(&self, depth: usize, out: &mut String) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(indent.as_str(), depth));
        }
    }

    fn text(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || self.ascii && !(' '..='~').contains(&c) => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

/// A number as Python writes it; floats that are not finite have names that are no JSON.
fn number(value: &Value) -> String {
    let text = value.to_string();
    match text.as_str() {
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        _ => text,
    }
}

/// The text that stands for a key.
fn name(key: &Value) -> Result<String, Error> {
    Ok(match key.kind() {
        ValueKind::String => key.as_str().unwrap_or_default().to_owned(),
        ValueKind::None => "null".to_owned(),
        ValueKind::Bool => (if key.is_true() { "true" } else { "false" }).to_owned(),
        ValueKind::Number => number(key),
        other => return Err(wrong(&format!("a key of the kind `{other}` has no JSON"))),
    })
}
