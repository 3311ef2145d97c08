//! Limits on files, functions, comments, errors and parameters.

use crate::fixture::{Fixture, assert_says};

fn app(limits: &str, code: &str) -> Fixture {
    Fixture::new()
        .member("app", "", "")
        .rules(&format!("[limits]\n{limits}"))
        .file("app/src/lib.rs", code)
}

#[test]
fn a_file_and_a_function_beyond_the_limit_are_seen() {
    let code = "pub fn long() {\n    // 1\n    // 2\n}\n\
                #[cfg(test)]\nmod tests {\n    fn test() {\n\n\n\n    }\n}\n";
    let fixture = app("function_lines = 3\nfile_lines = { rs = 11 }", code);
    let found = fixture.breaches_of("sizes");
    assert_eq!(found.len(), 2);
    assert_says(&found[0].to_string(), &["app/src/lib.rs: sizes: the file has 12 lines, 11"]);
    assert_says(&found[1].to_string(), &["app/src/lib.rs:1: sizes: long has 4 lines, 3"]);
}

#[test]
fn a_doc_comment_that_says_nothing_is_seen() {
    let code = "//! What the crate is for.\n/// The store.\npub struct Store;\n";
    assert_says(&app("", code).breach_of("docs"), &["app/src/lib.rs:2:", "\"The store.\""]);
}

#[test]
fn parameters_that_hide_their_meaning_are_seen() {
    let code = "pub fn f((a, b): (u8, u8)) {}\npub fn g(quick: bool) {}\nfn h(quick: bool) {}\n";
    let found = app("tuple_parameters = 0\nbool_parameters = 0", code).breaches_of("parameters");
    let lines: Vec<usize> = found.iter().map(|breach| breach.line).collect();
    assert_eq!(lines, [1, 2]);
}

#[test]
fn an_error_that_keeps_a_text_for_its_cause_is_seen() {
    let code = "#[derive(Debug, Error)]\npub enum Failure {\n    Open { cause: String },\n}\n\
                pub struct Note {\n    reason: String,\n}\n";
    assert_says(&app("swallowed_sources = 0", code).breach_of("errors"), &["app/src/lib.rs:3:"]);
}

#[test]
fn a_comment_beyond_the_last_column_is_seen_and_an_address_is_not() {
    let long = "word ".repeat(30);
    let code = format!("// {long}\n// https://example.org/{}\n", "a".repeat(120));
    let found = app("long_comments = 0", &code).breach_of("comments");
    assert_says(&found, &["app/src/lib.rs:1:", "break the line at 100 columns"]);
}

#[test]
fn a_module_with_children_in_files_beside_it_is_seen() {
    let message = app("", "mod room;\n")
        .file("app/src/room.rs", "mod inner;\n")
        .file("app/src/room/inner.rs", "")
        .breach_of("module-style");
    assert_says(&message, &["app/src/room.rs:1:", "move this file to app/src/room/mod.rs"]);
}

#[test]
fn a_path_attribute_is_seen_in_test_code_too() {
    let message = app("", "#[cfg(test)]\n#[path = \"other.rs\"]\nmod tests;\n")
        .file("app/src/other.rs", "")
        .breach_of("module-style");
    assert_says(&message, &["app/src/lib.rs:2:", "into foo/tests.rs"]);
}

#[test]
fn marker_words_are_seen() {
    let marker = ["TO", "DO"].concat();
    let message = app("", &format!("// {marker}: later\n")).breach_of("words");
    assert_says(&message, &["app/src/lib.rs:1: words:"]);
}
