//! Public items that no other crate names.

use std::collections::{BTreeMap, HashSet};

use super::names::Reachable;
use crate::modules::{Meaning, Module};
use crate::source::{Item, Visibility};
use crate::survey::Survey;
use crate::workspace::TargetUse;

/// The public items of one library.
#[derive(Debug, Default)]
pub(crate) struct PublicItems {
    /// How many items other crates can name.
    pub(crate) all: usize,
    /// Those that no other crate names, and not even the crate's own tests.
    pub(crate) unused: Vec<String>,
}

/// The public items of each library, by its package. An item counts as named where its identifier
/// occurs in another crate or in the package's own programs, integration tests and examples.
pub(crate) fn public_items(survey: &Survey) -> BTreeMap<String, PublicItems> {
    let house = &survey.house;
    let reachable = Reachable::of(house);
    let mut found: BTreeMap<String, PublicItems> = BTreeMap::new();
    for id in house.ids().filter(|id| house.unit(*id).purpose == TargetUse::Library) {
        let package = &house.unit(id).package;
        let named = named_elsewhere(survey, package);
        let entry = found.entry(package.clone()).or_default();
        for (of, module) in house.each().filter(|(_, module)| module.unit == id) {
            for item in &module.body.items {
                let named_by_others = match &item.owner {
                    None => reachable.contains(of, &item.name),
                    Some(owner) => match house.resolve(of, owner) {
                        Some(Meaning::Item { module, name }) => reachable.contains(module, &name),
                        _ => false,
                    },
                };
                let public = item.visibility == Visibility::Public && named_by_others;
                if public {
                    entry.count(module, item, &named);
                }
            }
        }
    }
    found
}

impl PublicItems {
    fn count(&mut self, module: &Module, item: &Item, named: &HashSet<&str>) {
        self.all += 1;
        if !named.contains(item.name.as_str()) {
            self.unused.push(format!("{}:{} {}", module.file, item.line, item.name));
        }
    }
}

/// Every identifier outside of the library of a package.
fn named_elsewhere<'a>(survey: &'a Survey, package: &str) -> HashSet<&'a str> {
    let house = &survey.house;
    let own = house
        .files
        .iter()
        .filter(|(_, unit)| {
            let unit = house.unit(**unit);
            unit.package == package && unit.purpose == TargetUse::Library
        })
        .map(|(file, _)| file.as_str())
        .collect::<HashSet<_>>();
    let folder = survey.workspace.package(package).map(|p| survey.workspace.folder_of(p));
    let source_folder = folder.map(|folder| folder + "src/").unwrap_or_default();
    survey
        .sources
        .values()
        .filter(|source| !own.contains(source.path.as_str()))
        // Test files of the library lie in its source folder and are not in the module tree.
        .filter(|source| {
            house.files.contains_key(&source.path) || !source.path.starts_with(&source_folder)
        })
        .flat_map(|source| source.identifiers.iter().map(String::as_str))
        .collect()
}
