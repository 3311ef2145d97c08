//! What a template's text needs before the engine reads it, where Python's Jinja knows more.

/// The end of a tag, by how it starts.
const ENDS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

/// What macros call their arguments beyond those that they name.
const VARIADIC: [&str; 2] = ["varargs", "kwargs"];

/// Rewrites a template: lines end as in Jinja, the marks of training programs (`generation` blocks,
/// which write nothing) become blocks that the engine knows, and texts are formatted by a filter
/// where Python has an operator, `'%s' % x`.
///
/// # Errors
/// The name of what the engine would silently take for nothing.
pub(super) fn rewritten(source: &str) -> Result<String, String> {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(source.len());
    let mut rest = source.as_str();
    while let Some((start, end)) = next_tag(rest) {
        out.push_str(&rest[..start]);
        let tag = &rest[start..];
        let Some(length) = length(tag, end) else {
            rest = tag;
            break;
        };
        let (tag, after) = tag.split_at(length);
        rest = after;
        let inner = &tag[2..tag.len() - 2];
        match inner.trim_matches(['-', '+', ' ', '\n', '\t']) {
            _ if end == "#}" => out.push_str(tag),
            "raw" if end == "%}" => {
                let raw = rest.find("endraw").and_then(|at| Some(at + rest[at..].find("%}")? + 2));
                let (raw, after) = rest.split_at(raw.unwrap_or(rest.len()));
                out.extend([tag, raw]);
                rest = after;
            }
            "generation" if end == "%}" => out.push_str(&tag.replace("generation", "if true")),
            "endgeneration" if end == "%}" => out.push_str(&tag.replace("endgeneration", "endif")),
            _ => {
                if let Some(name) = tokens(inner).iter().find(|token| VARIADIC.contains(token)) {
                    return Err(format!("it uses `{name}` of macros, which is not supported"));
                }
                out.extend([&tag[..2], &formatted(inner), end]);
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the next tag starts, and what ends it.
fn next_tag(rest: &str) -> Option<(usize, &'static str)> {
    let found = ENDS.iter().filter_map(|(start, end)| Some((rest.find(start)?, *end)));
    found.min_by_key(|(at, _)| *at)
}

/// Length of the tag that a text starts with. Its end may be part of a text or of nested braces.
fn length(tag: &str, end: &str) -> Option<usize> {
    if end == "#}" {
        // `{#}` opens a comment and does not end it.
        return tag[2..].find(end).map(|at| 2 + at + end.len());
    }
    let mut depth = 0_usize;
    let mut at = 2;
    while at < tag.len() {
        if depth == 0 && tag[at..].starts_with(end) {
            return Some(at + end.len());
        }
        let token = token(&tag[at..]);
        match token {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += token.len();
    }
    None
}

/// The token that an expression starts with: a text in quotes, a word, a number, blanks, or one
/// character.
fn token(rest: &str) -> &str {
    let mut chars = rest.char_indices();
    let Some((_, first)) = chars.next() else { return "" };
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let end = match first {
        '"' | '\'' => {
            let mut escaped = false;
            let closing = chars.find(|(_, c)| {
                let closes = !escaped && *c == first;
                escaped = !escaped && *c == '\\';
                closes
            });
            closing.map(|(at, quote)| at + quote.len_utf8())
        }
        c if word(c) => chars.find(|(_, c)| !word(*c)).map(|(at, _)| at),
        c if c.is_whitespace() => chars.find(|(_, c)| !c.is_whitespace()).map(|(at, _)| at),
        c => Some(c.len_utf8()),
    };
    &rest[..end.unwrap_or(rest.len())]
}

fn tokens(expression: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while !rest.is_empty() {
        let token = token(rest);
        tokens.push(token);
        rest = &rest[token.len()..];
    }
    tokens
}

/// An expression with each `'text' % values` as `'text' | format(values)`.
fn formatted(expression: &str) -> String {
    let tokens = tokens(expression);
    let blank = |token: &&str| token.trim().is_empty();
    let text = |token: &&str| token.starts_with(['"', '\'']);
    let mut out = String::with_capacity(expression.len());
    // The last tokens that are not blank: what stands before a `%`, and before that.
    let (mut before, mut last) = ("", "");
    let mut at = 0;
    while at < tokens.len() {
        let operator = tokens[at] == "%" && text(&last) && !["*", "/", "%"].contains(&before);
        let values = operator.then(|| operand(&tokens[at + 1..])).flatten();
        if let Some(count) = values {
            let values = tokens[at + 1..=at + count].concat();
            out.push_str(&format!("| format({})", arguments(&values)));
            (before, last) = ("|", ")");
            at += count + 1;
            continue;
        }
        if !blank(&tokens[at]) {
            (before, last) = (last, tokens[at]);
        }
        out.push_str(tokens[at]);
        at += 1;
    }
    out
}

/// The values that a text is formatted with: those of a tuple, or the one value. They may hold such
/// formatting themselves.
fn arguments(values: &str) -> String {
    let values = formatted(values.trim());
    let all = tokens(&values);
    let whole = all.first() == Some(&"(") && brackets(&all) == Some(all.len());
    let inner = all.get(1..all.len().saturating_sub(1)).unwrap_or_default();
    let mut depth = 0_i32;
    let tuple = whole
        && inner.iter().any(|token| {
            depth += i32::from(["(", "[", "{"].contains(token));
            depth -= i32::from([")", "]", "}"].contains(token));
            depth == 0 && *token == ","
        });
    if tuple { inner.concat().trim().trim_end_matches(',').to_owned() } else { values }
}

/// How many tokens the operand has that follows: a value with what is taken of it and the filters
/// on it. `None` where there is none, or a mapping, which the filter does not take.
fn operand(tokens: &[&str]) -> Option<usize> {
    let mut at = blanks(tokens);
    at += match *tokens.get(at)? {
        "(" | "[" => brackets(&tokens[at..])?,
        first if first.starts_with(['"', '\'']) => 1,
        first if first.starts_with(|c: char| c.is_alphanumeric() || c == '_') => 1,
        _ => return None,
    };
    loop {
        let next = at + blanks(&tokens[at..]);
        at = match tokens.get(next).copied() {
            Some("(" | "[") => next + brackets(&tokens[next..])?,
            Some("." | "|") => {
                let name = next + 1 + blanks(&tokens[next + 1..]);
                tokens.get(name)?;
                name + 1
            }
            _ => return Some(at),
        };
    }
}

fn blanks(tokens: &[&str]) -> usize {
    tokens.iter().take_while(|token| token.trim().is_empty()).count()
}

/// Tokens up to the bracket that closes the first one.
fn brackets(tokens: &[&str]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formatting_becomes_a_filter() {
        for (source, expected) in [
            ("{{ '%s' % x }}", "{{ '%s' | format(x) }}"),
            ("{{ '%s %s' % (m.role, m['a']) }}", "{{ '%s %s' | format(m.role, m['a']) }}"),
            ("{{ '%s' % (x) ~ 'b' }}", "{{ '%s' | format((x)) ~ 'b' }}"),
            ("{{ '%d%%' % (1,) }}", "{{ '%d%%' | format(1) }}"),
            ("{{ '%s' % x.y|upper + 'z' }}", "{{ '%s' | format(x.y|upper) + 'z' }}"),
            (
                "{% set a = \"%s\" % f('%s' % (1, 2)) %}",
                "{% set a = \"%s\" | format(f('%s' | format(1, 2))) %}",
            ),
            ("{{ '%}' % x }}", "{{ '%}' | format(x) }}"),
            ("{{ {'a': {'b': '%s' % 1}} }}", "{{ {'a': {'b': '%s' | format(1)}} }}"),
        ] {
            assert_eq!(rewritten(source).unwrap(), expected);
        }
        for same in [
            "{{ loop.index0 % 2 }}",
            "{{ 'a' * 2 % 3 }}",
            "{{ '%(a)s' % {'a': 1} }}",
            "{{ '%s' % }}",
            "{# '%s' % x #}",
            "{#}",
            "{#} '%s' % x #}",
            "{% raw %}{{ '%s' % x }}{% endraw %}{{ 1 }}",
            "{{ '%s' % ( }}",
            "'%s' % x",
            "{{ 'never closed }}",
            "{% raw %} {{",
        ] {
            assert_eq!(rewritten(same).unwrap(), same);
        }
    }

    #[test]
    fn marks_and_line_ends_are_replaced() {
        assert_eq!(
            rewritten("a\r\nb\r{%- generation -%}{{ x }}{% endgeneration %}").unwrap(),
            "a\nb\n{%- if true -%}{{ x }}{% endif %}"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(source in "[{}%#'\"a(),. |\\\\é\n]*") {
            let _ = rewritten(&source);
        }
    }
}
