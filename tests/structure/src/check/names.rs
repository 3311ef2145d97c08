//! No two public types of one name.

use std::collections::{BTreeMap, HashSet};

use crate::breach::Breach;
use crate::modules::{House, Meaning, ModuleId};
use crate::source::{Binding, Item, Visibility};
use crate::survey::Survey;
use crate::workspace::TargetUse;

/// A type, and how far it can be named.
#[derive(Debug, Clone)]
pub(crate) struct NamedType {
    pub(crate) package: String,
    pub(crate) file: String,
    pub(crate) line: usize,
    /// Whether another crate can name it.
    pub(crate) public: bool,
    /// For a type that a macro makes from Solidity, the packages that may mirror it.
    mirrors: Vec<String>,
}

/// The items that other crates can name.
pub(crate) struct Reachable {
    items: HashSet<(ModuleId, String)>,
}

impl Reachable {
    /// Follows `pub mod` and `pub use` from the root of every library.
    pub(crate) fn of(house: &House) -> Self {
        let mut reachable = Self { items: HashSet::new() };
        let mut modules = HashSet::new();
        for id in house.ids().filter(|id| house.unit(*id).purpose == TargetUse::Library) {
            reachable.enter(house, house.unit(id).root, &mut modules);
        }
        reachable
    }

    pub(crate) fn contains(&self, module: ModuleId, name: &str) -> bool {
        self.items.contains(&(module, name.to_owned()))
    }

    fn enter(&mut self, house: &House, id: ModuleId, modules: &mut HashSet<ModuleId>) {
        if !modules.insert(id) {
            return;
        }
        let module = house.module(id);
        let public = |item: &&Item| item.visibility == Visibility::Public && item.owner.is_none();
        for item in module.body.items.iter().filter(public) {
            self.items.insert((id, item.name.clone()));
        }
        for child in module.children.values() {
            if house.module(*child).visibility == Visibility::Public {
                self.enter(house, *child, modules);
            }
        }
        for import in module.body.imports.iter().filter(|i| i.visibility == Visibility::Public) {
            match house.resolve(id, &import.path) {
                Some(Meaning::Item { module, name }) => {
                    self.items.insert((module, name));
                }
                Some(Meaning::Module(other)) if import.binding == Binding::Glob => {
                    self.enter(house, other, modules);
                }
                Some(Meaning::Module(other)) => self.enter(house, other, modules),
                _ => {}
            }
        }
    }
}

/// Types of production code that have the same name, by that name. Private types are left out.
pub(crate) fn duplicates(survey: &Survey) -> BTreeMap<String, Vec<NamedType>> {
    let house = &survey.house;
    let reachable = Reachable::of(house);
    let mut types: BTreeMap<String, Vec<NamedType>> = BTreeMap::new();
    for (id, module) in house.production() {
        for item in &module.body.items {
            if !item.kind.is_type() || item.visibility == Visibility::Private {
                continue;
            }
            types.entry(item.name.clone()).or_default().push(NamedType {
                package: house.unit(module.unit).package.clone(),
                file: module.file.clone(),
                line: item.line,
                public: reachable.contains(id, &item.name),
                mirrors: Vec::new(),
            });
        }
    }
    for (file, mirrors) in &survey.rules.generated_types {
        for (line, name) in solidity_types(&survey.workspace.text_of(file).unwrap_or_default()) {
            types.entry(name).or_default().push(NamedType {
                package: mirrors.first().cloned().unwrap_or_default(),
                file: file.clone(),
                line,
                public: true,
                mirrors: mirrors.clone(),
            });
        }
    }
    types.retain(|_, all| all.len() > 1);
    types
}

/// Structs, enums and contracts of a file in Solidity, with their lines.
fn solidity_types(text: &str) -> Vec<(usize, String)> {
    let named = |line: &str| {
        let mut words = line.split_whitespace();
        let kind = words.next()?;
        let name = words.next()?.trim_end_matches('{');
        ["struct", "enum", "interface", "contract"].contains(&kind).then(|| name.to_owned())
    };
    let lines = text.lines().enumerate();
    lines.filter_map(|(index, line)| Some((index + 1, named(line)?))).collect()
}

/// The types of one name that other crates can name, without those that a crate mirrors on
/// purpose.
pub(crate) fn public_ones(types: &[NamedType]) -> Vec<&NamedType> {
    let mut public: Vec<&NamedType> = types.iter().filter(|each| each.public).collect();
    let written: Vec<&str> = public
        .iter()
        .filter(|each| each.mirrors.is_empty())
        .map(|each| each.package.as_str())
        .collect();
    let mirrored = |each: &&NamedType| {
        written.iter().any(|package| each.mirrors.iter().any(|mirror| mirror == package))
    };
    public.retain(|each| !mirrored(each));
    public
}

pub(crate) fn check(survey: &Survey) -> Vec<Breach> {
    let duplicates = duplicates(survey);
    let mut breaches = Vec::new();
    for (name, types) in &duplicates {
        let public = public_ones(types);
        let shared = survey.rules.shared_names.contains_key(name);
        if public.len() < 2 || shared {
            continue;
        }
        let (first, others) = (public[0], &public[1..]);
        let mut message = format!("{} public types are called {name}", public.len());
        for each in others {
            message.push_str(&format!("\nalso in {}: {}:{}", each.package, each.file, each.line));
        }
        breaches.push(Breach {
            rule: "names",
            file: first.file.clone(),
            line: first.line,
            message,
            advice: "name each for what it is, or make one pub(crate) if no other crate uses it"
                .to_owned(),
        });
    }
    for name in survey.rules.shared_names.keys() {
        let used =
            duplicates.get(name).is_some_and(|all| all.iter().filter(|t| t.public).count() > 1);
        if !used {
            breaches.push(Breach {
                rule: "names",
                file: "tests/structure/layers.toml".to_owned(),
                line: 0,
                message: format!("no two public types are called {name} any more"),
                advice: "take the entry out of shared_names".to_owned(),
            });
        }
    }
    breaches
}
