//! What Hugging Face transformers makes of chat templates; `scripts/golden_chats.py` wrote it.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

use oml_engine::{ChatTemplate, Message, SpecialTokens};

#[derive(Deserialize)]
struct Golden {
    tokens: serde_json::Map<String, serde_json::Value>,
    chats: BTreeMap<String, Vec<Message>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    template: String,
    rendered: BTreeMap<String, Rendered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Rendered {
    Text(String),
    Error(String),
}

fn golden() -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/chats.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The control tokens of the golden file.
fn tokens(golden: &Golden) -> SpecialTokens {
    let mut others = golden.tokens.clone();
    let mut text =
        |name: &str| others.remove(name).and_then(|token| token.as_str().map(str::to_owned));
    let (bos, eos) = (text("bos_token"), text("eos_token"));
    SpecialTokens { bos, eos, others }
}

/// Where the engine refuses what Python's Jinja accepts; an error is the only other outcome that is
/// allowed, never another text.
const REFUSED: [&str; 4] = ["'%r' % m.role", "cycled", "dict([('a', 1)])", "macro_arguments"];

#[test]
fn templates_write_what_they_write_in_transformers() {
    let golden = golden();
    assert!(golden.cases.len() > 250 && golden.chats.len() == 3);
    let (mut wrong, mut refused) = (Vec::new(), std::collections::BTreeSet::new());
    for case in &golden.cases {
        let template = ChatTemplate::new(&case.template, tokens(&golden));
        for (chat, expected) in &case.rendered {
            let found = template.as_ref().map_err(ToString::to_string);
            let found = found.and_then(|template| {
                template.render(&golden.chats[chat]).map_err(|e| e.to_string())
            });
            match (expected, found) {
                (Rendered::Text(expected), Ok(found)) if *expected == found => {}
                (Rendered::Error(_), Err(_)) => {}
                (Rendered::Text(_), Err(error)) => {
                    if refused.insert(case.name.as_str()) && !REFUSED.contains(&case.name.as_str())
                    {
                        wrong.push(format!("{}: {error}", case.name));
                    }
                }
                (Rendered::Text(expected), Ok(found)) => {
                    wrong.push(format!("{} of {chat}: {found:?}, not {expected:?}", case.name));
                }
                (Rendered::Error(expected), Ok(found)) => {
                    wrong.push(format!(
                        "{} of {chat}: {found:?}, not an error {expected}",
                        case.name
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(refused, REFUSED.into_iter().collect());
}

#[test]
fn what_a_template_raises_is_the_error() {
    let golden = golden();
    let case = golden.cases.iter().find(|case| case.name == "mod_alt").unwrap();
    let template = ChatTemplate::new(&case.template, tokens(&golden)).unwrap();
    let error = template.render(&golden.chats["system"]).unwrap_err().to_string();
    assert!(error.contains("roles must alternate"), "{error}");
}

#[test]
fn templates_know_the_date() {
    let template = "{{ strftime_now('%d %b %Y') }}{% if strftime_now is defined %}!{% endif %}";
    let template = ChatTemplate::new(template, SpecialTokens::default()).unwrap();
    let text = template.render(&[]).unwrap();
    let parts: Vec<&str> = text.trim_end_matches('!').split(' ').collect();
    let [day, month, year] = parts.as_slice() else { panic!("{text}") };
    assert!((1..=31).contains(&day.parse::<u32>().unwrap()), "{text}");
    assert!(month.len() == 3 && year.parse::<u32>().unwrap() >= 2025, "{text}");
    assert!(text.ends_with('!'));
}
