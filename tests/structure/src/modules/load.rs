//! Follows `mod` declarations from the root of each target to the files.

use std::collections::{BTreeMap, HashMap};

use super::house::{Extern, House, Module, ModuleId, Sources, Unit, UnitId};
use crate::breach::Breach;
use crate::source::{Body, Child, Visibility};
use crate::workspace::{Package, TargetUse, Workspace};

/// Builds the module trees of all targets. What cannot be found becomes a breach.
#[must_use]
pub(crate) fn load(workspace: &Workspace, sources: &Sources) -> (House, Vec<Breach>) {
    let mut loader = Loader { sources, house: House::default(), breaches: Vec::new() };
    for package in &workspace.packages {
        for target in &package.targets {
            let unit = UnitId(loader.house.units.len());
            let file = workspace.root_file_of(target);
            let root = loader.root(unit, &file);
            loader.house.units.push(Unit {
                package: package.name.clone(),
                name: target.name.replace('-', "_"),
                purpose: target.purpose(),
                root,
                externs: HashMap::new(),
            });
        }
    }
    loader.path_attributes();
    let mut house = loader.house;
    for index in 0..house.units.len() {
        let externs = externs_of(&house, workspace, UnitId(index));
        house.units[index].externs = externs;
    }
    (house, loader.breaches)
}

/// The crates that the code of a target can name.
fn externs_of(house: &House, workspace: &Workspace, id: UnitId) -> HashMap<String, Extern> {
    let unit = house.unit(id);
    let mut externs: HashMap<String, Extern> = ["std", "core", "alloc", "proc_macro"]
        .map(|name| (name.to_owned(), Extern::Outside(name.to_owned())))
        .into();
    let Some(package) = workspace.package(&unit.package) else { return externs };
    for dependency in &package.dependencies {
        let written = dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_");
        let found = match library_of(house, workspace, &dependency.name) {
            Some((_, library)) => Extern::Unit(library),
            None => Extern::Outside(dependency.name.replace('-', "_")),
        };
        externs.insert(written, found);
    }
    // Programs and tests of a package can name its library.
    if unit.purpose != TargetUse::Library
        && let Some((name, library)) = library_of(house, workspace, &package.name)
    {
        externs.insert(name, Extern::Unit(library));
    }
    externs
}

fn library_of(house: &House, workspace: &Workspace, package: &str) -> Option<(String, UnitId)> {
    workspace.package(package).and_then(Package::library)?;
    house.units.iter().enumerate().find_map(|(index, unit)| {
        let own = unit.package == package && unit.purpose == TargetUse::Library;
        own.then(|| (unit.name.clone(), UnitId(index)))
    })
}

struct Loader<'a> {
    sources: &'a Sources,
    house: House,
    breaches: Vec<Breach>,
}

/// Where a module stands: its file, and the folder in which its children are looked up.
#[derive(Clone)]
struct Place {
    file: String,
    folder: String,
    /// The folder of a `#[path]` attribute, which differs within inline modules.
    path_folder: String,
}

impl Loader<'_> {
    /// A file that lies elsewhere than its name says is found by nobody.
    fn path_attributes(&mut self) {
        for source in self.sources.values() {
            let breach = |line: &usize| Breach {
                rule: "module-style",
                file: source.path.clone(),
                line: *line,
                message: "a #[path] attribute".to_owned(),
                advice: "put the file where its name says: tests of foo into foo/tests.rs"
                    .to_owned(),
            };
            self.breaches.extend(source.path_attributes.iter().map(breach));
        }
    }

    fn root(&mut self, unit: UnitId, file: &str) -> ModuleId {
        let id = self.push(unit, None, Vec::new(), file, Visibility::Public);
        let Some(source) = self.sources.get(file).filter(|source| !source.test_only) else {
            return id;
        };
        self.house.files.entry(file.to_owned()).or_insert(unit);
        let folder = folder_of(file);
        let place = Place { file: file.to_owned(), path_folder: folder.clone(), folder };
        self.fill(id, source.body.clone(), &place);
        id
    }

    fn push(
        &mut self,
        unit: UnitId,
        parent: Option<ModuleId>,
        path: Vec<String>,
        file: &str,
        visibility: Visibility,
    ) -> ModuleId {
        self.house.modules.push(Module {
            unit,
            path,
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            visibility,
            body: Body::default(),
        });
        ModuleId(self.house.modules.len() - 1)
    }

    /// Puts a body into a module and loads the modules that it declares.
    fn fill(&mut self, id: ModuleId, mut body: Body, place: &Place) {
        let children = std::mem::take(&mut body.children);
        self.house.modules[id.0].body = body;
        for child in children {
            self.child(id, child, place);
        }
    }

    fn child(&mut self, parent: ModuleId, child: Child, place: &Place) {
        let module = self.house.module(parent);
        let (unit, mut path) = (module.unit, module.path.clone());
        path.push(child.name.clone());
        if let Some(body) = child.body {
            let id = self.push(unit, Some(parent), path, &place.file, child.visibility);
            self.house.modules[parent.0].children.insert(child.name.clone(), id);
            let folder = format!("{}{}/", place.folder, child.name);
            let inner = Place { file: place.file.clone(), path_folder: folder.clone(), folder };
            self.fill(id, body, &inner);
            return;
        }
        let candidates = match &child.path {
            Some(path) => vec![normal(&format!("{}{path}", place.path_folder))],
            None => {
                ["", "/mod"].map(|end| format!("{}{}{end}.rs", place.folder, child.name)).to_vec()
            }
        };
        let Some(file) = candidates.iter().find(|file| self.sources.contains_key(*file)) else {
            self.breaches.push(missing(&child, place, &candidates));
            return;
        };
        let source = &self.sources[file];
        if source.test_only {
            return;
        }
        let id = self.push(unit, Some(parent), path, file, child.visibility);
        self.house.modules[parent.0].children.insert(child.name.clone(), id);
        self.house.files.entry(file.clone()).or_insert(unit);
        let below = folder_of(file);
        let owns_folder = file.ends_with("/mod.rs") || child.path.is_some();
        let folder =
            if owns_folder { below.clone() } else { file.trim_end_matches(".rs").to_owned() + "/" };
        let in_files = source.body.children.iter().find(|child| child.body.is_none());
        if let (false, Some(grandchild)) = (owns_folder, in_files) {
            self.breaches.push(Breach {
                rule: "module-style",
                file: file.clone(),
                line: grandchild.line,
                message: format!("declares the module `{}` in a file beside it", grandchild.name),
                advice: format!("move this file to {folder}mod.rs"),
            });
        }
        let place = Place { file: file.clone(), folder, path_folder: below };
        self.fill(id, source.body.clone(), &place);
    }
}

fn missing(child: &Child, place: &Place, candidates: &[String]) -> Breach {
    Breach {
        rule: "modules",
        file: place.file.clone(),
        line: child.line,
        message: format!("the module `{}` has no file", child.name),
        advice: format!("add {} or take the declaration out", candidates.join(" or ")),
    }
}

/// The folder of a file with its slash.
fn folder_of(file: &str) -> String {
    file.rfind('/').map_or_else(String::new, |end| file[..=end].to_owned())
}

/// A path without `..` and `.`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}
