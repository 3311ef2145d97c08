//! Where outside paths may be named.

use crate::fixture::{Fixture, assert_says};

fn app(code: &str) -> Fixture {
    Fixture::new().with_alloy("app").forbidding_keys().file("app/src/lib.rs", code)
}

const KEY: &str = "a key named outside of its place: alloy::signers::local::PrivateKeySigner";

#[test]
fn an_import_among_braces_is_seen() {
    let message = app("use alloy::{primitives::B256, signers::local::PrivateKeySigner};\n")
        .breach_of("imports");
    assert_says(&message, &["app/src/lib.rs:1: imports:", KEY, "ask keys", "app/src/keys"]);
}

#[test]
fn an_import_among_nested_braces_is_seen() {
    let code = "use alloy::{\n    primitives::B256,\n    signers::{Signer, local::{self, PrivateKeySigner}},\n};\n";
    assert_says(&app(code).breach_of("imports"), &["app/src/lib.rs:3:", "(2 such in this file)"]);
}

#[test]
fn a_renamed_import_is_seen() {
    let code = "use alloy::signers::{local::PrivateKeySigner as K};\nfn f() { K::random(); }\n";
    assert_says(&app(code).breach_of("imports"), &["app/src/lib.rs:1:", KEY]);
}

#[test]
fn a_renamed_crate_is_seen() {
    let code = "extern crate alloy as chain;\nuse self::chain as c;\nfn f() { c::signers::local::PrivateKeySigner::random(); }\n";
    let message = app(code).breach_of("imports");
    assert_says(&message, &["app/src/lib.rs:3:", "written as c::signers::local"]);
}

#[test]
fn a_dependency_renamed_in_the_manifest_is_seen() {
    let manifest = "[dependencies]\nchain = { path = \"../vendor/alloy\", package = \"alloy\" }";
    let message = Fixture::new()
        .member("app", manifest, "")
        .forbidding_keys()
        .file("app/src/lib.rs", "use chain::signers::local::PrivateKeySigner;\n")
        .breach_of("imports");
    assert_says(&message, &["app/src/lib.rs:1:", KEY]);
}

#[test]
fn a_star_above_the_path_is_seen() {
    let code = "use alloy::signers::*;\nfn f() { local::PrivateKeySigner::random(); }\n";
    assert_says(&app(code).breach_of("imports"), &["app/src/lib.rs:1:", "alloy::signers::*"]);
}

#[test]
fn a_path_without_use_is_seen_in_code_types_and_macros() {
    for code in [
        "fn f() { let _ = alloy::signers::local::PrivateKeySigner::random(); }\n",
        "pub struct Holder(Vec<alloy::signers::local::PrivateKeySigner>);\n",
        "fn f() { g(format!(\"{}\", alloy::signers::local::PrivateKeySigner::random())); }\n",
        "fn f(text: &str) { text.parse::<::alloy::signers::local::PrivateKeySigner>(); }\n",
        "fn f() { use alloy::signers::local as l; }\n",
        "macro_rules! key { () => { alloy::signers::local::PrivateKeySigner::random() }; }\n",
        "#[derive(Serialize)]\n#[serde(with = \"alloy::signers::local\")]\npub struct S;\n",
    ] {
        assert_says(&app(code).breach_of("imports"), &["app/src/lib.rs:", "a key"]);
    }
}

#[test]
fn a_reexport_of_another_crate_is_seen() {
    let message = Fixture::new()
        .with_alloy("app")
        .member("user", "[dependencies]\napp = { path = \"../app\" }", "depends = [\"app\"]")
        .forbidding_keys()
        .file("app/src/lib.rs", "pub mod keys;\n")
        .file("app/src/keys.rs", "pub use alloy::signers::local::PrivateKeySigner as Key;\n")
        .file("user/src/lib.rs", "use app::keys::Key;\n")
        .breach_of("imports");
    assert_says(&message, &["user/src/lib.rs:1:", KEY, "written as app::keys::Key"]);
}

#[test]
fn code_behind_a_line_with_cfg_test_is_seen() {
    let code = "#[cfg(test)]\nmod tests {}\n\n#[cfg(test)]\nuse std::fmt;\n\
                use alloy::signers::local::PrivateKeySigner;\n";
    assert_says(&app(code).breach_of("imports"), &["app/src/lib.rs:6:", KEY]);
}

#[test]
fn code_that_is_only_left_out_of_tests_is_seen() {
    let code = "#[cfg(not(test))]\nuse alloy::signers::local::PrivateKeySigner;\n";
    assert_says(&app(code).breach_of("imports"), &["app/src/lib.rs:2:", KEY]);
}

#[test]
fn code_in_a_file_that_a_path_attribute_names_is_seen() {
    let message = app("#[path = \"hidden/other.rs\"]\nmod plain;\n")
        .file("app/src/hidden/other.rs", "use alloy::signers::local::PrivateKeySigner;\n")
        .breach_of("imports");
    assert_says(&message, &["app/src/hidden/other.rs:1:", KEY]);
}

#[test]
fn code_that_is_included_is_seen() {
    let message = app("include!(\"hidden.txt\");\n").breach_of("imports");
    assert_says(&message, &["app/src/lib.rs:1:", "include! brings in code"]);
}

#[test]
fn test_code_may_name_what_it_likes() {
    let code = "#[cfg(test)]\nmod tests {\n    use alloy::signers::local::PrivateKeySigner;\n}\n\
                #[cfg(all(test, feature = \"more\"))]\nuse alloy::signers::local as l;\n\
                #[cfg(test)]\nmod apart;\n\
                pub fn f() {\n    #[cfg(test)]\n    let _ = alloy::signers::local::PrivateKeySigner::random();\n}\n\
                pub struct S {\n    #[cfg(test)]\n    key: alloy::signers::local::PrivateKeySigner,\n}\n";
    let fixture = app(code)
        .file("app/src/apart.rs", "use alloy::signers::local::PrivateKeySigner;\n")
        .file("app/tests/whole.rs", "use alloy::signers::local::PrivateKeySigner;\n");
    assert_eq!(fixture.breaches_of("imports"), []);
}

#[test]
fn the_place_of_the_path_and_its_folder_may_name_it() {
    let fixture = app("mod keys;\n")
        .file("app/src/keys/mod.rs", "mod file;\nuse alloy::signers::local::PrivateKeySigner;\n")
        .file("app/src/keys/file.rs", "use alloy::signers::local::PrivateKeySigner;\n");
    assert_eq!(fixture.breaches_of("imports"), []);
}

#[test]
fn a_folder_whose_name_only_begins_alike_may_not() {
    let message = app("mod keys_of_others;\n")
        .file("app/src/keys_of_others.rs", "use alloy::signers::local::PrivateKeySigner;\n")
        .breach_of("imports");
    assert_says(&message, &["app/src/keys_of_others.rs:1:"]);
}
