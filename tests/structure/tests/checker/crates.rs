//! Who may depend on whom.

use crate::fixture::{Fixture, assert_says};

#[test]
fn a_dependency_between_two_tools_is_seen() {
    let message = Fixture::new()
        .member("first", "[dependencies]\nsecond = { path = \"../second\" }", "tool = true")
        .member("second", "", "tool = true")
        .breach_of("layers");
    let parts = ["first/Cargo.toml:6: layers:", "first depends on the tool second", "nobody may"];
    assert_says(&message, &parts);
}

#[test]
fn a_test_that_depends_on_a_tool_is_seen() {
    let message = Fixture::new()
        .member("app", "[dev-dependencies]\ntool = { path = \"../tool\" }", "dev = [\"tool\"]")
        .member("tool", "", "tool = true")
        .breach_of("layers");
    assert_says(&message, &["app depends on the tool tool"]);
}

#[test]
fn an_arrow_that_points_back_is_seen() {
    let message = Fixture::new()
        .member("low", "[dependencies]\nhigh = { path = \"../high\" }", "")
        .member("high", "", "depends = [\"low\"]")
        .breach_of("layers");
    assert_says(&message, &["the library of low may not depend on high", "arrows go down only"]);
}

#[test]
fn dependencies_of_tests_and_build_scripts_are_told_apart() {
    let manifest = "[dev-dependencies]\nlow = { path = \"../low\" }\n\
                    [build-dependencies]\nlow = { path = \"../low\" }";
    let message = Fixture::new()
        .member("low", "", "")
        .member("high", manifest, "dev = [\"low\"]")
        .breach_of("layers");
    assert_says(&message, &["the build script of high may not depend on low"]);
}

#[test]
fn an_outside_package_deep_in_the_tree_is_seen() {
    let message = Fixture::new()
        .with_alloy("low")
        .member(
            "high",
            "[dependencies]\nlow = { path = \"../low\" }",
            "depends = [\"low\"]\nnever = [\"rpc\"]",
        )
        .rules("[packages]\nrpc = [\"alloy\"]")
        .breach_of("layers");
    assert_says(&message, &["high has alloy in its tree", "cargo tree -p high -e normal -i alloy"]);
}

#[test]
fn a_member_without_a_rule_and_a_rule_without_a_member_are_seen() {
    let found = Fixture::new()
        .member("app", "", "")
        .rules("[[crate]]\nname = \"gone\"\nfolder = \"gone\"")
        .breaches_of("layers");
    assert_eq!(found.len(), 1);
    assert_says(&found[0].to_string(), &["gone is not a member of the workspace"]);
}

#[test]
fn arrows_that_go_down_pass() {
    let fixture = Fixture::new().member("low", "", "").member(
        "high",
        "[dependencies]\nlow = { path = \"../low\" }",
        "depends = [\"low\"]",
    );
    assert_eq!(fixture.breaches_of("layers"), []);
}

#[test]
fn an_outside_package_of_another_member_is_seen() {
    let message = Fixture::new()
        .with_alloy("app")
        .rules("[owners]\nalloy = [\"other\", \"third\"]")
        .breach_of("layers");
    assert_says(&message, &["app/Cargo.toml:6:", "app may not depend on alloy", "other, third"]);
}
