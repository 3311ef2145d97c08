//! Keeps `abi/oml.sol`, from which the bindings are generated, equal to the contracts' interfaces.
//!
//! `OML_BLESS=1 cargo test -p oml-contracts --test sources` writes it anew.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const INTERFACES: [&str; 8] = [
    "IBeacon",
    "IDrandBeacon",
    "ILicenseRegistry",
    "ICollateralVault",
    "IPaymentEscrow",
    "IProverRegistry",
    "IProofs",
    "IRounds",
];

const HEADER: &str = "\
// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from contracts/src/interfaces and contracts/src/libraries/Types.sol; do not edit.
pragma solidity ^0.8.30;
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A source without license line, pragma, imports and file-level constants.
fn body(file: &str) -> String {
    let path = root().join("../src").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut kept = String::new();
    let mut skipping = false;
    for line in text.lines() {
        let file_level = !line.starts_with([' ', '\t']);
        let constant = file_level && line.contains(" constant ");
        let starts = ["pragma ", "import ", "// SPDX"].iter().any(|word| line.starts_with(word));
        if starts || constant {
            skipping = !line.ends_with(';') && !line.starts_with("//");
        } else if skipping {
            skipping = !line.ends_with(';');
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Drops doc comments that no item follows: those of the constants.
fn without_orphans(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            while kept.last().is_some_and(|last| last.trim_start().starts_with("///")) {
                kept.pop();
            }
            if kept.last().is_none_or(|last| last.is_empty()) {
                continue;
            }
        }
        kept.push(line);
    }
    kept.join("\n")
}

/// Puts the body of each parent interface into its child: the generator resolves no inheritance.
fn flattened(text: &str) -> String {
    let mut flat = String::new();
    for line in text.lines() {
        let Some((head, parents)) = line.split_once(" is ").filter(|_| line.ends_with('{')) else {
            flat.push_str(line);
            flat.push('\n');
            continue;
        };
        writeln!(flat, "{head} {{").unwrap();
        for parent in parents.trim_end_matches('{').split(',') {
            let source = flattened(&body(&format!("interfaces/{}.sol", parent.trim())));
            let (_, inside) = source.split_once("{\n").unwrap();
            let (inside, _) = inside.rsplit_once('}').unwrap();
            writeln!(flat, "{inside}").unwrap();
        }
    }
    flat
}

fn assembled() -> String {
    let mut text = HEADER.to_owned();
    let mut files = vec!["libraries/Types.sol".to_owned()];
    files.extend(INTERFACES.iter().map(|name| format!("interfaces/{name}.sol")));
    for file in files {
        write!(text, "\n{}\n", without_orphans(&flattened(&body(&file))).trim()).unwrap();
    }
    // Bindings carry the contract's name, not the interface's.
    for name in INTERFACES {
        text = text.replace(&format!("interface {name}"), &format!("interface {}", &name[1..]));
        text = text.replace(&format!("{name}."), &format!("{}.", &name[1..]));
    }
    text
}

#[test]
fn bindings_are_those_of_the_interfaces() {
    let path = root().join("abi/oml.sol");
    let fresh = assembled();
    if std::env::var_os("OML_BLESS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == fresh,
        "abi/oml.sol is out of date; run OML_BLESS=1 cargo test -p oml-contracts --test sources"
    );
}
