//! What a path means: a module, an item where it is defined, or something outside.

use super::house::{Extern, House, ModuleId};
use crate::source::{Binding, Import, Item, Visibility, WrittenPath};

/// What a path leads to after every rename and re-export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
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

impl House {
    /// What `path` means in the module `from`.
    #[must_use]
    pub fn resolve(&self, from: ModuleId, path: &WrittenPath) -> Option<Meaning> {
        self.meaning(from, path, &mut Vec::new())
    }

    fn meaning(&self, from: ModuleId, path: &WrittenPath, busy: &mut Busy) -> Option<Meaning> {
        let mut rest = path.segments.as_slice();
        let mut at = match rest.first()?.as_str() {
            first if path.absolute => {
                let found = self.outside(from, first);
                rest = &rest[1..];
                found?
            }
            "crate" | "$crate" => {
                rest = &rest[1..];
                Meaning::Module(self.unit(self.module(from).unit).root)
            }
            "self" => {
                rest = &rest[1..];
                Meaning::Module(from)
            }
            "super" => {
                let mut module = from;
                while rest.first().is_some_and(|segment| segment == "super") {
                    module = self.module(module).parent?;
                    rest = &rest[1..];
                }
                Meaning::Module(module)
            }
            "Self" => return None,
            first => {
                let last = rest.len() == 1;
                rest = &rest[1..];
                self.lookup(from, first, last, true, busy).or_else(|| self.outside(from, first))?
            }
        };
        while let Some((segment, after)) = rest.split_first() {
            at = self.step(from, at, segment, after.is_empty(), busy);
            rest = after;
        }
        Some(at)
    }

    /// Goes one name further.
    fn step(
        &self,
        from: ModuleId,
        at: Meaning,
        segment: &str,
        last: bool,
        busy: &mut Busy,
    ) -> Meaning {
        match at {
            Meaning::Module(module) => {
                let inside = self.ancestors(from).contains(&module);
                // A name that is not found is made by a macro there.
                self.lookup(module, segment, last, inside, busy)
                    .unwrap_or_else(|| Meaning::Item { module, name: segment.to_owned() })
            }
            // A variant or an associated item belongs to its type.
            item @ Meaning::Item { .. } => item,
            Meaning::Outside(mut path) => {
                path.push(segment.to_owned());
                Meaning::Outside(path)
            }
        }
    }

    /// The crate that a name means.
    fn outside(&self, from: ModuleId, name: &str) -> Option<Meaning> {
        match self.unit(self.module(from).unit).externs.get(name)? {
            Extern::Unit(unit) => Some(Meaning::Module(self.unit(*unit).root)),
            Extern::Outside(name) => Some(Meaning::Outside(vec![name.clone()])),
        }
    }

    /// What a name means within a module. `last` prefers items over modules, `inside` sees what is
    /// private.
    fn lookup(
        &self,
        module: ModuleId,
        name: &str,
        last: bool,
        inside: bool,
        busy: &mut Busy,
    ) -> Option<Meaning> {
        let key = (module, name.to_owned());
        if busy.contains(&key) {
            return None;
        }
        busy.push(key);
        let found = self.named_in(module, name, last, inside, busy);
        busy.pop();
        found
    }

    fn named_in(
        &self,
        id: ModuleId,
        name: &str,
        last: bool,
        inside: bool,
        busy: &mut Busy,
    ) -> Option<Meaning> {
        let module = self.module(id);
        let item = || {
            let item = self.item(id, name)?;
            Some(Meaning::Item { module: id, name: item.name.clone() })
        };
        let child = || module.children.get(name).map(|child| Meaning::Module(*child));
        let own = if last { item().or_else(child) } else { child().or_else(item) };
        if own.is_some() {
            return own;
        }
        let seen = |import: &&Import| inside || import.visibility > Visibility::Private;
        let imports = || module.body.imports.iter().filter(seen);
        for import in imports().filter(|i| matches!(&i.binding, Binding::Name(own) if own == name))
        {
            if let Some(found) = self.meaning(id, &import.path, busy) {
                return Some(found);
            }
        }
        for import in imports().filter(|import| import.binding == Binding::Glob) {
            let Some(Meaning::Module(other)) = self.meaning(id, &import.path, busy) else {
                continue;
            };
            let inside = self.ancestors(id).contains(&other);
            if let Some(found) = self.lookup(other, name, last, inside, busy) {
                return Some(found);
            }
        }
        let generated = module.body.generated.contains(name)
            && name.starts_with(|first: char| first.is_ascii_uppercase());
        generated.then(|| Meaning::Item { module: id, name: name.to_owned() })
    }

    /// The definition of an item that [`Self::resolve`] found, if it stands in the source.
    #[must_use]
    pub fn definition(&self, meaning: &Meaning) -> Option<&Item> {
        let Meaning::Item { module, name } = meaning else { return None };
        self.item(*module, name)
    }
}
