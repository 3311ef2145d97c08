//! Who may depend on whom, as facts of Cargo.

use crate::breach::Breach;
use crate::error::StructureError;
use crate::rules::CrateRule;
use crate::survey::Survey;
use crate::workspace::{Dependency, Package, normal_tree};

pub(crate) fn check(survey: &Survey) -> Result<Vec<Breach>, StructureError> {
    let mut breaches = Vec::new();
    for package in &survey.workspace.packages {
        let manifest = survey.workspace.manifest_of(package);
        match survey.rules.crates.iter().find(|rule| rule.name == package.name) {
            Some(rule) => breaches.extend(declared(survey, package, rule)),
            None => breaches.push(breach(
                Place { manifest: &manifest, line: 0 },
                format!("{} has no rule", package.name),
                "add a [[crate]] entry to the rules: what it may depend on",
            )),
        }
    }
    for rule in &survey.rules.crates {
        if survey.workspace.package(&rule.name).is_none() {
            breaches.push(breach(
                Place { manifest: &format!("{}/Cargo.toml", rule.folder), line: 0 },
                format!("{} is not a member of the workspace", rule.name),
                "build the crate, or take its rule out of the rules",
            ));
        }
    }
    breaches.extend(trees(survey)?);
    Ok(breaches)
}

/// A line of a manifest; 0 where the whole manifest is meant.
#[derive(Clone, Copy)]
struct Place<'a> {
    manifest: &'a str,
    line: usize,
}

fn breach(place: Place<'_>, message: String, advice: &str) -> Breach {
    Breach {
        rule: "layers",
        file: place.manifest.to_owned(),
        line: place.line,
        message,
        advice: advice.to_owned(),
    }
}

/// Breaches in what a manifest itself names.
fn declared(survey: &Survey, package: &Package, rule: &CrateRule) -> Vec<Breach> {
    let manifest = survey.workspace.manifest_of(package);
    let folder = survey.workspace.folder_of(package);
    let mut breaches = Vec::new();
    if folder.trim_end_matches('/') != rule.folder {
        breaches.push(breach(
            Place { manifest: &manifest, line: 0 },
            format!("{} lives in {folder}, its rule says {}", package.name, rule.folder),
            "move the crate or correct its rule",
        ));
    }
    for dependency in &package.dependencies {
        let line = line_naming(survey, &manifest, dependency);
        let place = Place { manifest: &manifest, line };
        let other = survey.rules.crates.iter().find(|other| other.name == dependency.name);
        match other {
            Some(other) => breaches.extend(inner(package, rule, other, dependency, place)),
            None => breaches.extend(outer(survey, package, dependency, place)),
        }
    }
    breaches
}

/// A dependency on another member.
fn inner(
    package: &Package,
    rule: &CrateRule,
    other: &CrateRule,
    dependency: &Dependency,
    place: Place<'_>,
) -> Option<Breach> {
    if other.tool {
        return Some(breach(
            place,
            format!("{} depends on the tool {}", package.name, other.name),
            &format!(
                "nobody may depend on {}: move what is shared into a library below both",
                other.name
            ),
        ));
    }
    let normal = rule.depends.contains(&other.name);
    let (allowed, kind) = match dependency.kind.as_deref() {
        Some("dev") => (normal || rule.dev.contains(&other.name), "tests of"),
        Some("build") => (rule.build.contains(&other.name), "build script of"),
        _ => (normal, "library of"),
    };
    (!allowed && other.name != package.name).then(|| {
        breach(
            place,
            format!("the {kind} {} may not depend on {}", package.name, other.name),
            "arrows go down only: move the code to the layer that may use both",
        )
    })
}

/// A dependency on an outside package that only some members may name.
fn outer(
    survey: &Survey,
    package: &Package,
    dependency: &Dependency,
    place: Place<'_>,
) -> Option<Breach> {
    let owners = survey.rules.owners.get(&dependency.name)?;
    (!owners.contains(&package.name)).then(|| {
        breach(
            place,
            format!("{} may not depend on {}", package.name, dependency.name),
            &format!("only {} may: use what they offer", owners.join(", ")),
        )
    })
}

/// The line of a manifest that names a dependency.
fn line_naming(survey: &Survey, manifest: &str, dependency: &Dependency) -> usize {
    let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
    let text = survey.workspace.text_of(manifest).unwrap_or_default();
    let named = |line: &str| {
        line.trim_start()
            .trim_start_matches('"')
            .strip_prefix(name.as_str())
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=', '"']))
    };
    text.lines().position(named).map_or(0, |index| index + 1)
}

/// Outside packages in the whole tree of crates that must build without them.
fn trees(survey: &Survey) -> Result<Vec<Breach>, StructureError> {
    let root = survey.workspace.root.as_path();
    let rules: Vec<&CrateRule> = survey
        .rules
        .crates
        .iter()
        .filter(|rule| !rule.never.is_empty() && survey.workspace.package(&rule.name).is_some())
        .collect();
    let read: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = rules
            .iter()
            .map(|rule| scope.spawn(move || (rule, normal_tree(root, &rule.name))))
            .collect();
        running.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let mut breaches = Vec::new();
    for (rule, tree) in read {
        let tree = tree?;
        for name in survey.rules.packages_of(&rule.never) {
            if tree.contains(name) {
                breaches.push(breach(
                    Place { manifest: &format!("{}/Cargo.toml", rule.folder), line: 0 },
                    format!("{} has {name} in its tree", rule.name),
                    &format!(
                        "find the way with `cargo tree -p {} -e normal -i {name}` and cut it",
                        rule.name
                    ),
                ));
            }
        }
    }
    Ok(breaches)
}
