//! What a path means: a module, an item where it is defined, or something outside.

use super::house::{Extern, House, ModuleId};
use crate::source::{Binding, Import, Visibility, WrittenPath};

/// What a path leads to after every rename and re-export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A module of the workspace.
    Module(ModuleId),
    /// An item, by the module that defines it.
    Item {
        /// The module with the definition.
        module: ModuleId,
        /// The name that the item has there.
        name: String,
    },
    /// A path in a crate outside of the workspace, from the name of that crate.
    Outside(Vec<String>),
}

/// Lookups in progress; a name that leads back to itself leads nowhere.
type Busy = Vec<(ModuleId, String)>;

/// A name that is looked up in a module.
#[derive(Clone, Copy)]
struct Sought<'a> {
    name: &'a str,
    /// Whether the path ends with it; only then an item goes before a module of the same name.
    last: bool,
    /// Whether what is private to the module counts.
    private: bool,
}

impl House {
    /// What `path` means in the module `from`.
    #[must_use]
    pub(crate) fn resolve(&self, from: ModuleId, path: &WrittenPath) -> Option<Meaning> {
        self.meaning(from, path, &mut Vec::new())
    }

    fn meaning(&self, from: ModuleId, path: &WrittenPath, busy: &mut Busy) -> Option<Meaning> {
        let (first, mut rest) = path.segments.split_first()?;
        let mut at = match first.as_str() {
            name if path.absolute => self.outside(from, name)?,
            "crate" | "$crate" => Meaning::Module(self.unit(self.module(from).unit).root),
            "self" => Meaning::Module(from),
            "super" => {
                let mut module = self.module(from).parent?;
                while let Some(("super", after)) = rest.split_first().map(|(s, r)| (s.as_str(), r))
                {
                    module = self.module(module).parent?;
                    rest = after;
                }
                Meaning::Module(module)
            }
            "Self" => return None,
            name => {
                let sought = Sought { name, last: rest.is_empty(), private: true };
                self.lookup(from, sought, busy).or_else(|| self.outside(from, name))?
            }
        };
        while let Some((name, after)) = rest.split_first() {
            rest = after;
            at = match at {
                Meaning::Module(module) => {
                    let private = self.ancestors(from).contains(&module);
                    let sought = Sought { name, last: rest.is_empty(), private };
                    // A name that is not found is made by a macro there.
                    self.lookup(module, sought, busy)
                        .unwrap_or_else(|| Meaning::Item { module, name: name.clone() })
                }
                // A variant or an associated item belongs to its type.
                item @ Meaning::Item { .. } => item,
                Meaning::Outside(mut path) => {
                    path.push(name.clone());
                    Meaning::Outside(path)
                }
            };
        }
        Some(at)
    }

    /// The crate that a name means.
    fn outside(&self, from: ModuleId, name: &str) -> Option<Meaning> {
        match self.unit(self.module(from).unit).externs.get(name)? {
            Extern::Unit(unit) => Some(Meaning::Module(self.unit(*unit).root)),
            Extern::Outside(name) => Some(Meaning::Outside(vec![name.clone()])),
        }
    }

    fn lookup(&self, id: ModuleId, sought: Sought<'_>, busy: &mut Busy) -> Option<Meaning> {
        let key = (id, sought.name.to_owned());
        if busy.contains(&key) {
            return None;
        }
        busy.push(key);
        let found = self.own(id, sought).or_else(|| self.imported(id, sought, busy));
        busy.pop();
        found.or_else(|| self.generated(id, sought.name))
    }

    /// A module that is declared here or an item that is defined here.
    fn own(&self, id: ModuleId, sought: Sought<'_>) -> Option<Meaning> {
        let item = || {
            let item = self.item(id, sought.name)?;
            Some(Meaning::Item { module: id, name: item.name.clone() })
        };
        let child =
            || self.module(id).children.get(sought.name).map(|child| Meaning::Module(*child));
        if sought.last { item().or_else(child) } else { child().or_else(item) }
    }

    /// What a `use` brings here, by its name or else through a star.
    fn imported(&self, id: ModuleId, sought: Sought<'_>, busy: &mut Busy) -> Option<Meaning> {
        let seen = |import: &&Import| sought.private || import.visibility > Visibility::Private;
        let imports: Vec<&Import> = self.module(id).body.imports.iter().filter(seen).collect();
        let named = |import: &&&Import| matches!(&import.binding, Binding::Name(name) if name == sought.name);
        for import in imports.iter().filter(named) {
            if let Some(found) = self.meaning(id, &import.path, busy) {
                return Some(found);
            }
        }
        for import in imports.iter().filter(|import| import.binding == Binding::Glob) {
            let meaning = self.meaning(id, &import.path, busy);
            let Some(Meaning::Module(other)) = meaning else { continue };
            let private = self.ancestors(id).contains(&other);
            if let Some(found) = self.lookup(other, Sought { private, ..sought }, busy) {
                return Some(found);
            }
        }
        None
    }

    /// A type whose name a macro gets here.
    fn generated(&self, id: ModuleId, name: &str) -> Option<Meaning> {
        let capital = name.starts_with(|first: char| first.is_ascii_uppercase());
        let here = capital && self.module(id).body.generated.contains(name);
        here.then(|| Meaning::Item { module: id, name: name.to_owned() })
    }
}
