//! Methods, filters and tests where the engine's differ from those of Python and its Jinja.

use minijinja::value::{Kwargs, Rest, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

/// Widest text that padding makes.
const MAX_WIDTH: usize = 1 << 12;

/// Methods of Python's types that templates call.
pub(super) fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if let Some(text) = value.as_str()
        && let Some(found) = text_method(text, name, args)?
    {
        return Ok(found);
    }
    if name == "index" && value.kind() == ValueKind::Seq {
        let (wanted,): (&Value,) = from_args(args)?;
        let at = value.try_iter()?.position(|item| item == *wanted);
        return at.map(Value::from).ok_or_else(|| invalid("the list has no such item"));
    }
    unknown_method_callback(state, value, name, args)
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.to_owned())
}

/// A method of texts; `None` for those that the engine's companion has as they are in Python.
fn text_method(text: &str, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match name {
        "title" => Value::from(title(text)),
        "swapcase" => Value::from(swapcase(text)),
        "casefold" => Value::from(text.to_lowercase()),
        "isdecimal" => Value::from(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())),
        "splitlines" => {
            let (keep,): (Option<bool>,) = from_args(args)?;
            lines(text, keep.unwrap_or(false)).into_iter().collect()
        }
        "removeprefix" => {
            let (start,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(start).unwrap_or(text))
        }
        "removesuffix" => {
            let (end,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(end).unwrap_or(text))
        }
        "partition" => {
            let (at,): (&str,) = from_args(args)?;
            let (before, after) = text.split_once(at).unwrap_or((text, ""));
            let middle = if before.len() == text.len() { "" } else { at };
            Value::from(Tuple::from([before, middle, after].map(Value::from)))
        }
        "rpartition" => {
            let (at,): (&str,) = from_args(args)?;
            let (before, after) = text.rsplit_once(at).unwrap_or(("", text));
            let middle = if after.len() == text.len() { "" } else { at };
            Value::from(Tuple::from([before, middle, after].map(Value::from)))
        }
        "rsplit" => {
            let (at, most): (Option<&str>, Option<i64>) = from_args(args)?;
            let most = most.and_then(|most| usize::try_from(most).ok());
            rsplit(text, at, most.unwrap_or(usize::MAX - 1)).into_iter().collect()
        }
        "index" | "rindex" => {
            let (part,): (&str,) = from_args(args)?;
            let at = if name == "index" { text.find(part) } else { text.rfind(part) };
            let at = at.ok_or_else(|| invalid("the text has no such part"))?;
            Value::from(text[..at].chars().count())
        }
        "zfill" | "ljust" | "rjust" | "center" => padded(text, name, args)?,
        _ => return Ok(None),
    }))
}

/// The first letter of each run of letters large, the others small.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

fn swapcase(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
    }
    out
}

/// Lines by everything that Python ends one at.
fn lines(text: &str, keep: bool) -> Vec<String> {
    const ENDS: [char; 10] = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}',
        '\u{2029}',
    ];
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(at) = rest.find(ENDS) else {
            lines.push(rest.to_owned());
            break;
        };
        let end = &rest[at..];
        let first = end.chars().next().map_or(0, char::len_utf8);
        let width = if end.starts_with("\r\n") { 2 } else { first };
        lines.push(rest[..if keep { at + width } else { at }].to_owned());
        rest = &rest[at + width..];
    }
    lines
}

fn rsplit(text: &str, at: Option<&str>, most: usize) -> Vec<String> {
    let mut parts: Vec<String> = match at {
        Some(at) => text.rsplitn(most + 1, at).map(str::to_owned).collect(),
        None => {
            let mut parts = Vec::new();
            let mut rest = text.trim_end();
            while !rest.is_empty() && parts.len() < most {
                let start = rest.rfind(char::is_whitespace).map_or(0, |blank| {
                    blank + rest[blank..].chars().next().map_or(1, char::len_utf8)
                });
                parts.push(rest[start..].to_owned());
                rest = rest[..start].trim_end();
            }
            if !rest.is_empty() {
                parts.push(rest.to_owned());
            }
            parts
        }
    };
    parts.reverse();
    parts
}

fn padded(text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (width, fill): (i64, Option<&str>) = from_args(args)?;
    let width = usize::try_from(width).unwrap_or(0);
    if width > MAX_WIDTH {
        return Err(invalid(&format!("{name}: a width of {width}, at most {MAX_WIDTH}")));
    }
    let missing = width.saturating_sub(text.chars().count());
    let fill = if name == "zfill" { "0" } else { fill.unwrap_or(" ") };
    let (left, right) = match name {
        "ljust" => (0, missing),
        // The odd one goes to the left where the width is odd, as Python has it.
        "center" => {
            let left = missing / 2 + (missing & width & 1);
            (left, missing - left)
        }
        _ => (missing, 0),
    };
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) if name == "zfill" => text.split_at(text.len() - digits.len()),
        _ => ("", text),
    };
    Ok(Value::from([sign, &fill.repeat(left), digits, &fill.repeat(right)].concat()))
}

/// Arguments of a filter, by position or by name.
struct Arguments {
    given: Rest<Value>,
    named: Kwargs,
}

impl Arguments {
    fn get(&self, position: usize, name: &str) -> Result<Option<Value>, Error> {
        match self.given.get(position) {
            Some(value) => Ok(Some(value.clone())),
            None => self.named.get::<Option<Value>>(name),
        }
    }

    fn flag(&self, position: usize, name: &str) -> Result<bool, Error> {
        Ok(self.get(position, name)?.is_some_and(|value| value.is_true()))
    }

    fn width(&self, position: usize, name: &str, default: usize) -> Result<usize, Error> {
        let Some(value) = self.get(position, name)? else { return Ok(default) };
        value
            .as_i64()
            .and_then(|width| usize::try_from(width).ok())
            .filter(|n| *n <= MAX_WIDTH)
            .ok_or_else(|| {
                invalid(&format!("{name} = {value}: must be a number up to {MAX_WIDTH}"))
            })
    }
}

/// `indent(width=4, first=False, blank=False)`.
pub(super) fn indent(value: &Value, given: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments { given, named };
    let by = match arguments.get(0, "width")? {
        Some(text) if text.as_str().is_some() => text.to_string(),
        _ => " ".repeat(arguments.width(0, "width", 4)?),
    };
    let (first, blank) = (arguments.flag(1, "first")?, arguments.flag(2, "blank")?);
    arguments.named.assert_all_used()?;
    let mut out = String::new();
    // A last line end makes a last line, which Python's lines do not have.
    for (index, line) in lines(&format!("{value}\n"), false).into_iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if if index == 0 { first } else { blank || !line.is_empty() } {
            out.push_str(&by);
        }
        out.push_str(&line);
    }
    Ok(out)
}

/// `truncate(length=255, killwords=False, end='...', leeway=5)`.
pub(super) fn truncate(value: &Value, given: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments { given, named };
    let length = arguments.width(0, "length", 255)?;
    let whole_words = !arguments.flag(1, "killwords")?;
    let end = arguments.get(2, "end")?.map_or_else(|| "...".to_owned(), |end| end.to_string());
    let leeway = arguments.width(3, "leeway", 5)?;
    arguments.named.assert_all_used()?;
    let text: Vec<char> = value.to_string().chars().collect();
    if text.len() <= length + leeway {
        return Ok(text.into_iter().collect());
    }
    let kept = length.checked_sub(end.chars().count());
    let kept = kept.ok_or_else(|| invalid("truncate: the end is longer than the text may be"))?;
    let kept: String = text[..kept].iter().collect();
    let kept =
        if whole_words { kept.rsplit_once(' ').map_or(&*kept, |(kept, _)| kept) } else { &kept };
    Ok(format!("{kept}{end}"))
}

/// `center(width=80)`: the text in the middle of so many columns.
pub(super) fn center(value: &Value, given: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let arguments = Arguments { given, named };
    let width = arguments.width(0, "width", 80)?;
    arguments.named.assert_all_used()?;
    padded(&value.to_string(), "center", &[Value::from(width)])
}

/// `int(default=0)`: a text that is no number is the default.
pub(super) fn int(value: &Value, given: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let arguments = Arguments { given, named };
    let default = arguments.get(0, "default")?.unwrap_or_else(|| Value::from(0));
    arguments.named.assert_all_used()?;
    let truncated = |number: f64| {
        let whole = format!("{:.0}", number.trunc());
        whole.parse::<i64>().ok().filter(|_| number.is_finite()).map(Value::from)
    };
    Ok(match value.kind() {
        ValueKind::Bool => Value::from(i64::from(value.is_true())),
        ValueKind::Number if value.is_integer() => value.clone(),
        ValueKind::Number => {
            truncated(value.to_string().parse().unwrap_or(f64::NAN)).unwrap_or(default)
        }
        ValueKind::String => {
            let text = value.to_string();
            let whole = text.trim().parse::<i64>().ok().map(Value::from);
            whole.or_else(|| truncated(text.trim().parse().ok()?)).unwrap_or(default)
        }
        _ => default,
    })
}

/// `float(default=0.0)`: a text that is no number is the default.
pub(super) fn float(value: &Value, given: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let arguments = Arguments { given, named };
    let default = arguments.get(0, "default")?.unwrap_or_else(|| Value::from(0.0));
    arguments.named.assert_all_used()?;
    Ok(match value.kind() {
        ValueKind::Bool => Value::from(f64::from(u8::from(value.is_true()))),
        ValueKind::Number | ValueKind::String => {
            value.to_string().trim().parse::<f64>().map_or(default, Value::from)
        }
        _ => default,
    })
}

/// `wordcount`: runs of letters, digits and underscores.
pub(super) fn wordcount(value: &Value) -> usize {
    let text = value.to_string();
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).count()
}

/// `urlencode` of a text.
pub(super) fn urlencode(value: &Value) -> Result<String, Error> {
    if matches!(value.kind(), ValueKind::Map | ValueKind::Seq | ValueKind::Iterable) {
        return Err(invalid("urlencode: only of a text"));
    }
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    Ok(value.to_string().bytes().map(byte).collect())
}

/// `forceescape`: escapes what is escaped already, too.
pub(super) fn forceescape(value: &Value) -> Value {
    escape(&Value::from(value.to_string()))
}

/// `is callable`: whether the value is a function.
pub(super) fn is_callable(value: &Value) -> bool {
    value.kind() == ValueKind::Plain
}

/// `is sequence`: everything that has a length and items, texts and mappings included.
pub(super) fn is_sequence(value: &Value) -> bool {
    use ValueKind::{Map, Seq, String, Undefined};
    matches!(value.kind(), Seq | Map | String | Undefined)
}

/// `is integer`, which a truth value is not.
pub(super) fn is_integer(value: &Value) -> bool {
    value.kind() == ValueKind::Number && value.is_integer()
}

/// `escape`, with the entities that Python's library writes.
pub(super) fn escape(value: &Value) -> Value {
    if value.is_safe() {
        return value.clone();
    }
    let mut out = std::string::String::new();
    for c in value.to_string().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    Value::from_safe_string(out)
}
