//! Which module uses which, and the circles among them.

use std::collections::{BTreeMap, HashSet};

use super::house::{House, ModuleId, UnitId};
use super::resolve::Meaning;
use crate::source::{Binding, Kind, Visibility, WrittenPath};

/// One place where a module uses an item of another module of its crate.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// The module that uses.
    pub from: ModuleId,
    /// The module that defines what is used.
    pub to: ModuleId,
    /// The name of the item.
    pub item: String,
    /// The line in the file of `from`.
    pub line: usize,
}

/// An arrow of a circle, with the first of the places that draw it.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// The room that uses, as a name below the common parent; empty for the parent itself.
    pub from: String,
    /// The room that is used.
    pub to: String,
    /// The first place.
    pub example: Use,
    /// How many places draw the same arrow.
    pub count: usize,
}

/// A circle among the children of one module, and perhaps that module's own code.
#[derive(Debug, Clone)]
pub(crate) struct Circle {
    /// The module whose children make the circle.
    pub parent: ModuleId,
    /// The children by name; an empty name is the code of the parent itself.
    pub rooms: Vec<String>,
    /// The arrows between them.
    pub edges: Vec<Edge>,
}

/// Everything that the modules of a target use of each other.
#[must_use]
pub(crate) fn uses_of(house: &House, unit: UnitId) -> Vec<Use> {
    let mut uses = Vec::new();
    for (from, module) in house.each().filter(|(_, module)| module.unit == unit) {
        for import in &module.body.imports {
            if import.binding == Binding::Glob {
                continue; // What comes through the star is found where it is named.
            }
            let Some((to, item)) = target(house, from, &import.path) else { continue };
            let below = house.ancestors(to).contains(&from);
            let reexport = import.visibility > Visibility::Private && below;
            if !reexport {
                uses.push(Use { from, to, item, line: import.path.line });
            }
        }
        for path in &module.body.mentions {
            let Some((to, item)) = target(house, from, path) else { continue };
            // A single small name is a variable unless it is a function that a star brought here.
            let small = path.segments.len() == 1
                && path.segments[0].starts_with(|c: char| c.is_ascii_lowercase());
            let callable = house
                .item(to, &item)
                .is_some_and(|definition| matches!(definition.kind, Kind::Function | Kind::Macro));
            if !small || callable {
                uses.push(Use { from, to, item, line: path.line });
            }
        }
    }
    // What happens within one file is no matter of rooms.
    for each in &mut uses {
        each.from = house.room_of(each.from);
        each.to = house.room_of(each.to);
    }
    uses.retain(|each| each.from != each.to);
    uses
}

fn target(house: &House, from: ModuleId, path: &WrittenPath) -> Option<(ModuleId, String)> {
    match house.resolve(from, path)? {
        Meaning::Item { module, name } if house.module(module).unit == house.module(from).unit => {
            Some((module, name))
        }
        _ => None,
    }
}

/// The circles of a target, at every level of its tree.
#[must_use]
pub(crate) fn circles_of(house: &House, unit: UnitId) -> Vec<Circle> {
    let mut levels: BTreeMap<ModuleId, BTreeMap<(String, String), Edge>> = BTreeMap::new();
    for each in uses_of(house, unit) {
        let (parent, from, to) = meeting(house, each.from, each.to);
        let edges = levels.entry(parent).or_default();
        edges
            .entry((from.clone(), to.clone()))
            .and_modify(|edge| edge.count += 1)
            .or_insert(Edge { from, to, example: each, count: 1 });
    }
    let mut circles = Vec::new();
    for (parent, edges) in levels {
        for rooms in knots(edges.keys()) {
            let inside = |edge: &&Edge| rooms.contains(&edge.from) && rooms.contains(&edge.to);
            let mut edges: Vec<Edge> = edges.values().filter(inside).cloned().collect();
            // The arrow that is drawn least is the one that is cut most easily.
            edges.sort_by_key(|edge| edge.count);
            circles.push(Circle { parent, rooms, edges });
        }
    }
    circles
}

/// The nearest module above both, and the child of it that holds each.
fn meeting(house: &House, from: ModuleId, to: ModuleId) -> (ModuleId, String, String) {
    let (first, second) = (&house.module(from).path, &house.module(to).path);
    let shared = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    let above = house.ancestors(from);
    let parent = above[first.len() - shared];
    let room = |path: &[String]| path.get(shared).cloned().unwrap_or_default();
    (parent, room(first), room(second))
}

/// The strongly connected components of more than one room, each sorted.
fn knots<'a>(edges: impl Iterator<Item = &'a (String, String)>) -> Vec<Vec<String>> {
    let mut arrows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges {
        arrows.entry(from).or_default().push(to);
    }
    let reach: BTreeMap<&str, HashSet<&str>> =
        arrows.keys().map(|room| (*room, reachable(&arrows, room))).collect();
    let mut knots: Vec<Vec<String>> = Vec::new();
    for (room, from_room) in &reach {
        if knots.iter().flatten().any(|done| done == room) {
            continue;
        }
        let knot: Vec<String> = reach
            .iter()
            .filter(|(other, back)| from_room.contains(*other) && back.contains(room))
            .map(|(other, _)| (*other).to_owned())
            .collect();
        if knot.len() > 1 {
            knots.push(knot);
        }
    }
    knots
}

fn reachable<'a>(arrows: &BTreeMap<&'a str, Vec<&'a str>>, from: &'a str) -> HashSet<&'a str> {
    let mut seen = HashSet::new();
    let mut open = vec![from];
    while let Some(room) = open.pop() {
        for next in arrows.get(room).into_iter().flatten() {
            if seen.insert(*next) {
                open.push(next);
            }
        }
    }
    seen
}
