//! Public types of one name.

use crate::fixture::{Fixture, assert_says};

#[test]
fn public_types_of_one_name_in_two_crates_are_seen() {
    let message = Fixture::new()
        .member("one", "", "")
        .member("two", "", "")
        .file("one/src/lib.rs", "pub struct Plan;\n")
        .file("two/src/lib.rs", "mod deep;\npub use deep::Plan;\n")
        .file("two/src/deep.rs", "pub enum Plan {}\n")
        .breach_of("names");
    let parts = ["one/src/lib.rs:1:", "2 public types are called Plan", "two/src/deep.rs:1"];
    assert_says(&message, &parts);
}

#[test]
fn public_types_of_one_name_within_a_crate_are_seen() {
    let message = Fixture::new()
        .member("one", "", "")
        .file("one/src/lib.rs", "pub mod a {\n    pub trait Tile {}\n}\npub type Tile = u8;\n")
        .breach_of("names");
    assert_says(&message, &["2 public types are called Tile", "in one: one/src/lib.rs"]);
}

#[test]
fn types_that_only_their_crate_can_name_pass() {
    let fixture = Fixture::new()
        .member("one", "", "")
        .member("two", "", "")
        .file("one/src/lib.rs", "pub struct Plan;\n")
        .file("two/src/lib.rs", "mod deep;\npub(crate) struct Plan;\n")
        .file("two/src/deep.rs", "pub struct Plan;\n#[cfg(test)]\npub struct Plan;\n");
    assert_eq!(fixture.breaches_of("names"), []);
}

#[test]
fn a_shared_name_needs_an_entry_with_its_reason_and_loses_it_in_time() {
    let fixture = Fixture::new()
        .member("one", "", "")
        .member("two", "", "")
        .rules("[shared_names]\nPlan = \"both are plans\"\nGone = \"was there once\"")
        .file("one/src/lib.rs", "pub struct Plan;\n")
        .file("two/src/lib.rs", "pub struct Plan;\n");
    assert_says(&fixture.breach_of("names"), &["no two public types are called Gone any more"]);
}

#[test]
fn types_that_a_macro_makes_from_solidity_count_and_may_be_mirrored() {
    let sol =
        "struct Leaf {\n    uint256 value;\n}\ninterface Court {\n    enum Status { Open }\n}\n";
    let message = Fixture::new()
        .member("one", "", "")
        .member("two", "", "")
        .rules("[generated_types]\n\"one/abi.sol\" = [\"one\"]")
        .file("one/abi.sol", sol)
        .file("one/src/lib.rs", "pub enum Status {}\n")
        .file("two/src/lib.rs", "pub struct Leaf;\n")
        .breach_of("names");
    assert_says(&message, &["two/src/lib.rs:1:", "called Leaf", "in one: one/abi.sol:1"]);
}
