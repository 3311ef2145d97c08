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
        let Some(rule) = survey.rules.crates.iter().find(|rule| rule.name == package.name) else {
            breaches.push(Breach {
                rule: "layers",
                file: manifest,
                line: 0,
                message: format!("{} has no rule", package.name),
                advice: "add a [[crate]] entry to the rules: what it may depend on".to_owned(),
            });
            continue;
        };
        declared(survey, package, rule, &mut breaches);
    }
    for rule in &survey.rules.crates {
        if survey.workspace.package(&rule.name).is_none() {
            breaches.push(Breach {
                rule: "layers",
                file: format!("{}/Cargo.toml", rule.folder),
                line: 0,
                message: format!("{} is not a member of the workspace", rule.name),
                advice: "build the crate, or take its rule out of the rules".to_owned(),
            });
        }
    }
    breaches.extend(trees(survey)?);
    Ok(breaches)
}

/// Breaches in what a manifest itself names.
fn declared(survey: &Survey, package: &Package, rule: &CrateRule, breaches: &mut Vec<Breach>) {
    let manifest = survey.workspace.manifest_of(package);
    let folder = survey.workspace.folder_of(package);
    if folder.trim_end_matches('/') != rule.folder {
        breaches.push(Breach {
            rule: "layers",
            file: manifest.clone(),
            line: 0,
            message: format!("{} lives in {folder}, its rule says {}", package.name, rule.folder),
            advice: "move the crate or correct its rule".to_owned(),
        });
    }
    for dependency in &package.dependencies {
        let Some(other) = survey.rules.crates.iter().find(|other| other.name == dependency.name)
        else {
            continue;
        };
        let line = line_naming(survey, &manifest, dependency);
        if other.tool {
            breaches.push(Breach {
                rule: "layers",
                file: manifest.clone(),
                line,
                message: format!("{} depends on the tool {}", package.name, other.name),
                advice: format!(
                    "nobody may depend on {}: move what is shared into a library below both",
                    other.name
                ),
            });
            continue;
        }
        let (list, kind) = match dependency.kind.as_deref() {
            Some("dev") => (&rule.dev, "tests of"),
            Some("build") => (&rule.build, "build script of"),
            _ => (&rule.depends, "library of"),
        };
        let in_tests = dependency.kind.as_deref() == Some("dev");
        let allowed = list.contains(&other.name)
            || (in_tests && (rule.depends.contains(&other.name) || other.name == package.name));
        if !allowed {
            breaches.push(Breach {
                rule: "layers",
                file: manifest.clone(),
                line,
                message: format!("the {kind} {} may not depend on {}", package.name, other.name),
                advice: "arrows go down only: move the code to the layer that may use both"
                    .to_owned(),
            });
        }
    }
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
                breaches.push(Breach {
                    rule: "layers",
                    file: format!("{}/Cargo.toml", rule.folder),
                    line: 0,
                    message: format!("{} has {name} in its tree", rule.name),
                    advice: format!(
                        "find the way with `cargo tree -p {} -e normal -i {name}` and cut it",
                        rule.name
                    ),
                });
            }
        }
    }
    Ok(breaches)
}
