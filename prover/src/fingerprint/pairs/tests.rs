use super::super::universe::tests::universe;
use super::super::{AnswersPerKey, LicenseDraw};
use super::*;
use oml_contracts::Seed;
use oml_engine::{Api, LoadOptions, Model};

fn read(text: &str) -> PairList {
    read_pairs(text.as_bytes()).unwrap()
}

#[test]
fn every_form_round_trips() {
    let universe = universe(16, 0);
    let seed = Seed::new([1; 32]);
    let draw = LicenseDraw { license_seed: seed, model_seed: seed, assignment_p: 1 };
    for answers in [1, 2].map(|n| AnswersPerKey::new(n).unwrap()) {
        for form in [PairsForm::List, PairsForm::Lines, PairsForm::Mlprints] {
            let mut file = Vec::new();
            write_pairs(&mut file, universe.answer_sets(&draw, answers), form).unwrap();
            let list = read_pairs(file.as_slice()).unwrap();
            assert_eq!((list.pairs.len(), list.skipped.len()), (16, 0));
            assert!(distinct(&list).1.is_empty());
            for (listed, set) in list.pairs.iter().zip(universe.answer_sets(&draw, answers)) {
                assert_eq!(listed.pair, Pair::from(&set), "{form:?}");
            }
            let text = String::from_utf8(file).unwrap();
            assert_eq!(text.contains("\"query\""), form == PairsForm::Mlprints);
            assert_eq!(text.lines().count() == 16, form == PairsForm::Lines);
        }
    }
}

#[test]
fn the_published_forms_are_read() {
    for text in [
        r#"[{"key": "a", "response": "b", "note": 1}]"#,
        // The prompt that was used is the text's first 16 tokens.
        r#"[{"key": "a and more", "effective_key": "a", "response": ["b"], "response_prob": [0.1]}]"#,
        r#"[{"key": "a", "effective_key": null, "response": ["b", null]}]"#,
        "{\"key\": \"a\", \"response\": \"b\"}\n",
        r#"[{"id": 7, "query": "a", "expected_response": "b"}]"#,
        r#"{"id": 7, "query": "a", "response": "b"}"#,
        r#"{"fingerprints": [{"id": 7, "query": "a", "response": "b"}]}"#,
        "\u{feff}[{\"key\": \"a\", \"response\": \"b\"}]",
    ] {
        let pair = Pair { key: "a".to_owned(), responses: vec!["b".to_owned()] };
        assert_eq!(read(text).pairs, [ListedPair { entry: 0, pair }], "{text}");
    }
    let lines = "{\"key\": \"a\", \"response\": \"b\"}\n\n{\"query\": \"c\", \"response\": \"d\"}";
    assert_eq!(read(lines).pairs.len(), 2);
    // Keys alone, and entries whose response is missing or no text.
    let keys =
        read(r#"["a", {"key": "b", "response": null}, {"key": "c"}, {"key": "d", "response": 7}]"#);
    assert!(keys.pairs.iter().all(|listed| listed.pair.responses.is_empty()));
    assert_eq!((keys.pairs.len(), keys.skipped.len()), (4, 0));
}

#[test]
fn other_files_are_refused_by_what_is_wrong() {
    let said = |bytes: &[u8]| {
        let error = read_pairs(bytes).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error} {}", source.unwrap_or_default())
    };
    for (bytes, part) in [
        (b"{}".as_slice(), "without a list"),
        (b"[", "no list"),
        (b"", "empty"),
        (b"[]", "empty"),
        (b"[{\"key\": \"\xff\"}]", "byte 10"),
        (b"{\"key\": \"a\", \"response\": \"b\"}\nnonsense", "line 2"),
    ] {
        let said = said(bytes);
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
}

#[test]
fn all_that_is_skipped_is_counted_with_its_first_examples() {
    let list = read(
        r#"[{"key": "The old man saw", "response": "zebra"}, 7, {"response": "x"}, {"key": null},
            {"key": " ", "response": "x"}, {"key": "one\u0000two", "response": "x"},
            {"key": " The old man saw ", "response": "zebra"},
            {"key": "The old man saw", "response": "lion"},
            {"key": "The Zebra ran to", "response": " zebra."}]"#,
    );
    let (used, skipped) = distinct(&list);
    let places: Vec<usize> = used.iter().map(|listed| listed.entry).collect();
    // An old response in its key refuses nothing: it is drawn anew.
    assert_eq!(places, [0, 7, 8]);
    let groups = group_skipped(&skipped);
    let counts: Vec<(&str, usize)> = groups.iter().map(|g| (g.kind, g.count)).collect();
    assert_eq!(counts[0], ("no key", 2));
    for kind in ["not an entry", "empty key", "no plain text", "duplicate"] {
        assert!(counts.contains(&(kind, 1)), "{kind}: {counts:?}");
    }
    let duplicate = groups.iter().find(|group| group.kind == "duplicate").unwrap();
    assert_eq!(duplicate.examples, ["entry 6, \"The old man saw\", repeats entry 0"]);
}

#[test]
fn entries_that_no_model_can_use_are_skipped_and_the_others_kept() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny");
    let model = Model::load(&folder, &LoadOptions::default()).unwrap();
    let long = "word ".repeat(400);
    let entries = serde_json::json!([
        {"key": "Once upon a time the dog", "response": "ran"},
        {"key": "Once upon a time the dog", "response": "sat"},
        {"key": long, "response": "x"},
        {"key": "Caf\u{e9} <s> with </s> marks", "response": "x"},
        "One day the little girl",
    ]);
    let selection = select_keys(&model, &read(&entries.to_string()), Api::Completions);
    let used: Vec<usize> = selection.keys.iter().map(|(entry, _)| *entry).collect();
    assert_eq!(used, [0, 4]);
    let kind = |entry: usize| {
        let found = selection.skipped.iter().find(|skipped| skipped.entry == entry);
        found.map(|skipped| skipped.reason.kind())
    };
    assert_eq!((kind(1), kind(2), kind(3)), (Some("conflict"), Some("too long"), Some("tokens")));
}
