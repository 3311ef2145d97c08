//! JSON as Python writes it: `json.dumps` knows `NaN`, `Infinity` and `-Infinity`, which are no
//! JSON, and files of models have them in fields that nobody reads.

use serde_json::Value;

/// What Python writes for floats that are not finite.
const NOT_FINITE: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

/// Parses a text, with numbers that are not finite as texts of that name: a field that is read
/// refuses them by name, and one that is not read keeps what it said.
pub(crate) fn parse(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(&quoted(text))
}

/// Puts quotes around the numbers that are no JSON.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut inside) = (text, false);
    while let Some(first) = rest.chars().next() {
        let special = NOT_FINITE.iter().find(|name| !inside && rest.starts_with(**name));
        let taken = match (special, first) {
            (Some(name), _) => {
                out.extend(["\"", *name, "\""]);
                rest = &rest[name.len()..];
                continue;
            }
            // An escaped character never ends a string.
            (None, '\\') if inside => rest.chars().take(2).map(char::len_utf8).sum(),
            (None, '"') => {
                inside = !inside;
                1
            }
            (None, other) => other.len_utf8(),
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_that_are_not_finite_become_texts() {
        let text =
            r#"{"a": NaN, "b": [Infinity, -Infinity, -1], "NaN": "Infinity \" NaN", "é": 2}"#;
        let parsed = parse(text).unwrap();
        assert_eq!(parsed["a"], "NaN");
        assert_eq!(parsed["b"], serde_json::json!(["Infinity", "-Infinity", -1]));
        assert_eq!(parsed["NaN"], "Infinity \" NaN");
        assert_eq!(parsed["é"], 2);
        for broken in ["{", "{\"a\": Nan}", "\"\\", "NaNNaN"] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn json_stays_what_it_is(text in ".*", number in any::<f64>()) {
            let value = serde_json::json!({ "text": text, "number": number, "list": [text] });
            let json = value.to_string();
            prop_assert_eq!(parse(&json).unwrap(), serde_json::from_str::<Value>(&json).unwrap());
            // Whatever it is, it is read without a panic.
            let _ = parse(&text);
        }
    }
}
