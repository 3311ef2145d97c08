//! Targets, modules, and how to look at them.

use std::collections::{BTreeMap, HashMap};

use crate::source::{Body, Item, SourceFile, Visibility};
use crate::workspace::TargetUse;

/// A module in [`House::modules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub(super) usize);

/// A target in [`House::units`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitId(pub(super) usize);

/// One target that the compiler sees as a crate of its own.
#[derive(Debug)]
pub struct Unit {
    /// The package it belongs to.
    pub package: String,
    /// The name of the target.
    pub name: String,
    /// What it is for.
    pub purpose: TargetUse,
    /// Its root module.
    pub root: ModuleId,
    /// Crates that its code can name, by the name that it writes.
    pub(super) externs: HashMap<String, Extern>,
}

/// A crate that code can name.
#[derive(Debug, Clone)]
pub(super) enum Extern {
    /// A library of this workspace.
    Unit(UnitId),
    /// Another crate, under its own name.
    Outside(String),
}

/// One module of one target.
#[derive(Debug)]
pub struct Module {
    /// The target it belongs to.
    pub unit: UnitId,
    /// The names from the root of the target; empty for the root.
    pub path: Vec<String>,
    /// The file in which it stands.
    pub file: String,
    /// The module that declares it.
    pub parent: Option<ModuleId>,
    /// The modules that it declares.
    pub children: BTreeMap<String, ModuleId>,
    /// Who may name it.
    pub visibility: Visibility,
    /// What stands in it.
    pub body: Body,
}

/// All targets of the workspace with their modules.
#[derive(Debug, Default)]
pub struct House {
    /// Every target of every member.
    pub units: Vec<Unit>,
    /// The modules of all targets.
    pub modules: Vec<Module>,
    /// The files of all targets, by their path, with the target that uses each first.
    pub files: BTreeMap<String, UnitId>,
}

impl House {
    /// The module of this id.
    #[must_use]
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.0]
    }

    /// The target of this id.
    #[must_use]
    pub fn unit(&self, id: UnitId) -> &Unit {
        &self.units[id.0]
    }

    /// The ids of all targets.
    pub fn ids(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..self.units.len()).map(UnitId)
    }

    /// All modules with their ids.
    pub fn each(&self) -> impl Iterator<Item = (ModuleId, &Module)> {
        self.modules.iter().enumerate().map(|(index, module)| (ModuleId(index), module))
    }

    /// All modules that end up in a library or program, not those of tests and examples.
    pub fn production(&self) -> impl Iterator<Item = (ModuleId, &Module)> {
        self.each().filter(|(_, module)| self.unit(module.unit).purpose != TargetUse::Trial)
    }

    /// The path of a module as a reader of the crate would write it.
    #[must_use]
    pub fn name_of(&self, id: ModuleId) -> String {
        let module = self.module(id);
        if module.path.is_empty() { "the crate root".to_owned() } else { module.path.join("::") }
    }

    /// The item of this name that a module defines.
    #[must_use]
    pub fn item(&self, module: ModuleId, name: &str) -> Option<&Item> {
        self.module(module).body.items.iter().find(|item| item.name == name && item.owner.is_none())
    }

    /// The module that owns the file in which a module stands: itself unless it is an inline one.
    #[must_use]
    pub fn room_of(&self, id: ModuleId) -> ModuleId {
        let file = &self.module(id).file;
        let same = |id: &ModuleId| self.module(*id).file == *file;
        self.ancestors(id).into_iter().take_while(same).last().unwrap_or(id)
    }

    /// The modules from `id` up to the root of its target.
    pub(super) fn ancestors(&self, id: ModuleId) -> Vec<ModuleId> {
        let mut all = vec![id];
        while let Some(parent) = all.last().and_then(|id| self.module(*id).parent) {
            all.push(parent);
        }
        all
    }
}

/// Every Rust file of the workspace by its path.
pub(crate) type Sources = HashMap<String, SourceFile>;
