//! What documents name exists.

use crate::fixture::{Fixture, assert_says};

fn app() -> Fixture {
    Fixture::new()
        .member("app", "", "")
        .file("app/src/lib.rs", "mod tree;\n")
        .file("app/src/tree.rs", "pub struct Root;\n")
}

#[test]
fn a_path_that_does_not_exist_is_seen() {
    let text = "See `app/src/{lib,tree,gone}.rs:12` and `app/src/` and `src/tree.rs` and `a::b`.\n\
                ```\n`not/a/path.rs`\n```\n";
    let message = app()
        .rules("[documents]\nwith_paths = [\"MAP.md\"]")
        .file("MAP.md", text)
        .breach_of("documents");
    assert_says(&message, &["MAP.md:1:", "names app/src/gone.rs, which does not exist"]);
}

#[test]
fn a_document_beyond_its_limit_and_a_missing_readme_are_seen() {
    let found = app()
        .rules("[documents]\nreadme_lines = 2\n[documents.lines]\n\"MAP.md\" = 1")
        .file("MAP.md", "one\ntwo\n")
        .breaches_of("documents");
    assert_eq!(found.len(), 2);
    assert_says(&found[0].to_string(), &["MAP.md: documents: 2 lines, 1 is the limit"]);
    assert_says(&found[1].to_string(), &["app/README.md: documents: the document does not exist"]);
}

#[test]
fn a_term_whose_type_is_not_in_its_file_is_seen() {
    let text = "| term | meaning | type | file |\n|---|---|---|---|\n\
                | root | top of a tree | `Root` | `app/src/tree.rs` |\n\
                | leaf | end of a tree | `Leaf` | `app/src/tree.rs` |\n";
    let message = app()
        .rules("[documents]\nvocabulary = \"words.md\"")
        .file("words.md", text)
        .breach_of("vocabulary");
    assert_says(&message, &["words.md:4:", "Leaf is not defined in app/src/tree.rs"]);
}
