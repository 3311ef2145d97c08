//! Circles between the modules of a crate.

use crate::fixture::{Fixture, assert_says};

fn app(root: &str) -> Fixture {
    Fixture::new().member("app", "", "").file("app/src/lib.rs", root)
}

#[test]
fn a_circle_through_an_import_among_braces_is_seen() {
    let message = app("mod a;\nmod b;\nmod c;\n")
        .file("app/src/a.rs", "use crate::{b::{Inner as I, Other}, c::Third};\npub struct A;\n")
        .file("app/src/b.rs", "use super::a::A;\npub struct Inner;\npub struct Other;\n")
        .file("app/src/c.rs", "pub struct Third;\n")
        .breach_of("circles");
    let parts = [
        "circle in app, below the crate root: a, b",
        "a -> b: app/src/a.rs:1 uses b::Inner (2 such)",
        "b -> a: app/src/b.rs:1 uses a::A (1 such)",
        "move what both sides need",
    ];
    assert_says(&message, &parts);
}

#[test]
fn a_circle_through_a_reexport_is_seen() {
    let message = app("mod a;\nmod b;\npub use b::Inner as Shown;\n")
        .file("app/src/a.rs", "use crate::Shown;\npub struct A;\n")
        .file("app/src/b.rs", "use crate::a::A;\npub struct Inner;\n")
        .breach_of("circles");
    assert_says(&message, &["below the crate root: a, b", "a -> b: app/src/a.rs:1 uses b::Inner"]);
}

#[test]
fn a_circle_through_a_starred_reexport_is_seen() {
    let message = app("mod a;\nmod b;\nmod prelude {\n    pub use crate::b::*;\n}\n")
        .file("app/src/a.rs", "use crate::prelude::*;\npub struct A(pub Inner);\n")
        .file("app/src/b.rs", "use crate::a::A;\npub struct Inner;\n")
        .breach_of("circles");
    assert_says(&message, &["below the crate root: a, b", "a -> b: app/src/a.rs:2 uses b::Inner"]);
}

#[test]
fn a_circle_through_paths_without_use_is_seen() {
    let message = app("mod a;\nmod b;\n")
        .file("app/src/a.rs", "pub fn a() { crate::b::b(); }\n")
        .file("app/src/b.rs", "pub fn b() { assert!(super::a::a() == ()); }\n")
        .breach_of("circles");
    let parts = ["a -> b: app/src/a.rs:1 uses b::b", "b -> a: app/src/b.rs:1 uses a::a"];
    assert_says(&message, &parts);
}

#[test]
fn a_circle_through_the_name_of_a_module_is_seen() {
    let message = app("mod a;\nmod b;\n")
        .file("app/src/a.rs", "use crate::b as other;\npub fn a() { other::b(); }\n")
        .file("app/src/b.rs", "use crate::a;\npub fn b() { a::a(); }\n")
        .breach_of("circles");
    assert_says(&message, &["a -> b: app/src/a.rs:2", "b -> a: app/src/b.rs:2"]);
}

#[test]
fn a_circle_between_files_of_one_folder_is_seen() {
    let message = app("mod room;\n")
        .file("app/src/room/mod.rs", "mod a;\nmod b;\n")
        .file("app/src/room/a.rs", "use super::b::B;\npub struct A;\n")
        .file("app/src/room/b.rs", "use crate::room::a::A;\npub struct B;\n")
        .breach_of("circles");
    assert_says(&message, &["app/src/room/mod.rs: circles:", "below room: a, b"]);
}

#[test]
fn a_circle_between_folders_through_different_files_is_seen() {
    let message = app("mod x;\nmod y;\n")
        .file("app/src/x/mod.rs", "pub mod one;\npub mod two;\n")
        .file("app/src/x/one.rs", "use crate::y::first::First;\n")
        .file("app/src/x/two.rs", "pub struct Two;\n")
        .file("app/src/y/mod.rs", "pub mod first;\npub mod second;\n")
        .file("app/src/y/first.rs", "pub struct First;\n")
        .file("app/src/y/second.rs", "use crate::x::two::Two;\n")
        .breach_of("circles");
    assert_says(&message, &["below the crate root: x, y"]);
}

#[test]
fn a_parent_and_a_child_that_use_each_other_are_seen() {
    let message = app("mod child;\npub struct Shared;\npub fn f() { child::run(); }\n")
        .file("app/src/child.rs", "use super::Shared;\npub fn run() -> Option<Shared> { None }\n")
        .breach_of("circles");
    assert_says(&message, &["the crate root itself, child"]);
}

#[test]
fn a_parent_that_reexports_its_children_passes() {
    let fixture = app("mod a;\nmod b;\npub use a::A;\npub use b::*;\n")
        .file("app/src/a.rs", "use crate::B;\npub struct A(pub B);\n")
        .file("app/src/b.rs", "pub struct B;\n");
    assert_eq!(fixture.breaches_of("circles"), []);
}

#[test]
fn test_code_makes_no_circle() {
    let fixture = app("mod a;\nmod b;\n")
        .file("app/src/a.rs", "use crate::b::B;\npub struct A(pub B);\n")
        .file(
            "app/src/b.rs",
            "pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n",
        );
    assert_eq!(fixture.breaches_of("circles"), []);
}

#[test]
fn modules_within_one_file_make_no_circle() {
    let fixture = app(
        "pub struct Line;\npub fn f() { fast::f(); }\nmod fast {\n    use super::Line;\n    pub fn f() -> Option<Line> { None }\n}\n",
    );
    assert_eq!(fixture.breaches_of("circles"), []);
}

#[test]
fn a_variable_named_like_a_function_makes_no_circle() {
    let fixture = app("mod a;\nmod b;\n")
        .file("app/src/a.rs", "use crate::b::*;\npub fn tree() -> Option<B> { None }\n")
        .file("app/src/b.rs", "pub struct B;\npub fn f(tree: u8) -> u8 { tree }\n");
    assert_eq!(fixture.breaches_of("circles"), []);
}

#[test]
fn a_use_of_the_roof_is_seen() {
    let message = app("mod low;\npub mod roof;\n")
        .file("app/src/low.rs", "use crate::roof::Context;\n")
        .file("app/src/roof.rs", "pub struct Context;\n")
        .rule_first("roofs = [\"app::roof\"]")
        .breach_of("circles");
    assert_says(&message, &["app/src/low.rs:1:", "uses the roof app::roof: Context"]);
}

#[test]
fn a_known_circle_passes_and_an_entry_without_a_circle_is_seen() {
    let fixture = app("mod a;\nmod b;\n")
        .rules("[known_circles]\n\"app::\" = \"until a is split\"\n\"app::a\" = \"was there\"")
        .file("app/src/a.rs", "use crate::b::B;\npub struct A;\n")
        .file("app/src/b.rs", "use crate::a::A;\npub struct B;\n");
    assert_says(&fixture.breach_of("circles"), &["there is no circle below app::a any more"]);
}
