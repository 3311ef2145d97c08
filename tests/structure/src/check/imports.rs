//! Which outside paths production code may name where, after every rename and re-export.

use std::collections::BTreeMap;

use crate::breach::Breach;
use crate::modules::{Meaning, Module};
use crate::rules::ImportRule;
use crate::source::{Binding, WrittenPath};
use crate::survey::Survey;

pub(crate) fn check(survey: &Survey) -> Vec<Breach> {
    let mut breaches = outside_paths(survey);
    breaches.extend(included_files(survey));
    breaches
}

/// Code that `include!` brings in, which no module names and nothing here reads.
fn included_files(survey: &Survey) -> Vec<Breach> {
    let includes = |path: &&WrittenPath| path.segments.last().is_some_and(|name| name == "include");
    let modules = survey.house.production();
    let found = modules.flat_map(|(_, module)| {
        module.body.mentions.iter().filter(includes).map(|path| Breach {
            rule: "imports",
            file: module.file.clone(),
            line: path.line,
            message: "include! brings in code that no module names".to_owned(),
            advice: "declare a module".to_owned(),
        })
    });
    found.collect()
}

fn outside_paths(survey: &Survey) -> Vec<Breach> {
    let mut sightings: BTreeMap<(&str, &str), Sighting<'_>> = BTreeMap::new();
    for (id, module) in survey.house.production() {
        for (path, is_glob) in written_paths(module) {
            let Some(Meaning::Outside(meant)) = survey.house.resolve(id, path) else { continue };
            for rule in survey.rules.imports.iter().filter(|rule| !allows(rule, &module.file)) {
                if !rule.paths.iter().any(|one| covers(one, &meant, is_glob)) {
                    continue;
                }
                let meant = meant.join("::") + if is_glob { "::*" } else { "" };
                let found = Sighting { rule, path, meant, count: 0 };
                let first = sightings.entry((&module.file, &rule.what)).or_insert(found);
                first.count += 1;
            }
        }
    }
    sightings.iter().map(|((file, _), sighting)| sighting.breach(file)).collect()
}

/// What one file names against one rule: the first place and how many there are.
struct Sighting<'a> {
    rule: &'a ImportRule,
    path: &'a WrittenPath,
    meant: String,
    count: usize,
}

/// Every path that a module writes, and whether it ends in a star.
fn written_paths(module: &Module) -> impl Iterator<Item = (&WrittenPath, bool)> {
    let imports = module.body.imports.iter();
    let imports = imports.map(|import| (&import.path, import.binding == Binding::Glob));
    imports.chain(module.body.mentions.iter().map(|path| (path, false)))
}

/// Whether the rule lets this file name its paths.
fn allows(rule: &ImportRule, file: &str) -> bool {
    rule.only_in.iter().any(|place| {
        file.strip_prefix(place.as_str())
            .is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
    })
}

/// Whether a path lies at or below a forbidden one; a star above it would bring it in unnamed.
fn covers(forbidden: &str, meant: &[String], is_glob: bool) -> bool {
    let parts: Vec<&str> = forbidden.split("::").collect();
    let shared = parts
        .iter()
        .zip(meant)
        .take_while(|(part, name)| match part.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => *part == name,
        })
        .count();
    shared == parts.len() || (is_glob && shared == meant.len())
}

impl Sighting<'_> {
    fn breach(&self, file: &str) -> Breach {
        let written = self.path.segments.join("::");
        let mut message = format!("{} named outside of its place: {}", self.rule.what, self.meant);
        if written != self.meant {
            message.push_str(&format!(", written as {written}"));
        }
        if self.count > 1 {
            message.push_str(&format!(" ({} such in this file)", self.count));
        }
        Breach {
            rule: "imports",
            file: file.to_owned(),
            line: self.path.line,
            message,
            advice: format!(
                "{}; it may be named in {}",
                self.rule.instead,
                self.rule.only_in.join(", ")
            ),
        }
    }
}
